r"""How many raters and questions a difference needs: the closed form of the power, then checked by simulation.

Closed form (complete design): expected mean squares put into the contrast's variance, 2 (E[MS_RS] + E[MS_QS] - E[MS_E])
/ (R Q), and into Satterthwaite's degrees of freedom; power from the noncentral t (as Hillis, Obuchowski & Berbaum 2011
size multi-reader studies). Incomplete blocks with r raters per answer: 2 (v_rs / R + v_qs / Q + v_e / (Q r)) and, as
`power_of_scores` analyses them, the smaller number of clusters less one. Equivalence: the powers of the two one-sided
tests less one (Phillips 1990), never below zero. Within .04 of the simulation from 8 to 16 raters and 24 to 96
questions, complete and incomplete, for all three hypotheses (2,000 simulated trials each); up to .07 above it with
fewer raters (4 x 12: .47 against .41).

Several questions of one patient: the same with patients in place of questions, whose parts have the variance of a
mean over their questions, v (1 + (m - 1) rho) / m: the variance is that of n / (1 + (m - 1) rho) independent questions
(Kish 1965), the degrees of freedom are those of the patients.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from scipy import stats

from evaluation.statistics.crossed import mean_squares
from evaluation.statistics.power import (
    INDEPENDENT,
    PatientClusters,
    ScoreSpread,
    check_design,
    power_of_scores,
)
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import ScoreCube


def expected_power(
    *,
    raters: int,
    questions: int,
    difference: float,
    spread: ScoreSpread | None = None,
    hypothesis: str = "superiority",
    margin: float | None = None,
    alpha: float = 0.05,
    raters_per_answer: int | None = None,
    clusters: PatientClusters = INDEPENDENT,
) -> float:
    """Power by the closed form; the arguments are those of `power_of_scores`.

    Raises:
        ValueError: too few raters, questions or patients, or a margin is missing.
    """
    check_design(raters, questions, hypothesis, margin, raters_per_answer, clusters)
    parts = clusters.of_patients(spread or ScoreSpread())
    se, df = _error(raters, clusters.patients(questions), parts, raters_per_answer)
    if hypothesis == "superiority":
        return _one_sided(abs(difference), se, df, alpha / 2) + _one_sided(
            -abs(difference), se, df, alpha / 2
        )
    limit = margin or 0.0
    if hypothesis == "non_inferiority":
        return _one_sided(difference + limit, se, df, alpha / 2)
    both = _one_sided(limit + difference, se, df, alpha) + _one_sided(limit - difference, se, df, alpha) - 1
    return max(both, 0.0)


def _error(raters: int, questions: float, parts: ScoreSpread, per_answer: int | None) -> tuple[float, float]:
    """Standard error of the difference and its degrees of freedom; `questions` are patients where these have several."""
    R, Q = raters, questions
    rs, qs, e = parts.rater_system**2, parts.question_system**2, parts.residual**2
    if per_answer is not None and per_answer < R:
        return float(np.sqrt(2 * (rs / R + qs / Q + e / (Q * per_answer)))), min(R, Q) - 1.0
    ms_rs, ms_qs = Q * rs + e, R * qs + e
    total = ms_rs + ms_qs - e
    df = total**2 / (ms_rs**2 / (R - 1) + ms_qs**2 / (Q - 1) + e**2 / ((R - 1) * (Q - 1)))
    return float(np.sqrt(2 * total / (R * Q))), float(df)


def _one_sided(effect: float, se: float, df: float, alpha: float) -> float:
    """Chance that the one-sided t test of an effect above zero is significant."""
    if se == 0:
        return float(effect > 0)
    return float(stats.nct.sf(stats.t.isf(alpha, df), df, effect / se))


@dataclass(frozen=True)
class Needed:
    """One design that reaches the wanted power.

    Attributes:
        raters, questions: the numbers; `found` is False where no number up to the most reaches it, and both are then
            those of the largest design that was looked at.
        expected: power by the closed form.
        simulated: power by simulation with its Wilson interval; None where nothing was found.
        complete: incomplete blocks: the closed form's power where all raters scored every answer.
    """

    raters: int
    questions: int
    found: bool
    expected: float
    simulated: Estimate | None = None
    complete: float | None = None


@dataclass(frozen=True)
class Goal:
    """What a design is sized for; the fields are the arguments of `power_of_scores`.

    Attributes:
        power: wanted, between 0 and 1.
    """

    power: float
    difference: float
    spread: ScoreSpread | None = None
    hypothesis: str = "superiority"
    margin: float | None = None
    alpha: float = 0.05
    raters_per_answer: int | None = None
    clusters: PatientClusters = INDEPENDENT

    def __post_init__(self) -> None:
        check_design(2, 2, self.hypothesis, self.margin, self.raters_per_answer)
        if not self.alpha < self.power < 1:
            raise ValueError(f"a power of {self.power:g} can't be planned for: give one between alpha and 1")
        if self.hypothesis == "superiority" and self.difference == 0:
            raise ValueError("superiority needs a difference other than 0")
        limit = self.margin or 0.0
        out = (
            self.difference <= -limit
            if self.hypothesis == "non_inferiority"
            else abs(self.difference) >= limit
        )
        if self.hypothesis != "superiority" and out:
            raise ValueError("the difference lies outside of the margin: no number of raters shows the claim")

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of both calculations of a power."""
        return {name: value for name, value in vars(self).items() if name != "power"}


def questions_needed(goal: Goal, raters: int, *, most: int = 400, runs: int = 400, seed: int = 1) -> Needed:
    """Fewest questions, up to `most`, with which so many raters reach the power.

    Raises:
        ValueError: fewer than two raters, or a margin is missing.
    """
    number = _fewest(
        lambda count: expected_power(raters=raters, questions=count, **goal.arguments()),
        goal,
        most,
        least=ceil(2 * goal.clusters.per_patient),
    )
    return _needed(goal, raters, number or most, number is not None, runs, seed)


def raters_needed(goal: Goal, questions: int, *, most: int = 60, runs: int = 400, seed: int = 1) -> Needed:
    """Fewest raters, up to `most`, with which so many questions reach the power.

    Raises:
        ValueError: fewer than two questions, or a margin is missing.
    """
    number = _fewest(
        lambda count: expected_power(raters=count, questions=questions, **goal.arguments()), goal, most
    )
    return _needed(goal, number or most, questions, number is not None, runs, seed)


def _fewest(power_with: Callable[[int], float], goal: Goal, most: int, *, least: int = 2) -> int | None:
    """Bisection: the power grows with the number. The closed form needs `least` (two raters, or two patients)."""
    if power_with(most) < goal.power:
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_with(middle) >= goal.power else (middle, high)
    return high


def _needed(goal: Goal, raters: int, questions: int, found: bool, runs: int, seed: int) -> Needed:
    own: dict[str, Any] = goal.arguments() | {"raters": raters, "questions": questions}
    per_answer = goal.raters_per_answer
    complete = None
    if per_answer is not None and per_answer < raters:
        complete = expected_power(**(own | {"raters_per_answer": None}))
    simulated = power_of_scores(**own, runs=runs, seed=seed) if found else None
    return Needed(raters, questions, found, expected_power(**own), simulated, complete)


def spread_of_pilot(cube: ScoreCube) -> ScoreSpread:
    """Standard deviations of the parts of a score from a pilot's complete scores: the method of moments.

    A variance below zero is taken as zero.

    Raises:
        ValueError: scores are missing, or there are fewer than two raters, questions or systems.
    """
    if not cube.is_complete or min(cube.values.shape) < 2:
        raise ValueError("a pilot needs two raters, questions and systems, and every score")
    ms = mean_squares(cube.values)
    R, Q, S = ms.shape
    e, rs, qs = ms.residual, (ms.rater_system - ms.residual) / Q, (ms.question_system - ms.residual) / R
    variances = {
        "rater": (ms.raters - ms.rater_system) / (Q * S),
        "question": (ms.questions - ms.question_system) / (R * S),
        "rater_system": rs,
        "question_system": qs,
        "residual": e,
    }
    return ScoreSpread(**{name: float(np.sqrt(max(value, 0.0))) for name, value in variances.items()})
