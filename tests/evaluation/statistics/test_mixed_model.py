"""Mixed model against lme4, lmerTest and emmeans (lmm.json): REML, F test, Tukey's pairs, profile intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evaluation.statistics.crossed import crossed_contrasts
from evaluation.statistics.mixed_model import denominator_df, mixed_model
from evaluation.statistics.mixed_profile import mixed_profile
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import ScoreCube
from evaluation.statistics.tukey import tukey_pairs
from tests.evaluation.statistics.test_crossed import simulated

Reference = Callable[[str], Any]
Cubes = Callable[[str], dict[str, ScoreCube]]


def _matches(found: Any, expected: dict[str, Any]) -> None:
    for mean, row in zip(found.means, expected["emmeans"], strict=True):
        assert mean.value == pytest.approx(row["emmean"], rel=1e-4)
        assert mean.se == pytest.approx(row["SE"], rel=1e-3)
        assert mean.df == pytest.approx(row["df"], abs=0.5)
    for contrast, row in zip(found.contrasts, expected["pairwise"], strict=True):
        assert contrast.estimate.value == pytest.approx(row["estimate"], rel=1e-4, abs=1e-4)
        assert contrast.estimate.se == pytest.approx(row["SE"], rel=1e-3)
        # With thousands of degrees of freedom half of one is below what lme4 settles.
        assert contrast.estimate.df == pytest.approx(row["df"], abs=0.5, rel=1e-3)
        assert np.log(contrast.p) == pytest.approx(np.log(max(row["p_none"], 1e-320)), rel=5e-3, abs=5e-3)
    assert found.criterion == pytest.approx(expected["reml"], rel=1e-7)
    for row in expected["varcomp"]:
        name = "residual" if row["grp"] == "Residual" else row["grp"]
        assert found.components[name] == pytest.approx(row["vcov"], rel=1e-3)


def test_incomplete_scores_equal_lme4_with_interactions(reference: Reference, score_cubes: Cubes) -> None:
    cube = score_cubes("scores_incomplete.csv")["correctness"]
    found = mixed_model(cube)
    _matches(found, reference("lmm.json")["scores_incomplete.csv"]["correctness"]["interactions"])
    assert found.n == 4347


def test_the_model_without_interactions_equals_lme4(reference: Reference, score_cubes: Cubes) -> None:
    cube = score_cubes("scores_incomplete.csv")["helpfulness"]
    expected = reference("lmm.json")["scores_incomplete.csv"]["helpfulness"]["simple"]
    _matches(mixed_model(cube, interactions=False), expected)


def test_on_a_complete_design_the_contrasts_are_those_of_the_closed_form() -> None:
    cube = simulated(np.random.default_rng(6), raters=6, questions=15, rs=2.5)
    for a, b in zip(mixed_model(cube).contrasts, crossed_contrasts(cube), strict=True):
        assert a.estimate.value == pytest.approx(b.estimate.value, rel=1e-6, abs=1e-8)
        assert a.estimate.se == pytest.approx(b.estimate.se, rel=1e-3)
        assert a.estimate.df == pytest.approx(b.estimate.df, abs=0.5)


def test_a_component_of_zero_is_told_and_bad_designs_are_refused() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(80, 5, (4, 6, 2)) + rng.normal(0, 4, (4, 1, 1))
    names = (tuple("abcd"), tuple("123456"), ("x", "y"))
    found = mixed_model(ScoreCube(values, *names))
    assert any("estimated as zero" in note for note in found.notes)
    assert all(np.isfinite(c.estimate.se) for c in found.contrasts)
    with pytest.raises(ValueError, match="do not vary"):
        mixed_model(ScoreCube(np.full((4, 6, 2), 90.0), *names))
    values[:, :, 1] = np.nan
    with pytest.raises(ValueError, match="system y has no scores"):
        mixed_model(ScoreCube(values, *names))
    with pytest.raises(ValueError, match="two raters"):
        mixed_model(ScoreCube(values[:1], ("a",), *names[1:]))


def _matches_tests(found: Any, expected: dict[str, Any]) -> None:
    """The F test of all systems, and all pairs by Tukey."""
    (anova,) = expected["anova_satterthwaite"]
    assert found.systems_differ.f == pytest.approx(anova["F value"], rel=1e-3)
    assert found.systems_differ.df1 == anova["NumDF"]
    assert found.systems_differ.df2 == pytest.approx(anova["DenDF"], abs=0.5)
    for pair, row in zip(tukey_pairs(found.contrasts, 8), expected["pairwise"], strict=True):
        assert pair.interval == pytest.approx((row["lower.CL"], row["upper.CL"]), rel=1e-4, abs=1e-3)
        # R's own probability ends near 4e-8.
        assert pair.p == pytest.approx(row["p.value"], rel=5e-3, abs=1e-6)


@pytest.mark.parametrize("kind", ["interactions", "simple"])
def test_tukeys_pairs_and_the_f_test_equal_emmeans_and_lmertest(
    reference: Reference, score_cubes: Cubes, kind: str
) -> None:
    for file in ("scores_12x48x8x5.csv", "scores_incomplete.csv"):
        found = mixed_model(score_cubes(file)["correctness"], interactions=kind == "interactions")
        _matches_tests(found, reference("lmm.json")[file]["correctness"][kind])


@pytest.mark.parametrize(("raters", "seed"), [(2, 0), (2, 1), (3, 3), (3, 5)])
def test_the_f_test_of_two_systems_is_the_t_test_of_their_contrast_where_degrees_of_freedom_are_few(
    raters: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = 70 + rng.normal(0, 1, (raters, 12, 2)) + rng.normal(0, 9, (raters, 1, 2))
    values += rng.normal(0, 20, (raters, 1, 1))
    values[:, :, 1] += 20
    names = tuple(f"r{i}" for i in range(raters)), tuple(f"q{i}" for i in range(12)), ("x", "y")
    found = mixed_model(ScoreCube(values, *names))
    (contrast,), test = found.contrasts, found.systems_differ
    # Where a variance is estimated as zero, the machine decides on the last digits: 2 becomes 2.002.
    assert contrast.estimate.df < 2.01
    assert test.f == pytest.approx(contrast.statistic**2)
    assert test.df2 == pytest.approx(contrast.estimate.df)
    assert test.p == pytest.approx(contrast.p)


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        ([1.9], 1.9),
        ([1.5, 1.5], 1.5),
        ([1.9, 30, 40], 2),
        ([2.0, np.inf], 2),
        # 2 E / (E - q): E = 5/3 + 10/8, and with an infinite one 3/1 + 1.
        ([5, 10], 2 * (5 / 3 + 10 / 8) / (5 / 3 + 10 / 8 - 2)),
        ([3, np.inf], 4),
        ([7.0, 7.0, 7.0], 7),
        ([np.inf, np.inf], np.inf),
    ],
)
def test_the_denominators_degrees_of_freedom_follow_lmertests_rule(
    each: list[float], expected: float
) -> None:
    """lmerTest 3.1: get_Fstat_ddf(nu) is nu of one contrast or of equal ones, 2 where any nu <= 2, else Fai and
    Cornelius."""
    assert denominator_df(np.array(each, dtype=float)) == pytest.approx(expected)


def test_holm_over_all_contrasts_equals_emmeans(reference: Reference, score_cubes: Cubes) -> None:
    file = "scores_incomplete.csv"
    expected = reference("lmm.json")[file]["correctness"]["interactions"]["pairwise"]
    for contrast, row in zip(mixed_model(score_cubes(file)["correctness"]).contrasts, expected, strict=True):
        assert np.log(contrast.p_adjusted) == pytest.approx(np.log(row["p_holm"]), rel=5e-3, abs=5e-3)


@pytest.mark.slow
def test_profile_intervals_and_the_likelihood_ratio_equal_lme4(
    reference: Reference, score_cubes: Cubes
) -> None:
    file = "scores_incomplete.csv"
    expected = reference("lmm.json")[file]["correctness"]["simple"]
    found = mixed_profile(score_cubes(file)["correctness"], interactions=False)
    limits = {row["parm"]: (row["lo"], row["hi"]) for row in expected["profile_ci"]}
    # lme4 orders its random terms by their number of levels: question, rater.
    for name, parameter in (("question", ".sig01"), ("rater", ".sig02"), ("residual", ".sigma")):
        assert found.deviations[name].interval == pytest.approx(limits[parameter], rel=1e-4)
    assert found.means[0].interval == pytest.approx(limits["(Intercept)"], rel=1e-4)
    against_first = [c for c in found.contrasts if c.first == "LLaVA-1.5"]
    assert len(against_first) == 7
    for contrast in against_first:
        low, high = limits[f"system{contrast.second}"]
        assert contrast.estimate.interval == pytest.approx((-high, -low), rel=1e-4, abs=1e-4)
    assert found.log_likelihood == pytest.approx(expected["logLik_ML"], rel=1e-7)
    assert found.systems_differ.chi_square == pytest.approx(expected["lrt_system"]["chisq"], rel=1e-5)
    assert found.systems_differ.df == expected["lrt_system"]["df"]


def test_a_profile_of_a_component_of_zero_begins_at_zero() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(80, 5, (4, 6, 2)) + rng.normal(0, 4, (4, 1, 1))
    found = mixed_profile(ScoreCube(values, tuple("abcd"), tuple("123456"), ("x", "y")))
    low, high = found.deviations["rater:system"].interval
    assert low == 0
    assert 0 < high < 20
    low, high = found.contrasts[0].estimate.interval
    assert low < found.contrasts[0].estimate.value < high


def test_quantiles_between_many_degrees_of_freedom_are_exact() -> None:
    dfs = np.linspace(20, 300, 28)
    contrasts = [Contrast("a", "b", Estimate(1.0, None, "t", se=1.0, df=float(df))) for df in dfs]
    for pair, df in list(zip(tukey_pairs(contrasts, 8), dfs, strict=True))[::9]:
        half = stats.studentized_range.ppf(0.95, 8, df) / np.sqrt(2)
        assert pair.interval == pytest.approx((1 - half, 1 + half), rel=1e-6)
        assert pair.p == pytest.approx(stats.studentized_range.sf(np.sqrt(2), 8, df))
    flat = [Contrast("a", "b", Estimate(0.0, None, "t", se=None, df=None))]
    assert tukey_pairs(flat, 2)[0].p is None
    with pytest.raises(ValueError, match="not all pairs"):
        tukey_pairs(contrasts, 4)
