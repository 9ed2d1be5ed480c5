"""The summary's AUCs come with intervals, the same as Table 8's, and say where fusing is below images alone."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mammo.accounts.models import Site
from mammo.archive.models import Study
from mammo.demo.management.commands.demo import Command
from mammo.demo.progress import Progress
from mammo.demo.story import run as story_run
from mammo.demo.story.context import Story
from mammo.demo.story.figures import METHODS, held_out, with_intervals
from mammo.jobs.models import Job
from modeling.models import Prediction, Run
from tests.evaluation.reports.conftest import archive as archive
from tests.evaluation.reports.prediction_scene import cell, malignancy_run, run_of
from tests.evaluation.reports.test_table_1 import table


def scored(run: Run, change: Callable[[str, float, bool], float]) -> None:
    """Replace the scores of a run's breasts: by method, score before, and whether the breast is malignant."""
    known = {
        (item.study_id, item.laterality): item.result == "malignant"
        for row in Prediction.objects.select_related("study")
        for item in row.study.pathology.all()  # type: ignore[union-attr]
    }
    for row in Prediction.objects.filter(checkpoint__run=run):
        row.value = change(row.method, row.value, known[row.study_id, row.laterality])
        row.save(update_fields=["value"])


def test_intervals_are_those_of_table_8(archive: list[Study], site: Site) -> None:
    run = malignancy_run(site, archive).run
    scored(run, lambda method, value, malignant: value - (0.25 if malignant and method == "report" else 0.0))
    found = with_intervals(held_out(run))
    row = table(8)
    for name, method in METHODS.items():
        shown = cell(row, 0, f"auc_{method}")
        assert found["intervals"][name] == pytest.approx(shown["ci"], abs=1e-9), name
    low, high = found["intervals"]["umicon_auc_report"]
    assert low < high


def test_where_fusing_is_below_images_alone_it_says_so(archive: list[Study], site: Site) -> None:
    run = malignancy_run(site, archive).run
    scored(run, lambda method, value, malignant: value - (0.25 if malignant and method == "fused" else 0.0))
    found = with_intervals(held_out(run))
    assert found["fused_minus_images"]["difference"] < 0
    low, high = found["fused_minus_images"]["interval"]
    assert low < found["fused_minus_images"]["difference"] < high
    (remark,) = found["remarks"]
    assert remark.startswith("Fusing is below images alone here: -")
    assert "on purpose" in remark
    scored(run, lambda method, value, malignant: float(malignant) if method == "fused" else value)
    assert with_intervals(held_out(run))["remarks"] == []


def test_too_few_breasts_have_no_interval_and_say_why(archive: list[Study], site: Site) -> None:
    empty = run_of(site, "umicon_supervised").run
    assert with_intervals(held_out(empty))["intervals"] == dict.fromkeys(METHODS)
    run = malignancy_run(site, archive).run
    one = Prediction.objects.filter(checkpoint__run=run).order_by("unit")[0].unit
    Prediction.objects.filter(checkpoint__run=run).exclude(unit=one).delete()
    found = with_intervals(held_out(run))
    assert found["intervals"] == dict.fromkeys(METHODS)
    assert found["remarks"][0].startswith("no intervals: ")


def test_the_summary_and_the_terminal_show_them(
    archive: list[Study], site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    run = malignancy_run(site, archive).run
    job = Job.objects.create(
        kind="train",
        state="succeeded",
        started_at=timezone.now() - timedelta(seconds=90),
        finished_at=timezone.now(),
    )
    Run.objects.filter(pk=run.pk).update(job=job)
    metrics: dict[str, dict[str, Any]] = {
        "density": {"test_macro_auc": 0.5},
        "umicon_supervised": {"test_image_auc": 0.9, "test_fused_auc": 0.8, "test_report_auc": 0.7},
        "umicon_unsupervised": {"collapse": False},
        "umicon_collapse": {"collapse": True},
        "sft": {"density_right": 0.9, "follows_swap": 0.9},
    }
    notes: dict[str, Any] = {step: {"run": str(run.pk), "metrics": found} for step, found in metrics.items()}
    notes["propose"] = {"proposals": 90, "repeated": 2}
    story = Story(seed=1, studies=30, patients=30, quick=True, say=print, progress=Progress(notes=notes))
    figures = story_run.summary(story)
    written = json.loads((story.folder / "summary.json").read_text("utf-8"))
    assert written["intervals"] == figures["intervals"]
    assert {name: aim["met"] for name, aim in written["aims"].items()} == {
        "selector_macro_auc": False, "umicon_auc": True, "umicon_auc_fused": True, "collapse_default": True,
        "collapse_none": True, "density_right": True, "follows_swap": True,
    }  # fmt: skip
    assert all(len(limits) == 2 for limits in written["intervals"].values())
    assert all(
        low <= written["auc_of_rows"][name] <= high for name, (low, high) in written["intervals"].items()
    )
    (story.folder / "tables").mkdir(parents=True, exist_ok=True)
    (story.folder / "tables" / "table_1.md").write_text("Table 1", encoding="utf-8")
    Command()._say_results(story, {**figures, "remarks": ["Fusing is below."]}, json=False, serve=1)
    said = capsys.readouterr().out
    low, high = figures["intervals"]["umicon_auc"]
    assert f"umicon_auc             0.900 [{low:.3f}, {high:.3f}]" in said
    assert re.search(r"^selector_macro_auc     0\.500 +aim at least 0\.95: MISSED$", said, re.M)
    assert re.search(
        r"^umicon_auc_fused       0\.800 .* aim at least umicon_auc_report - 0\.02: met$", said, re.M
    )
    assert re.search(r"^proposals_repeated +2$", said, re.M)
    assert "\n6 of 7 aims met.\n" in said
    assert written["seconds_of_trainings"] == {"umicon_supervised umicon": pytest.approx(90.0, abs=1)}
    assert "seconds of each training, some of them beside others: umicon_supervised umicon 90\n" in said
    assert "Fusing is below." in said
