"""Rank tests, kappas, concordance and preferences against R (tests.json, irr.json, lmm.json)."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.statistics.bradley_terry import bradley_terry
from evaluation.statistics.fleiss import several_raters
from evaluation.statistics.friedman import friedman
from evaluation.statistics.kappa import cross_table, kappa
from evaluation.statistics.kendall_w import kendall_w
from evaluation.statistics.score_analysis import units_by_raters
from evaluation.statistics.score_cube import ScoreCube
from evaluation.statistics.wilcoxon import all_pairs, hodges_lehmann, signed_rank

Reference = Callable[[str], Any]
Cubes = Callable[[str], dict[str, ScoreCube]]


def _columns(path: Path, first: int = 0) -> np.ndarray:
    with path.open(encoding="utf-8") as handle:
        return np.array([[float(v.strip(". ")) for v in row[first:]] for row in list(csv.reader(handle))[1:]])


def _systems(path: Path) -> tuple[str, ...]:
    with path.open(encoding="utf-8") as handle:
        return tuple(next(csv.reader(handle))[1:])


def _blocks(cubes: Cubes, aspect: str, axis: int) -> tuple[np.ndarray, tuple[str, ...]]:
    cube = cubes("scores_12x48x8x5.csv")[aspect]
    return cube.values.mean(axis=axis), cube.systems


def _check_friedman(table: np.ndarray, systems: tuple[str, ...], expected: dict[str, Any]) -> None:
    # R saw means rounded by its own summation; equal means stay equal only when rounded.
    found = friedman(np.round(table, 9), systems)
    assert found.mean_ranks == pytest.approx(expected["mean_ranks"], rel=1e-8)
    assert found.chi2 == pytest.approx(expected["friedman"]["chisq"], rel=1e-8)
    assert np.log(found.p) == pytest.approx(np.log(expected["friedman"]["p"]), rel=1e-6)
    assert found.f == pytest.approx(expected["iman_davenport"]["F"], rel=1e-8)
    assert (found.df1, found.df2) == (expected["iman_davenport"]["df1"], expected["iman_davenport"]["df2"])
    assert found.kendall_w == pytest.approx(expected["kendallW"], rel=1e-8)
    nemenyi = expected["nemenyi"]
    q = {
        frozenset((row, column)): (nemenyi["q"][i][j], nemenyi["p"][i][j])
        for i, row in enumerate(nemenyi["rows"])
        for j, column in enumerate(nemenyi["cols"])
        if nemenyi["q"][i][j] is not None
    }
    assert len(q) == len(found.pairs) == 28
    for pair in found.pairs:
        expected_q, expected_p = q[frozenset((pair.first, pair.second))]
        assert pair.q == pytest.approx(expected_q, rel=1e-8)
        assert pair.p == pytest.approx(expected_p, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("aspect", ["correctness", "completeness"])
def test_friedman_and_nemenyi_over_questions_equal_r(
    reference: Reference, score_cubes: Cubes, aspect: str
) -> None:
    expected = reference("tests.json")["by_question"][aspect]
    table, systems = _blocks(score_cubes, aspect, 0)
    _check_friedman(table, systems, expected)
    assert friedman(table, systems).critical_difference == pytest.approx(1.5154392612976, rel=1e-6)


def test_friedman_with_ties_and_over_raters_equals_r(
    reference: Reference, score_cubes: Cubes, shared_data: Path
) -> None:
    path = shared_data / "statistics" / "friedman_ties_r01.csv"
    _check_friedman(_columns(path, 1), _systems(path), reference("tests.json")["one_rater_ties"])
    table, systems = _blocks(score_cubes, "rationality", 1)
    _check_friedman(table, systems, reference("tests.json")["by_rater"]["rationality"])


def test_friedman_of_the_textbook_table_equals_base_r(reference: Reference, shared_data: Path) -> None:
    expected = reference("tests.json")["rounding_times"]
    found = friedman(_columns(shared_data / "statistics" / "rounding_times.csv"), ("a", "b", "c"))
    assert found.chi2 == pytest.approx(expected["chisq"], rel=1e-8)
    assert found.p == pytest.approx(expected["p"], rel=1e-6)


@pytest.mark.parametrize("aspect", ["correctness", "helpfulness"])
def test_signed_ranks_over_questions_equal_r_under_every_option(
    reference: Reference, score_cubes: Cubes, aspect: str
) -> None:
    table, systems = _blocks(score_cubes, aspect, 0)
    for row in reference("tests.json")["by_question"][aspect]["wilcoxon"]:
        first, second = table[:, systems.index(row["a"])], table[:, systems.index(row["b"])]
        plain = signed_rank(first, second, continuity=False, exact=False)
        assert plain.v == row["V"]
        assert plain.p == pytest.approx(row["p_normal_nocc"], rel=1e-6)
        corrected = signed_rank(first, second, exact=False)
        assert corrected.p == pytest.approx(row["p_normal_cc"], rel=1e-6)
        pratt = signed_rank(first, second, zeros="pratt", continuity=False, exact=False)
        assert pratt.p == pytest.approx(row["p_pratt"], rel=1e-6)
        assert signed_rank(first, second).p == pytest.approx(row["p_default"], rel=1e-6)


def test_exact_signed_rank_and_shift_equal_r(reference: Reference) -> None:
    row = reference("tests.json")["wilcoxon_exact"]
    found = signed_rank(np.array(row["x"]), np.array(row["y"]))
    assert "exact" in found.method
    assert (found.v, found.p) == (row["V"], pytest.approx(row["p_two"], rel=1e-8))
    assert found.shift.value == pytest.approx(row["hl"])
    assert found.shift.interval == pytest.approx(tuple(row["ci"]))


def test_holm_over_all_pairs_and_equal_columns() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(30, 1))
    table = np.hstack([base, base, base + 1 + rng.normal(0, 0.1, (30, 1))])
    pairs = all_pairs(table, ("a", "b", "c"))
    assert pairs[0].p is None
    assert pairs[0].p_holm is None
    assert pairs[1].p_holm == pytest.approx(2 * pairs[1].p)
    long = hodges_lehmann(rng.normal(0.5, 1, 200))
    assert long.interval[0] < 0.5 < long.interval[1]
    with pytest.raises(ValueError, match="complete"):
        signed_rank(np.array([1.0, np.nan]), np.array([1.0, 2.0]))


def test_friedman_refuses_gaps_and_defines_all_ties() -> None:
    flat = friedman(np.ones((4, 3)), ("a", "b", "c"))
    assert flat.chi2 is None
    assert all(pair.p == pytest.approx(1) for pair in flat.pairs)
    same_order = friedman(np.tile([1.0, 2.0, 3.0], (5, 1)), ("a", "b", "c"))
    assert (same_order.f, same_order.p_f) == (float("inf"), pytest.approx(6.0**-4))
    assert "F is infinite" in same_order.notes[-1]
    assert friedman(np.tile([1.0, 2.0, 3.0], (2, 1)), ("a", "b", "c")).p_f == pytest.approx(1 / 6)
    tied = friedman(np.tile([1.0, 1.0, 3.0], (5, 1)), ("a", "b", "c"))
    assert (tied.f, tied.p_f) == (float("inf"), None)
    assert same_order.kendall_w == pytest.approx(1)
    with pytest.raises(ValueError, match="three systems"):
        friedman(np.ones((4, 2)), ("a", "b"))
    with pytest.raises(ValueError, match="every system"):
        friedman(np.array([[1, 2, np.nan], [1, 2, 3]]), ("a", "b", "c"))


def test_kappas_of_a_table_equal_vcd(reference: Reference, shared_data: Path) -> None:
    counts, expected = (
        _columns(shared_data / "statistics" / "kappa_3x3.csv"),
        reference("irr.json")["kappa_3x3"],
    )
    for weights in ("none", "linear", "quadratic"):
        row = expected["vcd_unweighted" if weights == "none" else f"vcd_{weights}"]
        found = kappa(counts, weights=weights)
        assert found.value == pytest.approx(row["value"], rel=1e-8)
        assert found.se == pytest.approx(row["ASE"], rel=1e-8)


def test_weighted_kappas_of_two_raters_equal_irr(reference: Reference, shared_data: Path) -> None:
    ratings = _columns(shared_data / "statistics" / "irr_anxiety.csv")
    expected = reference("irr.json")["kappa2_anxiety_r1r2"]
    table = cross_table(ratings[:, 0], ratings[:, 1], np.arange(1.0, 7.0))
    for weights, name in (("none", "unweighted"), ("linear", "equal"), ("quadratic", "squared")):
        assert kappa(table, weights=weights).value == pytest.approx(expected[name]["kappa"], rel=1e-8)


def test_kappas_of_several_raters_equal_irr(reference: Reference, shared_data: Path) -> None:
    expected = reference("irr.json")
    found = several_raters(_columns(shared_data / "statistics" / "irr_diagnoses.csv"))
    assert found.fleiss.value == pytest.approx(expected["fleiss_diagnoses"]["kappa"], rel=1e-8)
    assert found.z == pytest.approx(expected["fleiss_diagnoses"]["z"], rel=1e-6)
    assert found.conger == pytest.approx(expected["fleiss_diagnoses"]["exact_conger"], rel=1e-8)
    assert found.light == pytest.approx(expected["light_diagnoses"], rel=1e-8)
    assert found.fleiss.interval[0] < found.fleiss.value < found.fleiss.interval[1]


def test_kappas_refuse_what_they_cannot_say() -> None:
    unstable = several_raters(np.array([[2.0, 0.0, 0.0], [2.0, 2.0, 2.0]]))
    assert unstable.fleiss.interval is None
    assert "no interval" in unstable.fleiss.notes[0]
    with pytest.raises(ValueError, match="one category"):
        several_raters(np.ones((4, 3)))
    with pytest.raises(ValueError, match="same category"):
        kappa(np.array([[5.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(ValueError, match="square"):
        kappa(np.ones((2, 3)))
    perfect = kappa(np.diag([5.0, 4.0, 6.0]), weights="quadratic")
    assert (perfect.value, perfect.interval) == (1.0, (1.0, 1.0))


def test_concordance_equals_irr(reference: Reference, shared_data: Path, score_cubes: Cubes) -> None:
    expected = reference("irr.json")
    w, chi2, p = kendall_w(_columns(shared_data / "statistics" / "irr_anxiety.csv"))
    assert w.value == pytest.approx(expected["kendallW_anxiety"]["W"], rel=1e-8)
    assert chi2 == pytest.approx(expected["kendallW_anxiety"]["chisq"], rel=1e-8)
    assert p == pytest.approx(expected["kendallW_anxiety"]["p"], rel=1e-6)
    for aspect, cube in score_cubes("scores_12x48x8x5.csv").items():
        found, chi2, _ = kendall_w(units_by_raters(cube))
        assert found.value == pytest.approx(expected["kendallW_sim"][aspect]["W_tiecorrected"], rel=1e-8)
        assert chi2 == pytest.approx(expected["kendallW_sim"][aspect]["chisq"], rel=1e-8)
    with pytest.raises(ValueError, match="same value"):
        kendall_w(np.ones((4, 3)))


def _wins(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    names = tuple(dict.fromkeys([row["system_a"] for row in rows] + [row["system_b"] for row in rows]))
    wins, ties = np.zeros((len(names),) * 2), np.zeros((len(names),) * 2)
    for row in rows:
        i, j = names.index(row["system_a"]), names.index(row["system_b"])
        wins[i, j], wins[j, i] = float(row["wins_a"]), float(row["wins_b"])
        ties[i, j] = ties[j, i] = float(row["ties"])
    return wins, ties, names


@pytest.mark.parametrize("ties", ["dropped", "half"])
def test_strengths_and_their_errors_equal_bradleyterry2(
    reference: Reference, shared_data: Path, ties: str
) -> None:
    wins, tied, names = _wins(shared_data / "statistics" / "pairwise_wins.csv")
    found = bradley_terry(wins, names, reference="MammoVLM", tied=tied, ties=ties)
    expected = reference("lmm.json")["bradley_terry"][f"ties_{ties}"]
    for row in expected["coef"]:
        # glm stops a step before Newton's method does: the last digits of its errors is not settled.
        strength = found.strengths[row["term"].removeprefix("system_")]
        assert strength.value == pytest.approx(row["Estimate"], rel=1e-6)
        assert strength.se == pytest.approx(row["Std. Error"], rel=1e-5)
    assert found.deviance == pytest.approx(expected["deviance"], rel=1e-6)
    assert found.df == expected["df"]


def test_strengths_of_the_citation_data_equal_the_books(reference: Reference) -> None:
    expected = reference("lmm.json")["bradley_terry"]["citations"]
    names = ("Biometrika", "Comm Statist", "JASA", "JRSS-B")
    wins = np.zeros((4, 4))
    for row in expected["data"]:
        i, j = names.index(row["player1"]), names.index(row["player2"])
        wins[i, j], wins[j, i] = row["win1"], row["win2"]
    found = bradley_terry(wins, names, reference="Biometrika")
    assert found.strengths["JASA"].value == pytest.approx(-0.479569769751992, rel=1e-6)
    assert found.strengths["JASA"].se == pytest.approx(0.0605887292396263, rel=1e-6)
    assert found.covariance == pytest.approx(np.array(expected["fit"]["vcov"]), rel=1e-6)


def test_a_system_that_never_lost_is_refused() -> None:
    wins = np.array([[0, 3, 4], [0, 0, 2], [0, 1, 0.0]])
    with pytest.raises(ValueError, match="infinite"):
        bradley_terry(wins, ("a", "b", "c"), reference="a")
