"""Counts of one have nouns in the singular: in captions, notes, methods texts and on pages."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages import pofile
from django.utils import translation

from evaluation import counted
from evaluation.models import Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.own_analysis import analyse_own
from evaluation.reports.tables import build_table
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import User
from tests.evaluation import scene

CATALOGUE = Path(counted.__file__).parent / "locale/zh_Hans/LC_MESSAGES/django.po"
COUNTS = [
    found
    for _name, found in inspect.getmembers(counted, inspect.isfunction)
    if found.__module__ == counted.__name__
]
NOUNS = (
    "raters|readers|questions|cases|patients|answers|scores|studies|readings|forms|arms|aspects|units|points|minutes|"
    "rows|turns|breasts"
)
# Their counts are two or more, or stand behind a total ("3 of 480 questions").
NEVER_ONE = (
    "worded as a training question",
    "forms scored",
    "questions finished",
    "are told apart",
    "no counts of",
    "is narrower than one of",
    "design effect",
    "questions per patient with",
    "of %(answers)s with scores",
    "don't reach a power",
    "of turns is empty",
    "is a dialogue of",
    "turns in question",
    "fewer than %(least)s questions",
    "systems to %(questions)s questions",
    "For a power of",
    "answers changed",
    "area under the ROC curve was estimated",
    "turns, %(answers)s answers came",
    "answers no questions",
    "names raters",
    "%(extra)s of %(forms)s forms",
    "five or more are advised",
    "who scored every author",
    "are too many for",
    "bootstrap over %(units)s",
    "needs two {name} cases",
)


@pytest.mark.parametrize("count", COUNTS)
def test_one_is_singular_and_two_are_plural(count: Callable[[int], str]) -> None:
    one, two = count(1), count(2)
    assert one.startswith("1 ")
    assert two == re.sub(r"^1 (.*)", lambda found: "2 " + found[1], two.replace("2 ", "1 ", 1))
    assert one.removeprefix("1 ") != two.removeprefix("2 ")
    with translation.override("zh-hans"):
        assert count(1).removeprefix("1") == count(2).removeprefix("2")
        assert not re.search("[A-Za-z]", count(1))


def test_a_text_with_a_count_and_a_plural_has_a_singular_too() -> None:
    with CATALOGUE.open("rb") as file:
        texts = [
            message.id for message in pofile.read_po(file, locale="zh_Hans") if isinstance(message.id, str)
        ]
    found = [text for text in texts if re.search(rf"(?:%\(\w+\)[sd]|\{{\w+\}}) (?:\w+ )?(?:{NOUNS})\b", text)]
    assert [text for text in found if not any(part in text for part in NEVER_ONE)] == []


def test_a_table_of_one_rater_and_one_question_counts_in_the_singular(
    rita: User, june: User, sena: User
) -> None:
    trial = scene.open_trial(rita, june, [sena], count=1)
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    caption = build_table(1, TableOptions(Trial.objects.get(pk=trial.pk))).caption
    assert "by 1 blinded rater on 1 question of 1 patient;" in caption


def test_a_methods_text_counts_one_cluster_and_one_unit_in_the_singular(tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text("unit,a,b\nu,1,2\nv,,\n", encoding="utf-8")
    assert "Agreement of 2 raters on 2 units" in analyse_own("agreement", file, {}).methods
    file.write_text("unit,a,b\nu,1,2\n", encoding="utf-8")
    assert "Agreement of 2 raters on 1 unit was" in analyse_own("agreement", file, {}).methods
