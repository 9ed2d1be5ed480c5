"""DeLong against pROC (proc_asah.json) and against the definition."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.statistics.delong import auc, compare

Reference = Callable[[str], Any]


@pytest.fixture
def asah(shared_data: Path) -> dict[str, np.ndarray]:
    with (shared_data / "statistics" / "asah.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    columns = {name: np.array([float(r[name]) for r in rows]) for name in ("s100b", "ndka", "wfns", "age")}
    return columns | {"y": np.array([r["y"] == "1" for r in rows])}


def test_auc_variance_and_interval_equal_proc(reference: Reference, asah: dict[str, np.ndarray]) -> None:
    for marker, expected in reference("proc_asah.json")["markers"].items():
        found = auc(asah["y"], asah[marker])
        assert found.value == pytest.approx(expected["auc"], rel=1e-8)
        assert found.se**2 == pytest.approx(expected["delong_var"], rel=1e-8)
        assert found.interval == pytest.approx(expected["delong_ci95"], rel=1e-8)
        assert auc(asah["y"], asah[marker], level=0.9).interval == pytest.approx(
            expected["delong_ci90"], rel=1e-8
        )


def test_paired_comparison_equals_proc_with_its_sign(
    reference: Reference, asah: dict[str, np.ndarray]
) -> None:
    for row in reference("proc_asah.json")["paired_delong"]:
        found = compare(asah["y"], asah[row["a"]], asah[row["b"]])
        assert found.z == pytest.approx(row["z"], rel=1e-8)
        assert found.p == pytest.approx(row["p"], rel=1e-6)
        assert found.difference.interval == pytest.approx(row["ci_diff"], rel=1e-8)


def test_variance_equals_the_definition_over_all_pairs() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(60) < 0.4
    score = np.round(rng.normal(size=60) + truth, 1)  # with ties
    kernel = np.array(
        [[1.0 if p > n else 0.5 if p == n else 0.0 for n in score[~truth]] for p in score[truth]]
    )
    variance = kernel.mean(1).var(ddof=1) / kernel.shape[0] + kernel.mean(0).var(ddof=1) / kernel.shape[1]
    found = auc(truth, score)
    assert found.value == pytest.approx(kernel.mean())
    assert found.se**2 == pytest.approx(variance)


def test_degenerate_curves_have_a_defined_result_or_a_clear_refusal() -> None:
    truth = np.array([False, False, True, True])
    perfect = auc(truth, np.array([1.0, 2, 3, 4]))
    assert (perfect.value, perfect.interval) == (1.0, (1.0, 1.0))
    assert "perfectly separated" in perfect.notes[0]
    assert auc(truth, np.ones(4)).value == 0.5
    same = compare(truth, np.ones(4), np.ones(4))
    assert (same.z, same.p) == (None, None)
    with pytest.raises(ValueError, match="two positive and two negative"):
        auc(np.array([True, True, True]), np.ones(3))
    with pytest.raises(ValueError, match="not finite"):
        auc(truth, np.array([1.0, np.nan, 3, 4]))
