"""Margins, power and sensitivity analyses by definition."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evaluation.statistics.equivalence import equivalence, non_inferiority
from evaluation.statistics.krippendorff import alpha
from evaluation.statistics.power import ScoreSpread, power_of_scores
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import ScoreCube
from evaluation.statistics.score_sensitivity import (
    agreement_within,
    ceiling_shares,
    contrasts_on,
    ranked,
    standardised,
)
from tests.evaluation.statistics.test_crossed import simulated

Reference = Callable[[str], Any]
Cubes = Callable[[str], dict[str, ScoreCube]]


def test_margins_are_one_sided_t_tests_and_agree_with_their_intervals() -> None:
    difference = Estimate(-1.0, None, "t", se=0.8, df=20.0)
    found = non_inferiority(difference, 3.0)
    assert found.p == pytest.approx(stats.t.sf(2.5, 20))
    assert found.is_shown
    assert found.interval[0] == pytest.approx(-1 - stats.t.isf(0.025, 20) * 0.8)
    assert (found.interval[0] > -3.0) == found.is_shown
    both = equivalence(difference, 3.0)
    assert both.p == pytest.approx(max(stats.t.sf(2.5, 20), stats.t.sf(5.0, 20)))
    assert not equivalence(difference, 2.0).is_shown
    assert equivalence(difference, 2.5).is_shown == (equivalence(difference, 2.5).interval[0] > -2.5)
    with pytest.raises(ValueError, match="above zero"):
        equivalence(difference, 0)


def test_margins_without_a_standard_error_test_nothing() -> None:
    flat = Estimate(0.0, (0.0, 0.0), "t", se=0.0)
    assert equivalence(flat, 1.0).is_shown
    assert equivalence(flat, 1.0).p is None
    unknown = Estimate(0.0, None, "t")
    assert not non_inferiority(unknown, 1.0).is_shown
    assert "no standard error" in non_inferiority(unknown, 1.0).notes[0]


def test_power_is_alpha_without_a_difference_and_agrees_with_the_t_distribution() -> None:
    nothing = power_of_scores(raters=8, questions=20, difference=0.0, runs=400)
    assert nothing.interval[0] < 0.05 < nothing.interval[1] + 0.02
    # Expected mean squares of the model give the variance and Satterthwaite's df; noncentral t the power.
    R, Q, spread = 12, 24, ScoreSpread(rater_system=2.0, question_system=3.0, residual=6.0)
    found = power_of_scores(raters=R, questions=Q, difference=3.0, spread=spread, runs=400)
    rs, qs, e = Q * 4.0 + 36.0, R * 9.0 + 36.0, 36.0
    df = (rs + qs - e) ** 2 / (rs**2 / (R - 1) + qs**2 / (Q - 1) + e**2 / ((R - 1) * (Q - 1)))
    se = np.sqrt(2 * (rs + qs - e) / (R * Q))
    expected = stats.nct.sf(stats.t.isf(0.025, df), df, 3.0 / se)
    assert found.value == pytest.approx(expected, abs=0.07)


def test_power_grows_with_raters_and_falls_in_incomplete_blocks() -> None:
    few = power_of_scores(raters=3, questions=20, difference=3.0, runs=200)
    many = power_of_scores(raters=12, questions=20, difference=3.0, runs=200)
    assert few.value < many.value
    part = power_of_scores(raters=12, questions=20, difference=3.0, raters_per_answer=3, runs=200)
    assert part.value <= many.value
    shown = power_of_scores(
        raters=12, questions=40, difference=0.0, hypothesis="equivalence", margin=4.0, runs=200
    )
    assert shown.value > 0.7
    with pytest.raises(ValueError, match="margin"):
        power_of_scores(raters=4, questions=4, difference=0, hypothesis="equivalence")


def test_agreement_within_arms_is_below_the_pooled_one(score_cubes: Cubes) -> None:
    cube = score_cubes("scores_12x48x8x5.csv")["correctness"]
    from evaluation.statistics.score_analysis import analyse_aspect

    pooled = analyse_aspect(cube, cross_check=False).icc_a1.value
    within = agreement_within(cube)
    assert [arm.system for arm in within] == list(cube.systems)
    assert np.mean([arm.icc_a1.value for arm in within]) < pooled
    table = cube.values[:, :, 2].T
    assert within[2].alpha.value == pytest.approx(alpha(table).value)


def test_ceiling_shares_count_the_maximum_and_warn() -> None:
    values = np.full((2, 5, 2), 90.0)
    values[:, :3, 0] = 100
    cube = ScoreCube(values, ("a", "b"), tuple("12345"), ("x", "y"))
    first, second = ceiling_shares(cube, 100)
    assert first.value == pytest.approx(0.6)
    assert "60%" in first.notes[0]
    assert (second.value, second.notes) == (0.0, ())


def test_ranks_and_z_scores_take_away_how_raters_use_the_scale() -> None:
    cube = simulated(np.random.default_rng(9), raters=5, questions=12)
    bent = ScoreCube(
        np.stack([scores * (i + 1) / 3 + 10 * i for i, scores in enumerate(cube.values)]),
        cube.raters,
        cube.questions,
        cube.systems,
    )
    assert ranked(bent).values == pytest.approx(ranked(cube).values)
    assert standardised(bent).values == pytest.approx(standardised(cube).values)
    assert np.nanmin(ranked(cube).values) == 0
    assert len(contrasts_on(ranked(cube))) == 3
    gaps = cube.values.copy()
    gaps[0, 0, 0] = np.nan
    part = ScoreCube(gaps, cube.raters, cube.questions, cube.systems)
    assert np.isnan(standardised(part).values[0, 0, 0])
    assert "moments" in contrasts_on(standardised(part))[0].estimate.method


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_interval_of_alpha_covers_what_a_plain_bootstrap_gives(level: str) -> None:
    rng = np.random.default_rng(2)
    base = rng.integers(1, 5, 40)
    table = np.clip(base[:, None] + rng.integers(-1, 2, (40, 3)), 1, 5).astype(float)
    table[3, 1] = np.nan
    found = alpha(table, level=level, b=400)
    assert found.value == pytest.approx(alpha(table, level=level).value)
    plain = [alpha(table[rng.integers(0, 40, 40)], level=level).value for _ in range(400)]
    assert found.interval == pytest.approx(tuple(np.quantile(plain, [0.025, 0.975])), abs=0.04)
