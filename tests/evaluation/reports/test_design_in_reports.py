"""The design that a study report prints: consent, cohort, exclusions, authors, and how the scoring was laid out."""

from typing import Any

import pytest
from django.utils import translation

from evaluation.models import ReaderStudy, Trial
from evaluation.reports.study.data import StudyData, from_trial
from evaluation.reports.study.reader_data import from_reader_study
from evaluation.reports.study.reader_sections import reader_sections
from evaluation.reports.study.sections import sections
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import User
from mammo.archive.models import Cohort
from tests.evaluation import scene
from tests.evaluation.reading_scene import resealed


@pytest.fixture
def planned(rita: User) -> dict[str, Any]:
    """Fields of a protocol."""
    site = rita.sites_as("researcher").get()
    return {
        "consent_basis": "waiver for kept images",
        "exclusions": ["implants", "earlier cancer"],
        "cohort": Cohort(name="Screening 2021", site=site, by_user=rita),
        "authors": "R. Iver; J. Lake",
    }


@pytest.fixture
def locked(rita: User, june: User, sena: User, sol: User, planned: dict[str, Any]) -> Trial:
    """A trial of a furnished protocol, with a hidden repeat and two guesses for each rater."""
    layout = {"repeats": 1, "guesses": 2, "sitting_slots": 14, "sitting_minutes": 25}
    trial = scene.open_trial(rita, june, [sena, sol], protocol=planned, **layout)
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita, reason="guesses are not needed")


def design(data: StudyData) -> dict[str, str]:
    return dict(sections(data)[0].grids[0].rows)


def test_a_trials_design_names_consent_cohort_and_how_the_scoring_was_laid_out(locked: Trial) -> None:
    rows = design(from_trial(locked, simulated=False))
    assert rows["Authors of the protocol"] == "R. Iver; J. Lake"
    assert rows["Consent basis"] == "waiver for kept images"
    assert rows["Cohort"] == "Screening 2021"
    assert rows["Exclusions"] == "implants; earlier cancer"
    assert rows["Raters per answer"] == "every rater scores every answer"
    assert (rows["Hidden repeats per rater"], rows["Degraded controls per rater"]) == ("1", "0")
    assert rows["Guesses of the author per rater"] == "2"
    assert rows["A sitting"] == "at most 14 forms, planned for 25 minutes"


def test_the_design_stands_in_chinese_too(locked: Trial) -> None:
    with translation.override("zh-hans"):
        rows = design(from_trial(locked, simulated=False))
    assert rows["知情同意依据"] == "waiver for kept images"
    assert rows["排除标准"] == "implants; earlier cancer"
    assert rows["每条回答的评分者数"] == "每位评分者均为每条回答评分"
    assert rows["每个时段"] == "最多 14 份评分表，计划 25 分钟"
    assert [name for name in rows if name.isascii()] == []


def test_exports_of_earlier_versions_say_nothing_of_what_they_do_not_hold(locked: Trial) -> None:
    data = from_trial(locked, simulated=False)
    for name in ("consent_basis", "cohort", "sittings", "raters_per_answer", "guesses"):
        del data.facts[name]
    rows = design(data)
    assert {"Consent basis", "Cohort", "A sitting", "Raters per answer"} & set(rows) == set()
    assert rows["Exclusions"] == "implants; earlier cancer"


def test_a_reader_studys_design_names_them_too(
    reader_study: ReaderStudy, rita: User, planned: dict[str, Any]
) -> None:
    protocol = scene.frozen_protocol(rita, **planned)
    data = from_reader_study(resealed(reader_study, protocol=protocol), simulated=False)
    rows = dict(reader_sections(data)[0].grids[0].rows)
    assert rows["Consent basis"] == "waiver for kept images"
    assert rows["Cohort"] == "Screening 2021"
    assert rows["Exclusions"] == "implants; earlier cancer"
    assert rows["Authors of the protocol"] == "R. Iver; J. Lake"
    for name in ("consent_basis", "protocol_authors"):
        del data.facts[name]
    assert "Consent basis" not in dict(reader_sections(data)[0].grids[0].rows)
