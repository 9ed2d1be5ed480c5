"""Random small files, most of them degenerate: a result that is valid JSON, or one clear refusal; never a crash."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluation.analyses.agreement import analyse_agreement
from evaluation.analyses.mrmc import MrmcOptions, run_mrmc
from evaluation.analyses.paired import analyse_paired
from evaluation.analyses.preferences import analyse_preferences
from evaluation.analyses.ranks import analyse_ranks
from evaluation.analyses.results import AnalysisResult
from evaluation.analyses.roc import analyse_roc
from evaluation.analyses.scores import analyse_scores
from mammo.core.errors import UserError

Draw = Callable[[np.random.Generator], str]


def _is_defined(path: Path, text: str, analyse: Callable[[], AnalysisResult]) -> bool:
    """Run on a file; True for a result, False for a refusal that names the file."""
    path.write_text(text, encoding="utf-8")
    refusal = ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            json.dumps(analyse().data, allow_nan=False)
        except UserError as error:
            refusal = str(error)
    assert not refusal or (str(path) in refusal and "\n" not in refusal)
    return not refusal


def _readings(rng: np.random.Generator) -> str:
    readers, modalities, cases = rng.integers(1, 5), rng.integers(1, 4), rng.integers(3, 12)
    keep, levels, truth = rng.choice([1.0, 0.8, 0.5]), rng.choice([1, 2, 3, 1000]), rng.integers(0, 2, cases)
    rows = [
        f"r{r},m{m},c{c},{truth[c]},{rng.integers(0, levels)},{'ab'[r % 2]}"
        for r in range(readers)
        for m in range(modalities)
        for c in range(cases)
        if rng.random() < keep
    ]
    return "reader,modality,case,truth,rating,team\n" + "\n".join(rows) + "\n"


def _scores(rng: np.random.Generator) -> str:
    raters, questions, systems = rng.integers(1, 4), rng.integers(1, 5), rng.integers(1, 4)
    keep, levels = rng.choice([1.0, 0.8, 0.4]), rng.choice([1, 3, 100])
    rows = [
        f"r{r},q{q},s{s},{aspect},{rng.integers(0, levels)},p{q // 2}"
        for r in range(raters)
        for q in range(questions)
        for s in range(systems)
        for aspect in "xy"
        if rng.random() < keep
    ]
    return "rater,question,system,aspect,score,patient\n" + "\n".join(rows) + "\n"


def _ratings(rng: np.random.Generator) -> str:
    raters, levels, keep = rng.integers(2, 5), rng.choice([1, 3, 100]), rng.choice([1.0, 0.7])
    rows = [
        f"u{u},"
        + ",".join(str(rng.integers(0, levels)) if rng.random() < keep else "" for _ in range(raters))
        for u in range(rng.integers(1, 6))
    ]
    return "unit," + ",".join(f"r{r}" for r in range(raters)) + "\n" + "\n".join(rows) + "\n"


def _cases(rng: np.random.Generator) -> str:
    levels = rng.choice([1, 3, 100])
    rows = [
        f"{rng.integers(0, 2)},{rng.integers(0, levels)},{rng.integers(0, levels)},p{i // 2}"
        for i in range(rng.integers(2, 15))
    ]
    return "truth,first,second,patient\n" + "\n".join(rows) + "\n"


KINDS = ["mrmc", "scores", "agreement", "roc", "ranks", "preferences", "paired"]


@pytest.mark.parametrize("kind", KINDS)
def test_any_small_file_gives_a_result_or_one_clear_line(tmp_path: Path, kind: str) -> None:
    rng, path, defined = np.random.default_rng(20250210), tmp_path / "any.csv", 0
    draws: dict[str, Draw] = {"mrmc": _readings, "scores": _scores, "agreement": _ratings, "roc": _cases}
    draws |= {"ranks": _scores, "preferences": _scores, "paired": _cases}
    for round_ in range(40):
        defined += _is_defined(path, draws[kind](rng), lambda place=round_: _analyse(kind, path, place))
    # Two columns of calls always give shares: the other kinds refuse some files.
    assert defined == 40 if kind == "paired" else 5 < defined < 40


def _analyse(kind: str, path: Path, place: int) -> AnalysisResult:
    """One analysis; the options change from file to file."""
    if kind == "mrmc":
        covariance, group = (None, "jackknife", "unbiased")[place % 3], "team" if place % 4 == 3 else None
        return run_mrmc(path, MrmcOptions(covariance=covariance, group=group))
    if kind == "scores":
        return analyse_scores(path, b=100, margin=2.0, mixed=place % 2 == 0)
    if kind == "agreement":
        return analyse_agreement(path, b=20)
    if kind == "ranks":
        return analyse_ranks(path, blocks=("question", "rater")[place % 2])
    if kind == "preferences":
        return analyse_preferences(path, ties=("half", "dropped")[place % 2])
    cluster = "patient" if place % 2 else None
    if kind == "paired":
        truth = "truth" if place % 3 else None
        return analyse_paired(
            path, first="first", second="second", threshold=1.0, truth=truth, cluster=cluster
        )
    return analyse_roc(path, truth="truth", score="first", compare="second", cluster=cluster, threshold=1.0)
