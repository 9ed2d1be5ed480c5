"""Intraclass correlation and Krippendorff's alpha against psych and irr (irr.json)."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.statistics.intraclass import cronbach_alpha, intraclass
from evaluation.statistics.krippendorff import alpha, coincidences
from evaluation.statistics.score_analysis import units_by_raters
from evaluation.statistics.score_cube import ScoreCube

Reference = Callable[[str], Any]
Cubes = Callable[[str], dict[str, ScoreCube]]
# psych's names of the six correlations.
PSYCH = {
    "ICC1": "icc_1",
    "ICC2": "icc_a1",
    "ICC3": "icc_c1",
    "ICC1k": "icc_1k",
    "ICC2k": "icc_ak",
    "ICC3k": "icc_ck",
}


def _table(path: Path) -> np.ndarray:
    with path.open(encoding="utf-8") as handle:
        return np.array(
            [[float(v) if v else np.nan for v in row[1:]] for row in list(csv.reader(handle))[1:]]
        )


def _matches(found: Any, rows: list[dict[str, Any]]) -> None:
    assert {row["type"] for row in rows} == set(PSYCH)
    for row in rows:
        estimate = getattr(found, PSYCH[row["type"]])
        assert estimate.value == pytest.approx(row["ICC"], rel=1e-8)
        assert estimate.interval == pytest.approx((row["lower.bound"], row["upper.bound"]), rel=1e-8)


def test_intraclass_correlations_of_shrout_and_fleiss_equal_psych(
    reference: Reference, shared_data: Path
) -> None:
    table = _table(shared_data / "statistics" / "shrout_fleiss_1979.csv")
    _matches(intraclass(table), reference("irr.json")["icc_shrout_fleiss"]["psych"])


def test_intraclass_correlations_of_scores_equal_psych(reference: Reference, score_cubes: Cubes) -> None:
    expected = reference("irr.json")["icc_sim"]
    for aspect, cube in score_cubes("scores_12x48x8x5.csv").items():
        _matches(intraclass(units_by_raters(cube)), expected[aspect]["psych"])


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_of_the_canonical_table_with_gaps(reference: Reference, shared_data: Path, level: str) -> None:
    table = _table(shared_data / "statistics" / "krippendorff_4x12.csv").T
    assert alpha(table, level=level).value == pytest.approx(
        reference("irr.json")["krippendorff_canonical"][level], rel=1e-8
    )


@pytest.mark.parametrize("name", ["scores_12x48x8x5.csv", "scores_incomplete.csv"])
def test_alpha_of_scores_equals_the_corrected_reference(
    reference: Reference, score_cubes: Cubes, name: str
) -> None:
    expected = reference("irr.json")["krippendorff_sim"][name]
    table = units_by_raters(score_cubes(name)["correctness"])
    assert alpha(table).value == pytest.approx(expected["interval"], rel=1e-8)
    assert alpha(table, level="ordinal").value == pytest.approx(expected["ordinal"], rel=1e-8)


def test_alpha_of_two_raters_equals_its_definition() -> None:
    rng = np.random.default_rng(1)
    table = rng.integers(1, 6, (30, 2)).astype(float)
    flat = table.ravel()
    observed = ((table[:, 0] - table[:, 1]) ** 2).mean()
    pairs = [(a - b) ** 2 for i, a in enumerate(flat) for j, b in enumerate(flat) if i != j]
    assert alpha(table).value == pytest.approx(1 - observed / np.mean(pairs))


def test_perfect_agreement_is_one_and_equal_scores_are_refused() -> None:
    table = np.repeat(np.arange(6.0)[:, None], 3, axis=1)
    found = intraclass(table)
    assert (found.icc_a1.value, found.icc_ak.value, alpha(table).value) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="equal"):
        intraclass(np.ones((4, 3)))
    with pytest.raises(ValueError, match="equal"):
        alpha(np.ones((4, 3)))
    with pytest.raises(ValueError, match="twice"):
        alpha(np.array([[1.0, np.nan], [np.nan, 2.0]]))


def test_interval_alpha_of_continuous_scores_needs_no_table_of_values() -> None:
    rng = np.random.default_rng(4)
    table = rng.normal(80, 8, (4000, 30)) + rng.normal(0, 3, (4000, 1))
    table[rng.random(table.shape) < 0.1] = np.nan
    small = table[:40, :4]
    values, matrix = coincidences(small)
    counts, gaps = matrix.sum(1), (values[:, None] - values[None]) ** 2
    expected = 1 - (matrix * gaps).sum() * (counts.sum() - 1) / (np.outer(counts, counts) * gaps).sum()
    assert alpha(small).value == pytest.approx(expected, rel=1e-10)
    assert 0 < alpha(table).value < 1
    with pytest.raises(ValueError, match="too many for the ordinal level"):
        alpha(table, level="ordinal")


@pytest.mark.parametrize("level", ["interval", "nominal"])
def test_alphas_interval_draws_whole_clusters_as_copying_their_rows_does(level: str) -> None:
    rng = np.random.default_rng(8)
    patients = np.repeat(np.arange(9), (1, 2, 3, 1, 2, 4, 2, 3, 2))
    shared = rng.integers(0, 5, (9, 1))[patients]
    table = (shared + rng.integers(0, 3, (20, 3))).astype(float)
    table[rng.random(table.shape) < 0.1] = np.nan
    found = alpha(table, level=level, b=300, seed=6, clusters=[f"P{patient}" for patient in patients])
    drawn = np.random.default_rng(6).multinomial(9, np.full(9, 1 / 9), size=300)
    copied = [
        alpha(np.concatenate([table[patients == p] for p in range(9) for _ in range(draw[p])]), level=level)
        for draw in drawn
    ]
    limits = np.quantile([one.value for one in copied], [0.025, 0.975])
    assert found.interval == pytest.approx(tuple(limits))
    assert "clusters of units" in found.method
    again = alpha(table, level=level, b=300, seed=6, clusters=patients)
    assert again.interval == found.interval
    assert alpha(table, level=level, b=300, seed=7, clusters=patients).interval != found.interval


def test_each_unit_a_cluster_of_its_own_is_the_bootstrap_of_units_and_one_cluster_has_no_interval() -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(0, 1, (30, 1)) + rng.normal(0, 1, (30, 4))
    apart = alpha(table, b=500, clusters=[f"{place:02d}" for place in range(30)])
    assert apart.interval == pytest.approx(alpha(table, b=500).interval)
    # Ten patients whose three questions say the same are ten questions: the interval is that of ten.
    same = np.repeat(table[:10], 3, axis=0)
    of_patients = alpha(same, b=500, clusters=np.repeat(np.arange(10), 3))
    taken_apart = alpha(same, b=500)
    width = of_patients.interval[1] - of_patients.interval[0]
    assert width > 1.4 * (taken_apart.interval[1] - taken_apart.interval[0])
    alone = alpha(table, b=500, clusters=["P1"] * 30)
    assert (alone.interval, alone.notes) == (None, ("one cluster of units: no interval",))
    with pytest.raises(ValueError, match="every unit"):
        alpha(table, b=500, clusters=["P1"])


def test_cronbach_alpha_equals_psych(reference: Reference, shared_data: Path) -> None:
    table = _table(shared_data / "statistics" / "shrout_fleiss_1979.csv")
    assert cronbach_alpha(table) == pytest.approx(reference("irr.json")["cronbach_SF"], rel=1e-8)


def test_components_that_cancel_are_refused_and_not_divided_by() -> None:
    with pytest.raises(ValueError, match="not defined"):
        intraclass(np.array([[0.0, 1.0], [1.0, 0.0]]))
    found = intraclass(np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert found.icc_a1.interval is None or all(np.isfinite(found.icc_a1.interval))
