"""Shares and their differences against epiR, PropCIs and base R (tests.json), and against their definitions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from evaluation.statistics.fourfold import (
    Fourfold,
    at_prevalence,
    at_threshold,
    fourfold,
    likelihood_ratios,
    rates,
)
from evaluation.statistics.mcnemar import mcnemar
from evaluation.statistics.miettinen_nurminen import constrained, miettinen_nurminen
from evaluation.statistics.newcombe import newcombe
from evaluation.statistics.tango import tango

Reference = Callable[[str], Any]
EPIR = {
    "se": "sensitivity",
    "sp": "specificity",
    "diag.ac": "accuracy",
    "pv.pos": "ppv",
    "pv.neg": "npv",
}


def test_rates_and_likelihood_ratios_equal_epir(reference: Reference) -> None:
    for row in reference("tests.json")["diagnostic_2x2"].values():
        table = Fourfold(row["tp"], row["fp"], row["fn"], row["tn"])
        found = rates(table)
        expected = {line["statistic"]: line for line in row["wilson"]}
        for theirs, ours in EPIR.items():
            if ours in found:
                assert found[ours].value == pytest.approx(expected[theirs]["est"], rel=1e-8)
                limits = (expected[theirs]["lower"], expected[theirs]["upper"])
                assert found[ours].interval == pytest.approx(limits, rel=1e-8, abs=1e-12)
        for theirs, estimate in zip(("lr.pos", "lr.neg"), likelihood_ratios(table), strict=True):
            if estimate.interval is not None:
                assert estimate.value == pytest.approx(expected[theirs]["est"], rel=1e-8)
                limits = (expected[theirs]["lower"], expected[theirs]["upper"])
                assert estimate.interval == pytest.approx(limits, rel=1e-8)


def test_predictive_values_move_with_prevalence_by_bayes() -> None:
    table = Fourfold(80, 30, 20, 70)
    ppv, npv = at_prevalence(table, 0.5)
    assert ppv.value == pytest.approx(rates(table)["ppv"].value)
    low, high = at_prevalence(table, 0.005), at_prevalence(table, 0.9)
    assert low[0].value == pytest.approx(0.8 * 0.005 / (0.8 * 0.005 + 0.3 * 0.995))
    assert low[0].value < ppv.value < high[0].value
    assert high[1].value < npv.value < low[1].value
    # The interval of the logit, by simulation of both binomials.
    rng = np.random.default_rng(2)
    se, sp = rng.binomial(100, 0.8, 40_000) / 100, rng.binomial(100, 0.7, 40_000) / 100
    drawn = np.quantile(se * 0.1 / (se * 0.1 + (1 - sp) * 0.9), [0.025, 0.975])
    assert at_prevalence(table, 0.1)[0].interval == pytest.approx(tuple(drawn), rel=0.06)
    with pytest.raises(ValueError, match="not between"):
        at_prevalence(table, 1.0)


def test_counts_at_a_threshold_take_equal_scores_as_calls() -> None:
    truth = np.array([True, True, False, False])
    assert at_threshold(truth, np.array([0.5, 0.4, 0.5, 0.1]), 0.5) == Fourfold(1, 1, 1, 1)
    assert fourfold(truth, np.array([True, True, True, False])) == Fourfold(2, 1, 0, 1)
    empty = rates(Fourfold(0, 0, 0, 5))
    assert set(empty) == {"accuracy", "specificity", "npv"}
    plus, minus = likelihood_ratios(Fourfold(0, 1, 5, 4))
    assert plus.interval is None
    assert minus.interval is not None
    with pytest.raises(ValueError, match="positive and negative"):
        likelihood_ratios(Fourfold(0, 1, 0, 4))


def test_differences_of_two_shares_equal_propcis(reference: Reference) -> None:
    for row in reference("tests.json")["two_prop"]:
        counts = row["x1"], row["n1"], row["x2"], row["n2"]
        assert newcombe(*counts).interval == pytest.approx(row["newcombe_nocc"], rel=1e-8)
        # PropCIs stops its search at 1e-7.
        assert miettinen_nurminen(*counts).interval == pytest.approx(row["miettinen_nurminen"], abs=3e-6)


def test_score_limits_solve_their_equation_with_an_independent_maximum() -> None:
    x1, n1, x2, n2 = 56, 70, 48, 80
    z = stats.norm.isf(0.025)
    for limit in miettinen_nurminen(x1, n1, x2, n2).interval:
        best = optimize.minimize_scalar(
            lambda q, d=limit: (
                -stats.binom.logpmf(x1, n1, min(max(q + d, 1e-12), 1 - 1e-12)) - stats.binom.logpmf(x2, n2, q)
            ),
            bounds=(max(0, -limit) + 1e-9, min(1, 1 - limit) - 1e-9),
            method="bounded",
            options={"xatol": 1e-12},
        ).x
        assert constrained(x1, n1, x2, n2, limit) == pytest.approx(best, abs=1e-6)
        q1 = best + limit
        variance = (q1 * (1 - q1) / n1 + best * (1 - best) / n2) * 150 / 149
        assert abs(x1 / n1 - x2 / n2 - limit) / np.sqrt(variance) == pytest.approx(z, rel=1e-6)


@pytest.mark.parametrize("counts", [(0, 10, 0, 10), (10, 10, 0, 10), (10, 10, 10, 10), (0, 1, 1, 1)])
def test_extreme_shares_have_defined_limits(counts: tuple[int, int, int, int]) -> None:
    for method in (newcombe, miettinen_nurminen):
        low, high = method(*counts).interval
        assert -1 <= low <= method(*counts).value <= high <= 1
        assert low < high


def test_paired_shares_equal_base_r_and_propcis(reference: Reference) -> None:
    for row in reference("tests.json")["mcnemar"]:
        a, b, c, d = row["abcd"]
        found = mcnemar(b, c)
        assert found.exact == pytest.approx(row["exact_p"], rel=1e-6)
        assert found.mid_p == pytest.approx(row["midp"], rel=1e-6)
        if b + c:
            assert found.chi2 == pytest.approx(row["chisq"], rel=1e-8)
            assert found.chi2_corrected == pytest.approx(row["chisq_cc"], rel=1e-8)
            assert found.p_chi2 == pytest.approx(row["p"], rel=1e-6)
        difference = tango(b, c, a + b + c + d)
        assert difference.value == pytest.approx(row["diff_b_minus_c"])
        assert difference.interval == pytest.approx(row["tango_score_ci"], abs=2e-6)


def test_tangos_limits_solve_his_equation_with_the_maximum_under_the_difference() -> None:
    b, c, n, z = 12, 5, 100, stats.norm.isf(0.025)
    for limit in tango(b, c, n).interval:
        # Maximum of the trinomial likelihood with share(b) = share(c) + limit.
        best = optimize.minimize_scalar(
            lambda q, d=limit: (
                -(b * np.log(q + d) + c * np.log(q) + (n - b - c) * np.log(max(1 - 2 * q - d, 1e-300)))
            ),
            bounds=(max(0, -limit) + 1e-12, (1 - limit) / 2 - 1e-12),
            method="bounded",
            options={"xatol": 1e-13},
        ).x
        spread = np.sqrt(n * (2 * best + limit * (1 - limit)))
        assert abs(b - c - n * limit) / spread == pytest.approx(z, rel=1e-5)


@pytest.mark.parametrize(("b", "c", "n"), [(0, 0, 10), (10, 0, 10), (0, 10, 10)])
def test_pairs_without_variation_have_defined_limits(b: int, c: int, n: int) -> None:
    low, high = tango(b, c, n).interval
    assert -1 <= low <= (b - c) / n <= high <= 1


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        tango(3, 3, 5)
    with pytest.raises(ValueError, match="no counts"):
        mcnemar(-1, 2)
    with pytest.raises(ValueError, match="not a proportion"):
        miettinen_nurminen(3, 2, 1, 2)
