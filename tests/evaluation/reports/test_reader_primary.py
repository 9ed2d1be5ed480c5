"""A reader study's primary endpoint is tested as its protocol plans: over readers and cases, against its margin."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from django.utils.translation import override
from scipy import stats

from evaluation.models import ReaderStudy
from evaluation.reports.reader_readings import study_readings
from evaluation.reports.study.parts import Section
from evaluation.reports.study.reader_data import from_reader_study
from evaluation.reports.study.reader_primary import primary_endpoint_of_readers
from evaluation.reports.study.reader_sections import reader_sections
from evaluation.services.exports import ask_export, decide_export
from evaluation.statistics.mrmc import analyse_mrmc
from evaluation.statistics.mrmc_readings import readings
from evaluation.statistics.results import Estimate
from mammo.accounts.models import User
from tests.evaluation import scene
from tests.evaluation.reading_scene import resealed

PLANNED = {"endpoint": "auc", "first": "ai", "second": "alone"}


def planned(study: ReaderStudy, rita: User, endpoint: dict[str, Any], **fields: Any) -> ReaderStudy:
    """The study under a protocol with this endpoint."""
    protocol = scene.frozen_protocol(rita, primary_endpoint=endpoint, **fields)
    return resealed(study, protocol=protocol)


def primary(study: ReaderStudy) -> Section:
    parts = {part.title: part for part in reader_sections(from_reader_study(study, simulated=False))}
    return parts["Primary endpoint"]


def difference(study: ReaderStudy, measure: str = "auc") -> Estimate:
    """ai - alone from the rows."""
    rows = [reading.row() for reading in study_readings(study, simulated=False)]
    if measure != "auc":
        found = study_readings(study, simulated=False)
        rows = [replace(row, rating=float(one.called)) for row, one in zip(rows, found, strict=True)]
    (contrast,) = analyse_mrmc(readings(rows), endpoint=measure).main.differences
    assert (contrast.first, contrast.second) == ("ai", "alone")
    return contrast.estimate


@pytest.mark.parametrize("hypothesis", ["non_inferiority", "equivalence"])
@pytest.mark.parametrize("pair", [("ai", "alone"), ("alone", "ai")])
def test_the_margin_of_the_protocol_is_tested_over_readers_and_cases(
    reader_study: ReaderStudy, rita: User, hypothesis: str, pair: tuple[str, str]
) -> None:
    endpoint = {
        "endpoint": "auc",
        "first": pair[0],
        "second": pair[1],
        "hypothesis": hypothesis,
        "margin": 0.15,
    }
    rows = dict(primary(planned(reader_study, rita, endpoint, alpha=0.1)).grids[0].rows)
    found = difference(reader_study)
    sign = 1 if pair[0] == "ai" else -1
    lower = stats.t.sf((sign * found.value + 0.15) / found.se, found.df)
    upper = stats.t.sf((0.15 - sign * found.value) / found.se, found.df)
    one_sided, p = (0.05, lower) if hypothesis == "non_inferiority" else (0.1, max(lower, upper))
    assert rows["Measure"] == "AUC"
    names = {"ai": "with UMiCon", "alone": "alone"}
    assert rows["Contrast"] == f"{names[pair[0]]} − {names[pair[1]]}"
    assert rows[f"p (one-sided at {one_sided:g})"] == f"{p:.3g}"
    assert rows["Margin"] == "0.15"
    assert rows["Shown"] == ("yes" if p < one_sided else "no")
    half = stats.t.isf(one_sided, found.df) * found.se
    limits = f"[{sign * found.value - half:.3f}, {sign * found.value + half:.3f}]"
    assert rows[f"Interval that decides ({100 * (1 - 2 * one_sided):g}%)"] == limits


def test_superiority_in_sensitivity_is_tested_on_the_stored_decisions(
    reader_study: ReaderStudy, rita: User
) -> None:
    study = planned(reader_study, rita, PLANNED | {"endpoint": "sensitivity", "first": "with UMiCon"})
    part = primary(study)
    rows = dict(part.grids[0].rows)
    found = difference(reader_study, "sensitivity")
    p = 2 * stats.t.sf(abs(found.value) / found.se, found.df)
    assert rows["Difference [95% CI]"].startswith(f"{found.value:.3f} [")
    assert rows["p (two-sided)"] == f"{p:.3g}"
    assert rows["Measure"] == "Sensitivity"
    assert any("category 4A on" in text for text in part.paragraphs)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("pair", [("ai", "alone"), ("with UMiCon", "alone"), ("借助 UMiCon", "独立")])
def test_a_contrast_is_found_in_every_language_by_keys_and_by_names_of_any(
    reader_study: ReaderStudy, rita: User, pair: tuple[str, str], language: str
) -> None:
    study = planned(reader_study, rita, PLANNED | {"first": pair[0], "second": pair[1]})
    with override(language):
        part = primary_endpoint_of_readers(from_reader_study(study, simulated=False))
    (contrast,) = (row[1] for row in part.grids[0].rows if " − " in row[1])
    assert contrast == {"en": "with UMiCon − alone", "zh-hans": "借助 UMiCon − 独立"}[language]


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ({}, "names no primary contrast"),
        (PLANNED | {"endpoint": "helpfulness"}, "helpfulness is none of a reader study: auc, sensitivity"),
        (PLANNED | {"second": "nobody"}, "ai − nobody"),
    ],
)
def test_a_plan_that_the_readings_do_not_hold_is_told(
    reader_study: ReaderStudy, rita: User, endpoint: dict[str, str], told: str
) -> None:
    part = primary(planned(reader_study, rita, endpoint))
    assert part.grids == []
    assert told in part.paragraphs[-1]


def test_the_report_made_from_an_export_tests_the_same(
    reader_study: ReaderStudy, rita: User, tmp_path: Path
) -> None:
    study = planned(reader_study, rita, PLANNED | {"hypothesis": "non_inferiority", "margin": 0.1})
    stan, stella = (scene.person(study.site, name, "statistician") for name in ("Stan", "Stella"))
    row = ask_export(study, by_user=stan, reason="archive", expires_on=timezone.localdate())
    decide_export(row, "approved", by_user=stella)
    call_command("export_readings", str(tmp_path / "export"), "--request", str(row.pk))
    call_command("study_report", str(tmp_path / "here"), "--reader-study", "Readers")
    call_command("study_report", str(tmp_path / "there"), "--from", str(tmp_path / "export"))
    page = (tmp_path / "here" / "report.html").read_text(encoding="utf-8")
    assert page == (tmp_path / "there" / "report.html").read_text(encoding="utf-8")
    assert page.index("Primary endpoint</h") < page.index("Readers alone and with the model</h")
    assert "<td>Non-inferiority</td>" in page
