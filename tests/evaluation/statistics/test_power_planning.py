"""Numbers of raters and questions for a wanted power, against simulation, brute force and R's components."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from evaluation.statistics.power import PatientClusters, ScoreSpread, power_of_scores
from evaluation.statistics.power_planning import (
    Goal,
    expected_power,
    questions_needed,
    raters_needed,
    spread_of_pilot,
)
from evaluation.statistics.score_analysis import analyse_aspect
from evaluation.statistics.score_cube import ScoreCube

Reference = Callable[[str], Any]
Cubes = Callable[[str], dict[str, ScoreCube]]


@pytest.mark.parametrize(
    ("raters", "questions", "difference", "hypothesis", "margin", "per_answer"),
    [
        (4, 12, 5.0, "superiority", None, None),
        (8, 38, 2.5, "superiority", None, None),
        (16, 96, -1.5, "superiority", None, None),
        (8, 38, 0.0, "non_inferiority", 3.0, None),
        (8, 24, 0.5, "equivalence", 4.0, None),
        (12, 48, 2.0, "superiority", None, 4),
        (6, 24, 5.0, "superiority", None, 2),
        (12, 48, 0.0, "equivalence", 4.0, 6),
    ],
)
def test_the_closed_form_is_within_four_points_of_the_simulation_from_eight_raters_on(
    raters: int,
    questions: int,
    difference: float,
    hypothesis: str,
    margin: float | None,
    per_answer: int | None,
) -> None:
    asked: dict[str, Any] = {
        "raters": raters,
        "questions": questions,
        "difference": difference,
        "hypothesis": hypothesis,
        "margin": margin,
        "raters_per_answer": per_answer,
    }
    simulated = power_of_scores(**asked, runs=2000, seed=4)
    bound = 0.04 if raters >= 8 else 0.07
    assert expected_power(**asked) == pytest.approx(simulated.value, abs=bound)


@pytest.mark.parametrize("per_answer", [None, 3])
def test_the_fewest_questions_are_those_of_trying_every_number(per_answer: int | None) -> None:
    goal = Goal(power=0.8, difference=3.5, raters_per_answer=per_answer)
    found = questions_needed(goal, 10, runs=300)
    tried = [
        count
        for count in range(2, 200)
        if expected_power(raters=10, questions=count, difference=3.5, raters_per_answer=per_answer) >= 0.8
    ]
    assert (found.raters, found.questions, found.found) == (10, tried[0], True)
    assert found.simulated.interval[0] - 0.06 < 0.8 < found.simulated.interval[1] + 0.06
    assert (found.complete is None) == (per_answer is None)
    assert found.complete is None or found.complete > found.expected
    beside = raters_needed(goal, 60, runs=300)
    tried = [
        count
        for count in range(2, 61)
        if expected_power(raters=count, questions=60, difference=3.5, raters_per_answer=per_answer) >= 0.8
    ]
    assert (beside.raters, beside.questions) == (tried[0], 60)


def test_what_no_number_reaches_is_said_and_what_can_not_be_planned_is_refused() -> None:
    few = questions_needed(Goal(power=0.9, difference=2.0), 4)
    assert (few.found, few.questions, few.simulated) == (False, 400, None)
    assert few.expected < 0.9
    with pytest.raises(ValueError, match="other than 0"):
        Goal(power=0.8, difference=0.0)
    with pytest.raises(ValueError, match="outside of the margin"):
        Goal(power=0.8, difference=-4.0, hypothesis="non_inferiority", margin=3.0)
    with pytest.raises(ValueError, match="outside of the margin"):
        Goal(power=0.8, difference=3.0, hypothesis="equivalence", margin=3.0)
    with pytest.raises(ValueError, match="between alpha and 1"):
        Goal(power=1.0, difference=1.0)


def _share_shown(raters: int, patients: int, m: int, rho: float, difference: float, runs: int) -> float:
    """Trials drawn question by question, patients sharing rho of each of the questions' parts, analysed as trials are."""
    rng, spread, hits = np.random.default_rng(11), ScoreSpread(), 0
    names = tuple(f"P{place // m}" for place in range(patients * m))

    def drawn(sd: float, *shape: int) -> np.ndarray:
        shared = np.repeat(rng.normal(0, sd * rho**0.5, shape), m, axis=1)
        return shared + rng.normal(0, sd * (1 - rho) ** 0.5, shared.shape)

    for _ in range(runs):
        values = (
            rng.normal(0, spread.rater, (raters, 1, 1))
            + rng.normal(0, spread.rater_system, (raters, 1, 2))
            + drawn(spread.question, 1, patients, 1)
            + drawn(spread.question_system, 1, patients, 2)
            + drawn(spread.residual, raters, patients, 2)
        )
        values[:, :, 0] += difference
        axes = tuple(map(str, range(raters))), tuple(map(str, range(patients * m))), ("x", "y")
        found = analyse_aspect(ScoreCube(values, *axes, names), cross_check=False).contrasts[0]
        hits += found.p < 0.05
    return hits / runs


@pytest.mark.slow
@pytest.mark.parametrize(("patients", "m", "rho"), [(12, 4, 0.5), (16, 3, 0.1), (24, 2, 1.0)])
def test_the_power_of_questions_clustered_in_patients_is_that_of_trials_drawn_question_by_question(
    patients: int, m: int, rho: float
) -> None:
    asked: dict[str, Any] = {"raters": 10, "questions": patients * m, "difference": 2.0}
    clusters = PatientClusters(m, rho)
    drawn = _share_shown(10, patients, m, rho, 2.0, 1500)
    assert expected_power(**asked, clusters=clusters) == pytest.approx(drawn, abs=0.04)
    assert power_of_scores(**asked, clusters=clusters, runs=1500).value == pytest.approx(drawn, abs=0.04)
    if rho >= 0.5:
        assert expected_power(**asked) > drawn + 0.08


def test_the_design_effect_is_kishs_and_what_is_no_cluster_is_refused() -> None:
    clusters = PatientClusters(4, 0.2)
    assert (clusters.design_effect, clusters.effective(48)) == (pytest.approx(1.6), pytest.approx(30))
    alone = PatientClusters(1, 0.9)
    asked: dict[str, Any] = {"raters": 8, "questions": 24, "difference": 3.0}
    assert expected_power(**asked, clusters=alone) == expected_power(**asked)
    # A patient's questions that all say the same are one question.
    same = expected_power(raters=8, questions=48, difference=3.0, clusters=PatientClusters(2, 1.0))
    assert same == pytest.approx(expected_power(**asked))
    found = questions_needed(Goal(power=0.8, difference=3.5, clusters=clusters), 10, runs=200)
    apart = questions_needed(Goal(power=0.8, difference=3.5), 10, runs=200)
    assert found.questions > apart.questions
    few = questions_needed(Goal(power=0.8, difference=30.0, clusters=clusters), 10, runs=200)
    assert few.questions >= 8  # of two patients
    with pytest.raises(ValueError, match="give 1 or more"):
        PatientClusters(0.5)
    with pytest.raises(ValueError, match="give 0 to 1"):
        PatientClusters(2, 1.5)
    with pytest.raises(ValueError, match="two patients"):
        expected_power(raters=4, questions=4, difference=1.0, clusters=PatientClusters(4))


def test_the_command_takes_questions_of_one_patient_into_account() -> None:
    asked = ("--difference", "3", "--raters", "12", "--runs", "100")
    out, apart = io.StringIO(), io.StringIO()
    call_command("power", *asked, "--questions-per-patient", "4", "--json", stdout=out)
    call_command("power", *asked, "--json", stdout=apart)
    found = json.loads(out.getvalue())
    assert found["goal"]["clusters"] == {
        "per_patient": 4.0,
        "correlation": 0.1,
        "design_effect": pytest.approx(1.3),
    }
    needed = found["designs"][0]
    assert needed["effective_questions"] == pytest.approx(needed["questions"] / 1.3)
    assert needed["questions"] > json.loads(apart.getvalue())["designs"][0]["questions"]
    with pytest.raises(CommandError, match="give 0 to 1"):
        call_command("power", *asked, "--patient-correlation", "2")


def test_a_pilots_spread_is_that_of_r(score_cubes: Cubes, reference: Reference) -> None:
    known = reference("lmm.json")["scores_12x48x8x5.csv"]
    for aspect in ("correctness", "completeness"):
        parts = {row["grp"]: row["sdcor"] for row in known[aspect]["interactions"]["varcomp"]}
        found = spread_of_pilot(score_cubes("scores_12x48x8x5.csv")[aspect])
        # Complete and balanced: moments and REML agree where no component is at zero.
        assert (found.rater, found.question, found.rater_system, found.question_system, found.residual) == (
            pytest.approx(
                [
                    parts[name]
                    for name in ("rater", "question", "rater:system", "question:system", "Residual")
                ],
                rel=1e-4,
            )
        )
    gap = score_cubes("scores_12x48x8x5.csv")["correctness"]
    values = gap.values.copy()
    values[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="every score"):
        spread_of_pilot(ScoreCube(values, gap.raters, gap.questions, gap.systems))


def test_the_command_sizes_a_trial_and_prints_json(shared_data) -> None:
    out = io.StringIO()
    pilot = shared_data / "statistics" / "scores_12x48x8x5.csv"
    asked = (
        "--difference",
        "3",
        "--raters",
        "12",
        "--questions",
        "48",
        "--runs",
        "100",
        "--pilot",
        str(pilot),
    )
    call_command("power", *asked, "--json", stdout=out)
    found = json.loads(out.getvalue())
    first, second = found["designs"]
    assert first["raters"] == 12
    assert second["questions"] == 48
    assert first["expected_power"] >= 0.8
    assert first["simulated_interval"][0] < first["simulated_power"] < first["simulated_interval"][1]
    assert found["goal"]["spread"]["residual"] == pytest.approx(40.388**0.5, rel=1e-3)
    with pytest.raises(CommandError, match="--aspect beauty"):
        call_command("power", "--difference", "3", "--pilot", str(pilot), "--aspect", "beauty")
    with pytest.raises(CommandError, match="equivalence needs a margin"):
        call_command("power", "--difference", "0", "--hypothesis", "equivalence")
