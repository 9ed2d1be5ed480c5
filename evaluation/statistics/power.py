"""Power of the default contrast of blinded scores, by simulation from the model behind it.

Scores are drawn with rater, question, rater:system, question:system and residual parts; one pair of systems differs
by `difference`. The share of runs in which the contrast (or the test against a margin) is significant is the power.
Several questions of one patient are analysed as the trial does it: patients are the random factor.
"""

from dataclasses import dataclass, replace

import numpy as np

from evaluation.statistics.crossed import crossed_contrasts
from evaluation.statistics.equivalence import equivalence, non_inferiority
from evaluation.statistics.names import HYPOTHESES as HYPOTHESES
from evaluation.statistics.names import PATIENT_CORRELATION as PATIENT_CORRELATION
from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import ScoreCube


@dataclass(frozen=True)
class ScoreSpread:
    """Standard deviations of the parts of a score, in points of the scale.

    The defaults are those of the simulated study of docs/benchmarks.md; take a pilot's where there is one.
    """

    rater: float = 4.8
    question: float = 2.9
    rater_system: float = 1.5
    question_system: float = 3.0
    residual: float = 6.7


@dataclass(frozen=True)
class PatientClusters:
    """Questions clustered in patients: n of them count as n / (1 + (m - 1) rho) (Kish 1965).

    Attributes:
        per_patient: m, the mean number of questions of a patient; where numbers differ much, their sum of squares over
            their sum is the safer m.
        correlation: rho, the correlation within a patient of what is the questions' own in the scores (the parts
            question, question:system and residual).

    Raises:
        ValueError: fewer than one question per patient, or a correlation outside of 0 to 1.
    """

    per_patient: float = 1.0
    correlation: float = PATIENT_CORRELATION

    def __post_init__(self) -> None:
        if not 1 <= self.per_patient < float("inf"):
            raise ValueError(f"questions per patient: {self.per_patient:g}; give 1 or more")
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"a correlation within patients of {self.correlation:g}: give 0 to 1")

    @property
    def design_effect(self) -> float:
        """By how much clustering multiplies the variance that questions bring."""
        return 1 + (self.per_patient - 1) * self.correlation

    def effective(self, questions: int) -> float:
        """How many independent questions tell as much."""
        return questions / self.design_effect

    def patients(self, questions: int) -> float:
        """How many patients so many questions come from."""
        return questions / self.per_patient

    def of_patients(self, parts: ScoreSpread) -> ScoreSpread:
        """The spread of scores averaged over each patient's questions: variance / m times the design effect."""
        shrunk = float(np.sqrt(self.design_effect / self.per_patient))
        own = {name: getattr(parts, name) * shrunk for name in ("question", "question_system", "residual")}
        return replace(parts, **own)


INDEPENDENT = PatientClusters(1.0, 0.0)


def power_of_scores(
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
    runs: int = 1000,
    seed: int = 1,
) -> Estimate:
    """Power with its Wilson interval over runs.

    Args:
        difference: first - second system, in points.
        hypothesis: superiority (two-sided at alpha), non_inferiority (one-sided at alpha / 2) or equivalence (TOST
            at alpha), the last two against `margin`.
        raters_per_answer: incomplete blocks: each question is scored by this many raters, both systems by the same
            ones. Power is then that of the same number of scores spread over all raters, analysed per question by its
            raters (rater effects cancel within a question).
        clusters: questions of one patient; whole patients are then scored by the same raters, their questions averaged
            (the number of patients rounded).

    Raises:
        ValueError: too few raters, questions or patients, or a margin is missing.
    """
    check_design(raters, questions, hypothesis, margin, raters_per_answer, clusters)
    parts = clusters.of_patients(spread or ScoreSpread())
    patients = max(2, round(clusters.patients(questions)))
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(runs):
        drawn = _draw(rng, raters, patients, difference, parts)
        if raters_per_answer is not None and raters_per_answer < raters:
            found = _incomplete(rng, drawn, raters_per_answer)
        else:
            names = [tuple(map(str, range(n))) for n in drawn.shape]
            found = crossed_contrasts(ScoreCube(drawn, *names))[0].estimate
        hits += _is_shown(found, hypothesis, margin, alpha)
    share = wilson(hits, runs)
    return Estimate(share.value, share.interval, f"power of {hypothesis}, {runs} simulated trials", n=runs)


def check_design(
    raters: int,
    questions: int,
    hypothesis: str,
    margin: float | None,
    raters_per_answer: int | None,
    clusters: PatientClusters = INDEPENDENT,
) -> None:
    """Refuse a design that no power can be computed for.

    Raises:
        ValueError: too few raters, questions or patients, an unknown hypothesis, or a margin is missing.
    """
    if raters < 2 or questions < 2:
        raise ValueError("power needs two raters and two questions")
    if clusters.patients(questions) < 2:
        raise ValueError("power needs the questions of two patients")
    if hypothesis not in HYPOTHESES:
        raise ValueError(f"unknown hypothesis {hypothesis!r}; known: {', '.join(HYPOTHESES)}")
    if hypothesis != "superiority" and margin is None:
        raise ValueError(f"{hypothesis} needs a margin")
    if raters_per_answer is not None and raters_per_answer < 1:
        raise ValueError("at least one rater scores each answer")


def _draw(
    rng: np.random.Generator, raters: int, questions: int, difference: float, parts: ScoreSpread
) -> np.ndarray:
    R, Q = raters, questions
    values = (
        rng.normal(0, parts.rater, (R, 1, 1))
        + rng.normal(0, parts.question, (1, Q, 1))
        + rng.normal(0, parts.rater_system, (R, 1, 2))
        + rng.normal(0, parts.question_system, (1, Q, 2))
        + rng.normal(0, parts.residual, (R, Q, 2))
    )
    values[:, :, 0] += difference
    return np.asarray(values)


def _incomplete(rng: np.random.Generator, values: np.ndarray, per_answer: int) -> Estimate:
    """A balanced draw of raters per question; question means and rater means give the two-way variance."""
    R, Q, _ = values.shape
    # Raters rotate over questions, so that each scores about equally many.
    start = rng.permutation(R)
    chosen = np.zeros((R, Q), dtype=bool)
    for question in range(Q):
        chosen[start[(question * per_answer + np.arange(per_answer)) % R], question] = True
    gaps = np.where(chosen, values[:, :, 0] - values[:, :, 1], np.nan)
    return _two_way(gaps)


def _two_way(gaps: np.ndarray) -> Estimate:
    """Mean of an incomplete raters x questions table of differences, two-way cluster-robust.

    Variance: between raters + between questions - within cells (Cameron, Gelbach & Miller 2011), with t from the
    smaller number of clusters.
    """
    present = ~np.isnan(gaps)
    n, value = int(present.sum()), float(np.nanmean(gaps))
    rest = np.where(present, gaps - value, 0.0)
    raters, questions = rest.sum(axis=1), rest.sum(axis=0)
    R, Q = len(raters), len(questions)
    by_raters, by_questions = (raters**2).sum() * R / (R - 1), (questions**2).sum() * Q / (Q - 1)
    both = (rest**2).sum() * n / (n - 1)
    variance = max(by_raters + by_questions - both, by_raters, by_questions) / n**2
    return Estimate(
        value, None, "two-way cluster-robust", n=n, se=float(np.sqrt(variance)), df=min(R, Q) - 1.0
    )


def _is_shown(found: Estimate, hypothesis: str, margin: float | None, alpha: float) -> bool:
    if hypothesis == "superiority":
        # Two-sided at alpha is a one-sided test against a margin of (almost) zero on the side it points to.
        away = Estimate(abs(found.value), None, found.method, n=found.n, se=found.se, df=found.df)
        return non_inferiority(away, 1e-12, alpha=alpha / 2).is_shown
    if hypothesis == "non_inferiority":
        return non_inferiority(found, margin or 0.0, alpha=alpha / 2).is_shown
    return equivalence(found, margin or 0.0, alpha=alpha).is_shown
