"""Study report and raw export: same bytes from the same rows, and again from the exported folder alone."""

import base64
import csv
import io
import json
import os
import platform
import re
import subprocess
import sys
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone, translation
from PIL import Image

from evaluation.models import Aspect, Score, Trial
from evaluation.reports.figures.canvas import to_bytes
from evaluation.reports.reader_readings import CaseReading
from evaluation.reports.study.data import StudyData, from_folder, from_trial, to_folder
from evaluation.reports.study.reader_files import imrmc_file, mrmcaov_file
from evaluation.reports.study.render import to_html
from evaluation.reports.study.sections import flow_steps, sections
from evaluation.reports.study.steps import STEPS
from evaluation.services.exports import ask_export, decide_export
from evaluation.services.freezing import design_hash
from evaluation.services.scoring import lock_trial
from evaluation.statistics.score_analysis import analyse_aspect
from mammo.accounts.models import AuditEvent, User
from tests.evaluation import scene
from tests.evaluation.reports.drawn_plots import every_plot, hashes


@pytest.fixture
def locked(trial: Trial, rita: User) -> Trial:
    """Every form scored, locked, not unblinded."""
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita)


def run(command: str, *arguments: object) -> dict[str, Any]:
    out = io.StringIO()
    call_command(command, *[str(a) for a in arguments], "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def approved(of: Trial, rita: User, reason: str) -> str:
    """A request of Rita that a second person approved."""
    second = User.objects.filter(username="stan").first() or scene.person(of.site, "Stan", "statistician")
    row = ask_export(of, by_user=rita, reason=reason, expires_on=timezone.localdate())
    return str(decide_export(row, "approved", by_user=second).pk)


def pdf_text(path: Path) -> str:
    """Texts of a PDF in order: strings of its page streams (ASCII85 and Flate, as reportlab writes them)."""
    found = []
    for stream in re.findall(rb"/FlateDecode \].*?stream\r?\n(.*?)endstream", path.read_bytes(), re.S):
        try:
            page = zlib.decompress(base64.a85decode(stream.strip(), adobe=False) if stream else b"")
        except (ValueError, zlib.error):
            page = zlib.decompress(base64.a85decode(b"<~" + stream.strip(), adobe=True))
        found += re.findall(rb"\((.*?)(?<!\\)\) Tj", page)
    return "".join(part.decode("latin-1") for part in found)


@pytest.mark.slow
def test_the_report_has_its_sections_and_comes_again_from_the_export(
    locked: Trial, tmp_path: Path, rita: User
) -> None:
    first = run("study_report", "--trial", locked.name, tmp_path / "a")
    run("export_scores", "--request", approved(locked, rita, "archive"), tmp_path / "export")
    again = run("study_report", "--from", tmp_path / "export", tmp_path / "b")
    assert first["sha256"] == again["sha256"]
    for name in ("report.html", "report.pdf", "radar.svg", "forest_correctness.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    html = (tmp_path / "a" / "report.html").read_text()
    for heading in (
        *("Design", "Flow of questions", "Mean scores", "Agreement of the raters", "Sensitivity"),
        *("Unsafe answers", "Leaks and blinding"),
    ):
        assert heading in html
    assert locked.design_sha256 in html
    assert first["sha256"] in html
    assert "two-way random ANOVA" in html
    text = pdf_text(tmp_path / "a" / "report.pdf")
    assert "Study report: First trial" in text
    assert first["sha256"] in text
    # Before unblinding arms stand under their codes, everywhere.
    for arm in locked.arms.all():
        assert arm.name not in html + text
        assert arm.code in html
    with Image.open(tmp_path / "a" / "radar.png") as picture:
        assert picture.width > 500


def test_alpha_has_a_bootstrap_interval_over_all_arms_and_within_each(locked: Trial) -> None:
    data = from_trial(Trial.objects.get(pk=locked.pk), simulated=False)
    part = next(part for part in sections(data) if part.title == "Agreement of the raters")
    assert (
        "Intervals of alpha: 95%, bootstrap over questions, percentiles of 2000 replicates."
        in part.paragraphs
    )
    overall, within = part.grids[:2]
    assert overall.header[3] == "alpha"
    cells = [row[3] for row in overall.rows]
    cells += [cell for row in within.rows for cell in row[1:]]
    assert within.header == ["Aspect", *(arm["label"] for arm in data.arms)]
    assert len(cells) == 5 + 5 * 3
    for cell in cells:
        value, low, high = map(float, re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", cell).groups())
        assert low <= value <= high


def test_the_flow_is_a_diagram_with_what_was_left_out_at_its_side(locked: Trial, tmp_path: Path) -> None:
    trial = Trial.objects.get(pk=locked.pk)
    trial.raters.filter(user__username="sol").update(withdrawn_at=timezone.now())
    data = from_trial(trial, simulated=False)
    counts = {str(step["what"]): step["count"] for step in data.flow}
    assert counts["questions in the design"] == 9
    assert counts["answers to be scored"] == 27
    assert counts["scores of raters who withdrew (left out)"] == 135
    assert counts["scores analysed"] == 135
    flow = next(part for part in sections(data) if part.title.startswith("Flow"))
    assert [row[1] for row in flow.grids[0].rows] == [str(step["count"]) for step in data.flow]
    assert [picture.name for picture in flow.pictures] == ["flow"]
    drawn = {step.text: step for step in flow_steps(data)}
    assert drawn["raters who withdrew"].is_left_out
    assert not drawn["scores analysed"].is_left_out
    # Nothing was left out for being simulated: no box says so.
    assert "simulated scores left out" not in drawn


def test_every_step_that_says_left_out_stands_at_the_side_of_the_flow(locked: Trial) -> None:
    data = from_trial(locked, simulated=False)
    assert [step["what"] for step in data.flow] == list(STEPS)
    # One of each, so that every box is drawn.
    whole = replace(data, flow=[{**step, "count": 1} for step in data.flow])
    aside = {step.text for step in flow_steps(whole) if step.is_left_out}
    assert aside == {
        step["what"]
        for step in data.flow
        if re.search("left out|withdrew|analysed apart|taken out", step["what"])
    }
    assert "scores of patients who withdrew (left out)" in aside
    assert len(aside) == 8


def test_versions_of_what_computed_stand_in_the_report(locked: Trial, tmp_path: Path, rita: User) -> None:
    run("export_scores", "--request", approved(locked, rita, "archive"), tmp_path / "export")
    manifest = json.loads((tmp_path / "export" / "manifest.json").read_text())
    here = manifest["facts"]["versions"]
    assert (here["Python"], here["numpy"]) == (platform.python_version(), np.__version__)
    data = from_folder(tmp_path / "export")
    methods = sections(data)[-1].grids[0]
    assert ["scipy", here["scipy"]] in methods.rows
    # Read elsewhere: both are told.
    data.facts["versions"]["scipy"] = "0.1"
    elsewhere = sections(data)[-1].grids[0]
    assert ["scipy", "0.1", here["scipy"]] in elsewhere.rows


@pytest.mark.slow
def test_the_report_in_chinese_has_chinese_letters_in_its_pdf(locked: Trial, tmp_path: Path) -> None:
    with translation.override("zh-hans"), warnings.catch_warnings():
        # Figures too: a letter that no font has is a warning of the drawing library.
        warnings.filterwarnings("error", message="Glyph")
        run("study_report", "--trial", locked.name, tmp_path)
    assert b"STSong-Light" in (tmp_path / "report.pdf").read_bytes()


def test_an_export_holds_every_score_its_codebook_and_leaves_a_trace(
    locked: Trial, tmp_path: Path, rita: User
) -> None:
    found = run("export_scores", "--request", approved(locked, rita, "for the statistician"), tmp_path / "x")
    raw = (tmp_path / "x" / "scores.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert len(rows) == Score.objects.standing().count()
    assert {row["seconds"] for row in rows} == {"20.0"}
    by_arm = {arm.code: arm for arm in locked.arms.all()}
    for code, arm in by_arm.items():
        ours = [float(r["score"]) for r in rows if r["arm"] == code and r["aspect"] == "helpfulness"]
        expected = Score.objects.filter(slot__answer__arm=arm, aspect__key="helpfulness")
        assert np.mean(ours) == pytest.approx(np.mean([score.value for score in expected]))
    codebook = (tmp_path / "x" / "codebook.csv").read_text(encoding="utf-8-sig")
    assert all(f"\n{column}," in f"\n{codebook}" for column in rows[0])
    sheet = openpyxl.load_workbook(tmp_path / "x" / "scores.xlsx")["scores"]
    assert sheet.max_row == len(rows) + 1
    text = raw.decode() + codebook + (tmp_path / "x" / "manifest.json").read_text()
    assert not any(name in text for name in ("Sena", "sena", "MammoVLM", str(locked.raters.first().pk)))
    event = AuditEvent.objects.get(action="evaluation.scores.exported")
    assert event.reason == "for the statistician"
    assert event.details["sha256"] == found["sha256"]


def test_altered_exports_full_folders_and_unlocked_trials_are_refused(
    locked: Trial, tmp_path: Path, rita: User
) -> None:
    run("export_scores", "--request", approved(locked, rita, "check"), tmp_path / "x")
    scores = tmp_path / "x" / "scores.csv"
    scores.write_bytes(scores.read_bytes().replace(b",80,", b",99,").replace(b",81,", b",98,"))
    with pytest.raises(CommandError, match="not that which the manifest names"):
        run("study_report", "--from", tmp_path / "x", tmp_path / "y")
    assert not (tmp_path / "y").exists()
    request = approved(locked, rita, "again")
    with pytest.raises(CommandError, match="holds files already"):
        run("export_scores", "--request", request, tmp_path / "x")
    with pytest.raises(CommandError, match="need a second person's approval"):
        run("export_scores", "--trial", locked.name, "--reason", "alone", tmp_path / "z")
    with pytest.raises(CommandError, match="no such request"):
        run("export_scores", "--request", "nobody's", tmp_path / "z")
    waiting = ask_export(locked, by_user=rita, reason="waiting", expires_on=timezone.localdate())
    with pytest.raises(CommandError, match="not approved"):
        run("export_scores", "--request", waiting.pk, tmp_path / "z")
    with pytest.raises(CommandError, match="not an export"):
        run("study_report", "--from", tmp_path / "none", tmp_path / "y")
    with pytest.raises(CommandError, match="name one of --trial"):
        run("study_report", tmp_path / "y")
    Trial.objects.filter(pk=locked.pk).update(state="scoring")
    with pytest.raises(CommandError, match="once the scores are locked"):
        run("export_scores", "--request", request, tmp_path / "z")
    assert not (tmp_path / "z").exists()


@pytest.mark.parametrize("kind", ["radar", "forest", "distributions", "agreement"])
def test_figures_of_a_trial_are_drawn_from_its_rows(locked: Trial, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"{kind}.svg"
    call_command("figure", kind, str(out), "--trial", locked.name, "--aspect", "helpfulness")
    assert out.read_bytes().startswith(b"<?xml")
    with pytest.raises(CommandError, match="no such aspect; known: correctness"):
        call_command("figure", kind, str(out), "--trial", locked.name, "--aspect", "charm")


@pytest.mark.parametrize("name", list(every_plot()))
def test_figures_have_equal_bytes_in_every_format(name: str) -> None:
    for kind, magic in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
        once, twice = to_bytes(every_plot()[name](), kind), to_bytes(every_plot()[name](), kind)
        assert once == twice
        assert once.startswith(magic)
    with pytest.raises(ValueError, match="known: svg"):
        to_bytes(every_plot()[name](), "gif")


@pytest.mark.slow
def test_another_process_with_other_hashes_of_texts_draws_the_same_bytes() -> None:
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-m", "tests.evaluation.reports.drawn_plots"],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == hashes()


def test_reader_files_hold_truth_and_every_reading() -> None:
    def reading(reader: str, case: str, truth: bool, likelihood: float) -> CaseReading:
        return CaseReading("pk", reader, "junior", "alone", case, "p", None, truth, True, likelihood, False)

    found = [reading("R01", "C001", True, 80.0), reading("R01", "C002", False, 20.0)]
    lines = imrmc_file("Readers", found).decode().splitlines()
    assert lines[:5] == ["Readers", "N0: 1", "N1: 1", "NR: 1", "NM: 1"]
    assert lines[lines.index("BEGIN DATA:") + 1 :] == [
        "-1,C001,truth,1",
        "-1,C002,truth,0",
        "R01,C001,alone,80",
        "R01,C002,alone,20",
    ]
    assert mrmcaov_file(found).decode().splitlines()[1] == "R01,alone,C001,1,80,P001"


def through_files(data: StudyData, folder: Path) -> StudyData:
    """The data as an export on another machine gives them again."""
    for name, raw in to_folder(data).items():
        (folder / name).write_bytes(raw)
    return from_folder(folder)


def test_an_export_with_endpoint_checkpoints_and_doctors_gives_the_same_bytes(
    locked: Trial, tmp_path: Path
) -> None:
    data = from_trial(Trial.objects.get(pk=locked.pk), simulated=False)
    # Not in the order of their letters, as arms with names seldom are.
    labels = [arm["label"] for arm in data.arms][::-1]
    endpoint = {
        "hypothesis": "superiority", "margin": 3, "second": labels[1], "first": labels[0], "endpoint": "correctness"
    }  # fmt: skip
    told = {
        "state": "unblinded",
        "primary_endpoint": endpoint,
        "checkpoints": {labels[0]: "run one", labels[1]: "run two"},
        "authors": {labels[0]: 1, labels[2]: 2},
    }
    arms = [{"id": str(place), "label": label} for place, label in enumerate(labels, start=1)]
    data = replace(data, facts=data.facts | told, arms=arms)
    again = through_files(data, tmp_path)
    here, there = sections(data), sections(again)
    assert str(here) == str(there)
    pages = [to_html("t", [replace(part, pictures=[]) for part in parts]) for parts in (here, there)]
    assert pages[0] == pages[1]
    design = {row[0]: row[1] for row in here[0].grids[0].rows}
    assert design["Primary endpoint"].startswith("Aspect: correctness; first arm: ")
    assert design["Checkpoints"] == f"{labels[0]}: run one; {labels[1]}: run two"


def test_aspects_have_their_chinese_names_in_a_chinese_report(locked: Trial, tmp_path: Path) -> None:
    Aspect.objects.filter(trial=locked, key="correctness").update(name="Correctness", name_zh="正确性")
    Trial.objects.filter(pk=locked.pk).update(design_sha256=design_hash(Trial.objects.get(pk=locked.pk)))
    data = through_files(from_trial(Trial.objects.get(pk=locked.pk), simulated=False), tmp_path)
    with translation.override("zh-hans"):
        parts = sections(data)
        assert data.aspect_name("correctness") == "正确性"
    grids = [str(grid) for part in parts for grid in part.grids]
    assert not [grid for grid in grids if "'Correctness'" in grid]
    assert any("正确性" in grid for grid in grids)
    assert data.aspect_name("correctness") == "Correctness"
    # Exports of earlier versions know one name.
    old = replace(data, aspects=[{k: v for k, v in a.items() if k != "name_zh"} for a in data.aspects])
    with translation.override("zh-hans"):
        assert old.aspect_name("correctness") == "Correctness"


def test_alphas_interval_does_not_hang_on_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(2)
    rows = [
        {"rater": f"R{r}", "question": f"Q{q}", "patient": f"P{q}", "arm": arm, "aspect": "a", "score": score}
        for r, q, arm, score in (
            (r, q, arm, int(rng.integers(40, 100))) for r in (1, 2, 10) for q in range(1, 13) for arm in "AB"
        )
        if (r, q) != (1, 1)
    ]
    arms, aspects = [{"id": "1", "label": "A"}, {"id": "2", "label": "B"}], [{"key": "a", "name": "a"}]
    one = StudyData({}, aspects, arms, rows).cubes()["a"]
    other = StudyData({}, aspects, arms, rows[::-1]).cubes()["a"]
    assert one.raters == ("R1", "R2", "R10")
    assert one.questions == tuple(f"Q{q}" for q in range(1, 13))
    assert analyse_aspect(one, b=50).alpha == analyse_aspect(other, b=50).alpha
