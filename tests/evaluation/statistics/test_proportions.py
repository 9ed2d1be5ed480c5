"""Intervals of a proportion against PropCIs and base R (tests.json)."""

from collections.abc import Callable
from typing import Any

import pytest
from scipy import stats

from evaluation.statistics.proportions import clopper_pearson, jeffreys, wilson, wilson_corrected


def test_wilson_and_clopper_pearson_equal_r(reference: Callable[[str], Any]) -> None:
    rows = reference("tests.json")["proportion_ci"]
    assert len(rows) == 9
    for row in rows:
        assert wilson(row["x"], row["n"]).interval == pytest.approx(row["wilson"], rel=1e-8, abs=1e-12)
        assert clopper_pearson(row["x"], row["n"]).interval == pytest.approx(
            row["clopper"], rel=1e-8, abs=1e-12
        )


def test_exact_limits_put_half_of_alpha_in_each_binomial_tail() -> None:
    lower, upper = clopper_pearson(7, 20).interval
    assert stats.binom.sf(6, 20, lower) == pytest.approx(0.025)
    assert stats.binom.cdf(7, 20, upper) == pytest.approx(0.025)


@pytest.mark.parametrize(("x", "n"), [(3, 2), (-1, 5), (0, 0)])
def test_impossible_counts_are_refused(x: int, n: int) -> None:
    with pytest.raises(ValueError, match="not a proportion"):
        wilson(x, n)


def test_jeffreys_and_the_corrected_interval_equal_r(reference: Callable[[str], Any]) -> None:
    for row in reference("tests.json")["proportion_ci"]:
        assert jeffreys(row["x"], row["n"]).interval == pytest.approx(row["jeffreys"], rel=1e-8, abs=1e-12)
        assert wilson_corrected(row["x"], row["n"]).interval == pytest.approx(
            row["wilson_cc"], rel=1e-8, abs=1e-12
        )
