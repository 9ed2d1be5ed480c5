"""The figure of hidden repeats from the rows of a trial, and the Parquet file of an export."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from matplotlib.figure import Figure

from evaluation.models import Score, Slot, Trial
from evaluation.reports.figures import from_rows, plots
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.hidden_forms import seconds_of
from evaluation.reports.study.parts import shown
from evaluation.reports.study.repeats import forms_repeated
from evaluation.reports.study.sections import sections
from evaluation.services.exports import ask_export, decide_export
from evaluation.services.scoring import lock_trial, next_slot, record_scores
from evaluation.statistics.bland_altman import BlandAltman, bland_altman
from mammo.accounts.models import User
from tests.evaluation import scene


def scored(rita: User, june: User, raters: list[User], **settings: Any) -> Trial:
    """A locked trial of nine questions; a value is the place of its form, so that no two of an answer are equal."""
    trial = scene.open_trial(rita, june, raters, **settings)
    for rater in trial.raters.select_related("user"):
        slot = next_slot(rater)
        while slot is not None:
            record_scores(slot, by_user=rater.user, values=scene.values(20 + slot.position), active_seconds=2)
            slot = next_slot(rater)
    return lock_trial(trial, by_user=rita)


def pairs_by_aspect(trial: Trial) -> dict[str, list[tuple[int, int]]]:
    """First and second score of each form that was met twice."""
    found: dict[str, list[tuple[int, int]]] = {}
    for again in Slot.objects.filter(rater__trial=trial, kind=Slot.Kind.REPEAT).order_by("rater", "answer"):
        first = Slot.objects.get(rater=again.rater, answer=again.answer, kind=Slot.Kind.SCORED)
        for score in Score.objects.filter(slot=first).select_related("aspect"):
            second = Score.objects.get(slot=again, aspect=score.aspect)
            found.setdefault(score.aspect.key, []).append((score.value, second.value))
    return found


def test_the_figure_of_repeats_is_drawn_from_the_rows_of_both_forms(
    rita: User, june: User, sena: User, sol: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = scored(rita, june, [sena, sol], repeats=1)
    expected = pairs_by_aspect(trial)
    assert {key: len(pairs) for key, pairs in expected.items()} == dict.fromkeys(scene.ASPECTS, 2)
    data = from_trial(Trial.objects.get(pk=trial.pk), simulated=False)
    for key, pairs in expected.items():
        own = [(row["first"], row["second"]) for row in data.repeats if row["aspect"] == key]
        assert sorted(own) == sorted(pairs)
    drawn = []
    real = plots.repeats

    def remembered(first: np.ndarray, second: np.ndarray, found: BlandAltman) -> Figure:
        drawn.append((first, second, found))
        return real(first, second, found)

    monkeypatch.setattr(from_rows.plots, "repeats", remembered)
    out = tmp_path / "repeats.svg"
    call_command("figure", "repeats", str(out), "--trial", trial.name, "--aspect", "helpfulness")
    assert out.read_bytes().startswith(b"<?xml")
    ((first, second, found),) = drawn
    # One pair per form: the other aspects of the same two forms are no further pairs.
    assert sorted(zip(first, second, strict=True)) == sorted(expected["helpfulness"])
    gaps = np.array([b - a for a, b in zip(first, second, strict=True)], dtype=float)
    assert found.bias.value == pytest.approx(gaps.mean())
    assert found.bias.n == 2
    assert found == bland_altman(first, second)


def test_the_report_gives_limits_of_agreement_by_aspect_and_counts_forms_and_scores(
    rita: User, june: User, sena: User, sol: User
) -> None:
    trial = scored(rita, june, [sena, sol], repeats=1, protocol={"alpha": 0.1})
    data = from_trial(Trial.objects.get(pk=trial.pk), simulated=False)
    part = next(part for part in sections(data) if part.title == "Agreement of the raters")
    assert any("Hidden repeats: 2 forms, 10 pairs of scores." in text for text in part.paragraphs)
    grid = next(grid for grid in part.grids if grid.caption == "Hidden repeats, by aspect")
    assert grid.header[2] == "Mean difference [90% CI]"
    assert [row[0] for row in grid.rows] == [aspect["name"] for aspect in data.aspects]
    for aspect, row in zip(data.aspects, grid.rows, strict=True):
        pairs = pairs_by_aspect(trial)[aspect["key"]]
        first, second = np.array(pairs, dtype=float).T
        limits = bland_altman(first, second, level=0.9)
        assert row[1:] == [
            *("2", shown(limits.bias), shown(limits.lower), shown(limits.upper)),
            f"{limits.repeatability:.1f}",
        ]
    assert [picture.name for picture in part.pictures] == ["agreement", "repeats"]
    # Exports of earlier versions do not name the forms.
    for repeat in data.repeats:
        del repeat["form"]
    assert forms_repeated(data) == 2


def test_a_trial_without_repeats_has_no_such_figure(
    rita: User, june: User, sena: User, sol: User, tmp_path: Path
) -> None:
    trial = scored(rita, june, [sena, sol])
    with pytest.raises(CommandError, match="fewer than two hidden repeats"):
        call_command("figure", "repeats", str(tmp_path / "r.svg"), "--trial", trial.name)


def test_the_parquet_file_of_an_export_holds_the_rows_of_the_csv_with_their_types(
    rita: User, june: User, sena: User, sol: User, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    trial = scored(rita, june, [sena, sol])
    stan = scene.person(trial.site, "Stan", "statistician")
    row = ask_export(trial, by_user=rita, reason="in Python", expires_on=timezone.localdate())
    decide_export(row, "approved", by_user=stan)
    call_command("export_scores", str(tmp_path / "x"), "--request", str(row.pk))
    text = (tmp_path / "x" / "scores.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    found = parquet.read_table(tmp_path / "x" / "scores.parquet").to_pylist()
    assert len(found) == len(rows) == Score.objects.standing().count() == 2 * 27 * 5
    assert list(found[0]) == list(rows[0])
    for ours, theirs in zip(found, rows, strict=True):
        assert {name: str(value) for name, value in ours.items()} == theirs
    assert all(isinstance(one["score"], int | float) for one in found)
    assert all(isinstance(one["seconds"], float) for one in found)


def test_seconds_of_a_form_are_those_of_all_visits_that_saved_a_value(trial: Trial, sena: User) -> None:
    rater = trial.raters.get(user=sena)
    slot, values = next_slot(rater), scene.values(70)

    def visit(seconds: float, **changed: int) -> None:
        record_scores(slot, by_user=sena, values=values | changed, active_seconds=seconds)

    visit(60)
    visit(40, correctness=10, helpfulness=20)
    assert seconds_of({str(slot.pk)}) == {str(slot.pk): 100}
    # Twice the same time for the same aspect: two visits. Nothing changed: none.
    visit(8.5, correctness=11, helpfulness=20)
    visit(8.5, correctness=12, helpfulness=20)
    visit(30, correctness=12, helpfulness=20)
    other = next_slot(rater)
    record_scores(other, by_user=sena, values=values, active_seconds=8.5)
    assert seconds_of({str(slot.pk), str(other.pk)}) == {str(slot.pk): 117, str(other.pk): 8.5}
