"""Methods and notes of the statistics in Chinese: every listed template is one that the statistics still write."""

import inspect
from types import ModuleType

import pytest
from django.utils import translation

from evaluation.models import Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.tables import build_table
from evaluation.reports.wording import TEMPLATES, in_words, sentences
from evaluation.services.scoring import lock_trial
from evaluation.statistics import (
    authors,
    blinding,
    cluster_bootstrap,
    clustered_roc,
    clustered_shares,
    crossed,
    delong,
    fixed_sensitivity,
    moments,
    mrmc,
    mrmc_clusters,
    score_analysis,
)
from mammo.accounts.models import User
from tests.evaluation import scene

MODULES: tuple[ModuleType, ...] = (
    *(
        authors,
        blinding,
        cluster_bootstrap,
        clustered_roc,
        clustered_shares,
        crossed,
        delong,
        fixed_sensitivity,
        mrmc,
        mrmc_clusters,
        moments,
        score_analysis,
    ),
)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_a_constant_of_the_statistics_and_has_a_translation(template: str) -> None:
    constants = {
        value for module in MODULES for _name, value in inspect.getmembers(module) if isinstance(value, str)
    }
    assert template in constants
    with translation.override("zh-hans"):
        said = in_words(template)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said)


def test_numbers_and_words_go_into_the_translation() -> None:
    text = cluster_bootstrap.METHOD.format(clusters="patients", b=2000)
    assert in_words(text) == text
    assert sentences(["one reader: x"]) == ["One reader: x."]
    with translation.override("zh-hans"):
        assert "2000" in in_words(text)
        assert "patients" not in in_words(text)
        assert in_words("a method that nobody listed") == "a method that nobody listed"
        assert sentences([crossed.ONE_RATER])[0].endswith("。")


def test_table_1_in_chinese_names_its_method_and_notes_in_chinese(trial: Trial, rita: User) -> None:
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    with translation.override("zh-hans"):
        built = build_table(1, TableOptions(Trial.objects.get(pk=trial.pk)))
    assert "two-way" not in built.method
    assert "agreement is over" not in " ".join(built.notes).lower()
