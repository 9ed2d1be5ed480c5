"""The programs of a raw export give Table 1 again, means and intervals, to the digits that are printed."""

import csv
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from evaluation.models import DataExport, Score, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.study.archives import export_archive
from evaluation.reports.study.data import StudyData, scores_csv
from evaluation.reports.study.raw_export import export_files
from evaluation.reports.study.snippets import python_snippet, r_snippet
from evaluation.reports.table import Cell
from evaluation.reports.tables import build_table
from evaluation.services.scoring import lock_trial
from evaluation.statistics.score_analysis import AspectAnalysis, analyse_aspect
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.evaluation import scene

RSCRIPT = shutil.which("Rscript")
needs_r = pytest.mark.skipif(RSCRIPT is None, reason="Rscript is not installed: table1.R was not run")
LANGUAGES = ["python", pytest.param("R", marks=needs_r)]
DONE = "done"
# One process for several exports: most of what a program takes is its start.
EVERY = {
    "python": "import os, runpy, sys\nfor f in sys.argv[1:]: os.chdir(f); runpy.run_path('table1.py'); print('done')",
    "R": "for (f in commandArgs(TRUE)) { setwd(f); source('table1.R'); writeLines('done') }",
}


def printed(language: str, folders: Iterable[Path]) -> list[dict[tuple[str, str], str]]:
    """What a program says of every aspect and arm (or pair of arms), by folder; the machine says no language."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}
    start = [sys.executable, "-c"] if language == "python" else [str(RSCRIPT), "--vanilla", "-e"]
    done = subprocess.run(
        [*start, EVERY[language], *map(str, folders)],
        capture_output=True, env=plain | {"LC_ALL": "C"}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    found: list[dict[tuple[str, str], str]] = [{}]
    for line in done.stdout.decode().splitlines():
        if line == DONE:
            found.append({})
            continue
        aspect, name, text = line.split("\t")
        assert (aspect, name) not in found[-1]
        found[-1][aspect, name] = text
    return found[:-1]


def scored(values: Any, questions_of_patient: tuple[int, ...], **facts: Any) -> StudyData:
    """Scores (raters, questions, arms; NaN where there is none) of one aspect, in an export's rows."""
    values = np.asarray(values, dtype=float)
    patients = np.repeat(np.arange(len(questions_of_patient)), questions_of_patient)
    # In the order of their names, which is that of the programs' differences.
    arms = ["Arm, the “first”", "Bare model", "乳影", "医生"][: values.shape[2]]
    rows = [
        {
            "rater": f"R{rater + 1:02d}", "question": f"Q{question + 1:03d}",
            "patient": f"P{patients[question] + 1:03d}", "arm": arms[arm], "aspect": "helpfulness",
            "score": values[rater, question, arm], "position": 1, "sitting": 1, "seconds": 1.0, "simulated": 0,
            "known": 0, "typed": 0,
        }
        for rater, question, arm in np.ndindex(*values.shape)
        if not np.isnan(values[rater, question, arm])
    ]  # fmt: skip
    return StudyData(
        {"scale": [0, 100], "seed": 20261130, "alpha": 0.05} | facts,
        [{"key": "helpfulness", "name": "Helpfulness"}],
        [{"id": str(place), "label": label} for place, label in enumerate(arms)],
        rows,
    )


def written(made: Mapping[str, StudyData], folder: Path) -> list[Path]:
    """A folder each."""
    for name, data in made.items():
        (folder / name).mkdir()
        (folder / name / "scores.csv").write_bytes(scores_csv(data.scores))
        (folder / name / "table1.py").write_text(python_snippet(data), encoding="utf-8")
        (folder / name / "table1.R").write_text(r_snippet(data), encoding="utf-8")
    return [folder / name for name in made]


def expected(data: StudyData) -> dict[tuple[str, str], str]:
    """Means and differences as the platform prints them."""
    level, (low, high) = 1 - data.facts["alpha"], data.facts["scale"]
    found: AspectAnalysis = analyse_aspect(
        data.cubes()["helpfulness"],
        level=level,
        seed=data.facts["seed"],
        scale=(low, high),
        cross_check=False,
    )
    means = dict(zip(found.systems, found.means, strict=True))
    pairs = {f"{one.first} - {one.second}": one.estimate for one in found.contrasts}
    return {
        ("helpfulness", name): Cell(estimate).shown
        for name, estimate in (means | pairs).items()
        if not np.isnan(estimate.value)
    }


def drawn(raters: int, questions: int, arms: int) -> Any:
    rng = np.random.default_rng(raters * 100 + questions * 10 + arms)
    effects = 6 * rng.normal(size=(raters, 1, 1)) + 5 * rng.normal(size=(1, questions, 1))
    by_arm = 3 * rng.normal(size=(raters, 1, arms)) + 3 * rng.normal(size=(1, questions, arms))
    return np.clip(np.round(75 + effects + by_arm + 8 * rng.normal(size=(raters, questions, arms))), 0, 100)


CLOSED = {
    "one question a patient": lambda: scored(drawn(5, 8, 3), (1,) * 8),
    "two questions a patient": lambda: scored(drawn(4, 12, 4), (2,) * 6),
    "another level": lambda: scored(drawn(4, 6, 2), (1,) * 6, alpha=0.01),
    "one arm": lambda: scored(drawn(4, 6, 1), (1,) * 6),
    "two arms, twelve raters": lambda: scored(drawn(12, 11, 2), (1,) * 11),
    "one rater": lambda: scored(drawn(1, 9, 2), (1,) * 9),
    "one patient": lambda: scored(drawn(6, 3, 2), (3,)),
    "one score": lambda: scored(drawn(1, 1, 2), (1,)),
    "nothing varies": lambda: scored(np.full((3, 4, 2), 80.0), (1,) * 4),
    "no rater differs": lambda: scored(np.repeat(drawn(1, 7, 2), 4, axis=0), (1,) * 7),
    "cut off at the scale": lambda: scored(np.minimum(drawn(3, 4, 2) + 22, 100), (1,) * 4),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_give_what_the_platform_computes_in_every_layout(language: str, tmp_path: Path) -> None:
    made = {name: make() for name, make in CLOSED.items()}
    found = dict(zip(made, printed(language, written(made, tmp_path)), strict=True))
    assert found == {name: expected(data) for name, data in made.items()}
    assert "100.0]" in "".join(found["cut off at the scale"].values())


def without(values: Any, *places: tuple[int, int, int]) -> Any:
    for place in places:
        values[place] = np.nan
    return values


GAPS = {
    "a cell is empty": lambda: scored(without(drawn(4, 6, 3), (0, 0, 0), (3, 2, 1)), (1,) * 6),
    "unequal patients": lambda: scored(drawn(4, 7, 2), (3, 1, 2, 1)),
    "unequal patients, a cell empty": lambda: scored(without(drawn(3, 7, 3), (1, 1, 1)), (3, 1, 2, 1)),
    "half of the cells are empty": lambda: scored(
        without(drawn(4, 6, 3), *((r, q, s) for r, q, s in np.ndindex(4, 6, 3) if (r + q) % 2)), (1,) * 6
    ),
    "one rater, a cell empty": lambda: scored(without(drawn(1, 9, 2), (0, 3, 1)), (1,) * 9),
    "an arm without scores": lambda: scored(
        without(drawn(4, 5, 2), *((r, q, 1) for r, q in np.ndindex(4, 5))), (1,) * 5
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_cells_are_empty_both_give_the_platforms_numbers(language: str, tmp_path: Path) -> None:
    made = {name: make() for name, make in GAPS.items()}
    found = dict(zip(made, printed(language, written(made, tmp_path)), strict=True))
    assert found == {name: expected(data) for name, data in made.items()}


@pytest.fixture
def locked(trial: Trial, rita: User) -> Trial:
    """Every form scored, locked, not unblinded."""
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita)


def scored_by_simulated(trial: Trial, by_user: User, *, raters: int) -> Trial:
    """The trial scored and locked; so many of its raters are simulated."""
    trial.raters.filter(
        pk__in=list(trial.raters.order_by("pk").values_list("pk", flat=True))[:raters]
    ).update(is_simulated=True)
    Trial.objects.filter(pk=trial.pk).update(is_simulated=True)
    trial = Trial.objects.get(pk=trial.pk)
    scene.score_all(trial)
    return lock_trial(trial, by_user=by_user)


def test_an_export_without_a_score_is_refused_and_says_what_takes_them_in(
    trial: Trial, tmp_path: Path, rita: User
) -> None:
    locked = scored_by_simulated(trial, rita, raters=trial.raters.count())
    count = Score.objects.standing().count()
    said = f"no score is left to export, {count} are marked as simulated and left out; --simulated takes"
    with pytest.raises(CommandError, match=said):
        call_command("export_scores", "--trial", locked.name, "--reason", "check", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()
    row = DataExport(trial=locked, site=locked.site, asked_by=rita, simulated=False)
    with pytest.raises(UserError, match=f"{count} are marked as simulated; ask for an export with"):
        export_archive(row)


def test_an_export_notes_how_many_simulated_scores_it_leaves_out(
    trial: Trial, tmp_path: Path, rita: User, capsys: pytest.CaptureFixture[str]
) -> None:
    locked = scored_by_simulated(trial, rita, raters=1)
    count = Score.objects.standing().filter(is_simulated=True).count()
    assert count
    call_command("export_scores", "--trial", locked.name, "--reason", "check", str(tmp_path / "x"))
    said = capsys.readouterr().err
    assert f"note: {count} are marked as simulated and left out; --simulated takes them in" in said


def test_an_exports_programs_print_table_1(locked: Trial, tmp_path: Path) -> None:
    out = io.StringIO()
    Trial.objects.filter(pk=locked.pk).update(is_simulated=True)
    call_command(
        "export_scores", "--trial", locked.name, "--reason", "check", "--simulated", str(tmp_path / "x"), "--json",
        stdout=out,
    )  # fmt: skip
    assert json.loads(out.getvalue())["files"]
    table = build_table(1, TableOptions(locked, simulated=True))
    cells = {
        (key, row.label): cell.shown for row in table.rows for key, cell in row.cells.items() if cell.estimate
    }
    assert len(cells) == 3 * len(scene.ASPECTS)
    assert all("[" in text for text in cells.values())
    for language in ["python", "R"] if RSCRIPT else ["python"]:
        (found,) = printed(language, [tmp_path / "x"])
        assert {place: found[place] for place in cells} == cells
    # A difference for each of three pairs of arms stands after the means of an aspect.
    assert len(found) == 6 * len(scene.ASPECTS)


def test_the_codebook_says_what_the_programs_give(tmp_path: Path) -> None:
    data = CLOSED["one question a patient"]()
    data = dataclasses.replace(data, facts=data.facts | {"trial": "T", "state": "locked"})
    files = export_files(data)
    meaning = dict(csv.reader(io.StringIO(files["codebook.csv"].decode("utf-8-sig"))))
    assert "means and intervals are those of Table 1" in meaning["file table1.py"]
    assert "moments of raters and patients" in meaning["file table1.py"]
    sheet = openpyxl.load_workbook(io.BytesIO(files["scores.xlsx"]))["codebook"]
    assert {row[0].value for row in sheet.rows} >= {"rater", "file table1.py", "file table1.R"}
