"""Two-way random analysis against lme4, lmerTest and emmeans (lmm.json), and against simulation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evaluation.statistics.cluster_bootstrap import bootstrap_contrasts, bootstrap_means
from evaluation.statistics.crossed import crossed_contrasts, crossed_means, mean_squares
from evaluation.statistics.equivalence import non_inferiority
from evaluation.statistics.moments import moment_contrasts, moment_means
from evaluation.statistics.results import Estimate, holm
from evaluation.statistics.score_analysis import analyse_aspect, within_scale
from evaluation.statistics.score_cube import ScoreCube

COMPLETE = "scores_12x48x8x5.csv"
Reference = Callable[[str], Any]
Cubes = Callable[[str], dict[str, ScoreCube]]


def simulated(
    rng: np.random.Generator, raters: int = 8, questions: int = 20, systems: int = 3, **sd: float
) -> ScoreCube:
    """A balanced cube from the model of `crossed`, no system better than another."""
    R, Q, S = raters, questions, systems
    parts = {"r": 4.0, "q": 3.0, "rs": 1.5, "qs": 3.0, "e": 6.7} | sd
    values = (
        80
        + rng.normal(0, parts["r"], (R, 1, 1))
        + rng.normal(0, parts["q"], (1, Q, 1))
        + rng.normal(0, parts["rs"], (R, 1, S))
        + rng.normal(0, parts["qs"], (1, Q, S))
        + rng.normal(0, parts["e"], (R, Q, S))
    )
    names = [tuple(f"{letter}{i}" for i in range(n)) for letter, n in zip("rqs", (R, Q, S), strict=True)]
    return ScoreCube(values, *names)


@pytest.mark.parametrize("aspect", ["correctness", "completeness"])
def test_means_equal_emmeans_of_the_interaction_model(
    reference: Reference, score_cubes: Cubes, aspect: str
) -> None:
    cube = score_cubes(COMPLETE)[aspect]
    expected = {
        row["system"]: row for row in reference("lmm.json")[COMPLETE][aspect]["interactions"]["emmeans"]
    }
    for system, mean in zip(cube.systems, crossed_means(cube), strict=True):
        row = expected[system]
        assert mean.value == pytest.approx(row["emmean"], rel=1e-8)
        assert mean.se == pytest.approx(row["SE"], rel=1e-3)
        assert mean.df == pytest.approx(row["df"], abs=0.5)
        assert mean.interval == pytest.approx((row["lower.CL"], row["upper.CL"]), rel=1e-3)


@pytest.mark.parametrize("aspect", ["correctness", "completeness"])
def test_contrasts_equal_lmertest_with_satterthwaite_and_holm(
    reference: Reference, score_cubes: Cubes, aspect: str
) -> None:
    contrasts = crossed_contrasts(score_cubes(COMPLETE)[aspect])
    rows = reference("lmm.json")[COMPLETE][aspect]["interactions"]["pairwise"]
    assert len(contrasts) == len(rows) == 28
    for contrast, row in zip(contrasts, rows, strict=True):
        assert contrast.estimate.value == pytest.approx(row["estimate"], rel=1e-4)
        assert contrast.estimate.se == pytest.approx(row["SE"], rel=1e-3)
        assert contrast.estimate.df == pytest.approx(row["df"], abs=0.5)
        assert contrast.estimate.interval == pytest.approx((row["lo_none"], row["hi_none"]), abs=5e-3)
        assert np.log(contrast.p) == pytest.approx(np.log(row["p_none"]), rel=1e-3, abs=1e-3)
        assert np.log(contrast.p_adjusted) == pytest.approx(np.log(row["p_holm"]), rel=1e-3, abs=1e-3)


def test_mean_squares_of_a_small_table_equal_sums_written_out() -> None:
    values = np.random.default_rng(3).normal(size=(3, 4, 2))
    ms = mean_squares(values)
    total = sum(
        (values[i, j].mean() - values[i].mean() - values[:, j].mean() + values.mean()) ** 2 * 2
        for i in range(3)
        for j in range(4)
    )
    with_rq = mean_squares(values, rater_by_question=True)
    assert ms.residual * ms.df_residual == pytest.approx(with_rq.residual * with_rq.df_residual + total)
    assert (ms.df_residual, with_rq.df_residual) == (12, 6)


def test_two_way_bootstrap_agrees_with_the_closed_form(score_cubes: Cubes) -> None:
    cube = score_cubes(COMPLETE)["correctness"]
    closed, drawn = crossed_contrasts(cube), bootstrap_contrasts(cube, b=4000)
    for a, b in zip(closed, drawn, strict=True):
        assert b.estimate.value == pytest.approx(a.estimate.value)
    # The closed form pools the variances of the systems, the bootstrap takes each pair's own: so on average;
    # and the bootstrap counts the residual three times over, hence its conservatism.
    ratio = np.mean([b.estimate.se**2 for b in drawn]) / closed[0].estimate.se ** 2
    assert 0.95 < ratio < 1.4
    means = np.mean([b.se**2 for b in bootstrap_means(cube, b=4000)]) / crossed_means(cube)[0].se ** 2
    assert 0.8 < means < 1.3


def test_incomplete_scores_go_to_the_moments_and_say_so(score_cubes: Cubes) -> None:
    cube = score_cubes("scores_incomplete.csv")["correctness"]
    analysis = analyse_aspect(cube, b=500)
    assert (
        analysis.means[0].method == "moments of raters and questions over the cells present, Satterthwaite t"
    )
    assert any("missing" in note for note in analysis.notes)
    present = cube.values[:, :, 5][~np.isnan(cube.values[:, :, 5])]
    assert analysis.means[5].value == pytest.approx(present.mean())
    assert analysis.means[5].n == len(present)
    # The bootstrap stands beside as for complete scores.
    assert "bootstrap" in analysis.check[5].method
    with pytest.raises(ValueError, match="missing"):
        crossed_means(cube)


def test_moments_of_incomplete_scores_come_near_lme4_with_interactions(
    reference: Reference, score_cubes: Cubes
) -> None:
    rows = reference("lmm.json")["scores_incomplete.csv"]["correctness"]["interactions"]["pairwise"]
    found = moment_contrasts(score_cubes("scores_incomplete.csv")["correctness"])
    for contrast, row in zip(found, rows, strict=True):
        # lme4 weighs the cells, a mean of the cells present does not.
        assert contrast.estimate.value == pytest.approx(row["estimate"], abs=0.35)
        assert contrast.estimate.se == pytest.approx(row["SE"], rel=0.05)
        assert contrast.estimate.df == pytest.approx(row["df"], rel=0.15)


def test_moments_of_complete_scores_are_the_closed_form() -> None:
    cube = simulated(np.random.default_rng(5), raters=5, questions=12)
    closed = crossed_contrasts(cube, rater_by_question=True)
    for a, b in zip(closed, moment_contrasts(cube), strict=True):
        assert (b.estimate.value, b.p) == pytest.approx((a.estimate.value, a.p), rel=1e-9)
        assert (b.estimate.se, b.estimate.df) == pytest.approx((a.estimate.se, a.estimate.df), rel=1e-9)
    for mean, own in zip(crossed_means(cube), moment_means(cube), strict=True):
        assert (own.value, own.se) == pytest.approx((mean.value, mean.se), rel=1e-9)
        assert own.df <= mean.df
    patients = tuple(f"p{i // 3}" for i in range(12))
    clustered = ScoreCube(cube.values, cube.raters, cube.questions, cube.systems, patients)
    by_patient = crossed_contrasts(clustered.by_patient(), rater_by_question=True)
    for a, b in zip(by_patient, moment_contrasts(clustered), strict=True):
        assert (b.estimate.se, b.estimate.df) == pytest.approx((a.estimate.se, a.estimate.df), rel=1e-9)


def test_one_missing_score_of_few_raters_moves_the_interval_by_little() -> None:
    cube = simulated(np.random.default_rng(8), raters=4, questions=24, systems=4, rs=3.0)
    (whole, *_), check = analyse_aspect(cube, b=50).contrasts, analyse_aspect(cube, b=50).check
    assert check
    cube.values[0, 0, 0] = np.nan
    gap = analyse_aspect(cube, b=50)
    first = gap.contrasts[0].estimate
    assert first.se == pytest.approx(whole.estimate.se, rel=0.03)
    assert first.df == pytest.approx(whole.estimate.df, rel=0.1)
    assert "4 raters: conclusions about other raters rest on few; five or more are advised" in gap.notes


def test_type_one_error_of_few_raters_with_a_missing_score_is_near_its_level() -> None:
    rng, rejected, shown = np.random.default_rng(12), 0, 0
    for _ in range(400):
        cube = simulated(rng, raters=3, questions=24, systems=2, rs=3.0, qs=2.0)
        cube.values[0, 0, 0] = np.nan
        (found,) = moment_contrasts(cube)
        rejected += found.p < 0.05
        at_margin = replace(found.estimate, value=found.estimate.value - 2.0)
        shown += non_inferiority(at_margin, 2.0).is_shown
    # The bootstrap's were .17 and .09.
    assert rejected / 400 < 0.08
    assert shown / 400 < 0.045


def test_what_cannot_be_estimated_from_incomplete_scores_is_said() -> None:
    cube = simulated(np.random.default_rng(5), raters=3, questions=4, systems=3)
    cube.values[:, :, 2] = np.nan
    *_, empty = moment_means(cube)
    assert (empty.interval, empty.notes, empty.n) == (None, ("no scores",), 0)
    assert [one.p is None for one in moment_contrasts(cube)] == [False, True, True]
    flat = ScoreCube(np.full((3, 4, 2), 90.3), tuple("abc"), tuple("abcd"), ("x", "y"))
    flat.values[0, 0, 0] = np.nan
    assert moment_means(flat)[1].interval == pytest.approx((90.3, 90.3))
    assert moment_contrasts(flat)[0].p is None
    single = ScoreCube(np.array([[[90.0, np.nan]]]), ("r",), ("q",), ("x", "y"))
    assert moment_means(single)[0].notes == ("one score: no interval",)


def test_differences_that_hold_no_cell_add_no_degrees_of_freedom() -> None:
    """An arm without scores, or scored by other raters, says nothing of the others' difference."""
    cube = simulated(np.random.default_rng(8), raters=4, questions=12, systems=2)
    cube.values[0, 0, 0] = np.nan
    (alone,) = moment_contrasts(cube)
    empty = np.full((4, 12, 1), np.nan)
    three = ScoreCube(
        np.concatenate([cube.values, empty], axis=2), cube.raters, cube.questions, (*cube.systems, "none")
    )
    beside, *_ = moment_contrasts(three)
    assert beside.estimate.df == pytest.approx(alone.estimate.df)
    assert beside.estimate.interval == pytest.approx(alone.estimate.interval)


def test_one_rater_or_one_question_with_a_gap_is_fixed_and_said_to_be() -> None:
    values = np.random.default_rng(9).normal(70, 10, (1, 6, 2))
    values[0, 0, 0] = np.nan
    one = ScoreCube(values, ("r",), tuple("abcdef"), ("x", "y"))
    assert "the rater fixed" in moment_means(one)[0].notes[0]
    turned = ScoreCube(values.reshape(6, 1, 2), tuple("abcdef"), ("q",), ("x", "y"))
    assert "the question fixed" in moment_contrasts(turned)[0].estimate.notes[0]
    patients = ("p",) * 6
    both = ScoreCube(values, ("r",), tuple("abcdef"), ("x", "y"), patients)
    assert [(mean.interval, mean.notes) for mean in moment_means(both)] == [
        (None, ("one rater and one patient: no interval",))
    ] * 2


def test_type_one_error_of_the_contrast_is_near_its_level() -> None:
    rng = np.random.default_rng(11)
    rejected = sum(crossed_contrasts(simulated(rng, systems=2))[0].p < 0.05 for _ in range(1500))
    assert 0.025 < rejected / 1500 < 0.075


def test_equally_many_questions_per_patient_make_patients_the_random_factor() -> None:
    cube = simulated(np.random.default_rng(5), questions=20)
    clustered = ScoreCube(
        cube.values, cube.raters, cube.questions, cube.systems, tuple(f"p{i // 4}" for i in range(20))
    )
    analysis = analyse_aspect(clustered, b=200)
    by_hand = ScoreCube(
        cube.values.reshape(8, 5, 4, 3).mean(2), cube.raters, tuple(f"p{i}" for i in range(5)), cube.systems
    )
    assert analysis.means[1].interval == pytest.approx(crossed_means(by_hand)[1].interval)
    assert any("patients are the random factor" in note for note in analysis.notes)


def test_unequal_patients_go_to_the_moments_over_patients() -> None:
    cube = simulated(np.random.default_rng(5), questions=20, q=8.0)
    patients = tuple("p0" if i < 10 else f"p{i}" for i in range(20))
    clustered = ScoreCube(cube.values, cube.raters, cube.questions, cube.systems, patients)
    analysis = analyse_aspect(clustered, b=500)
    assert "patients" in analysis.means[0].method


def test_one_rater_and_equal_scores_give_a_defined_answer_with_a_note() -> None:
    one = ScoreCube(np.arange(10.0).reshape(1, 5, 2), ("r",), tuple("abcde"), ("x", "y"))
    assert "the rater fixed" in crossed_means(one)[0].notes[0]
    flat = ScoreCube(np.full((3, 4, 2), 90.0), tuple("abc"), tuple("abcd"), ("x", "y"))
    assert crossed_means(flat)[0].interval == (90.0, 90.0)
    contrast = crossed_contrasts(flat)[0]
    assert contrast.p is None
    assert "no test" in contrast.estimate.notes[-1]
    single = ScoreCube(np.full((1, 1, 1), 90.0), ("r",), ("q",), ("x",))
    assert crossed_means(single)[0].interval is None


def test_negative_components_are_clipped_and_never_narrow_the_interval() -> None:
    # Pure residual noise: half of the draws give MS_RS + MS_QS < MS_E or a component below it.
    rng = np.random.default_rng(7)
    seen = 0
    for _ in range(50):
        cube = simulated(rng, rs=0.0, qs=0.0)
        ms, contrast = mean_squares(cube.values), crossed_contrasts(cube)[0]
        floor = 2 / (8 * 20) * ms.residual
        assert contrast.estimate.se**2 >= floor * (1 - 1e-12)
        seen += bool(contrast.estimate.notes)
    assert seen > 5


def test_holm_equals_its_definition() -> None:
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])


def test_an_interval_of_a_mean_is_cut_off_at_the_end_of_the_scale_and_says_so() -> None:
    rng = np.random.default_rng(4)
    values = np.clip(97 + rng.normal(0, 3, (3, 6, 2)) + rng.normal(0, 3, (3, 1, 1)), 1, 100)
    values[:, :, 1] -= 40
    cube = ScoreCube(values, tuple("abc"), tuple("123456"), ("high", "middle"))
    plain, cut = analyse_aspect(cube, b=100), analyse_aspect(cube, b=100, scale=(1, 100))
    high, middle = cut.means
    assert plain.means[0].interval[1] > 100
    assert high.interval == (plain.means[0].interval[0], 100)
    assert (high.value, high.se, high.df) == (plain.means[0].value, plain.means[0].se, plain.means[0].df)
    assert high.notes[-1] == "the interval reached beyond the scale (1 to 100) and is cut off at its end"
    assert middle == plain.means[1]
    assert cut.contrasts == plain.contrasts
    low = within_scale(Estimate(2.0, (-1.0, 5.0), "t"), 1, 100)
    assert low.interval == (1, 5.0)
