r"""A fourfold table: sensitivity, specificity, predictive values, accuracy and likelihood ratios.

Shares have Wilson intervals. Likelihood ratios: Simel, Samsa & Matchar (1991), J Clin Epidemiol 44:763: normal on
the logarithm, with var(log LR+) = (1 - SEN) / TP + SPC / FP and var(log LR-) = SEN / FN + (1 - SPC) / TN.
Predictive values at another prevalence: Bayes, with the interval of the logit by the delta method (Mercaldo, Lau &
Zhou 2007, Statistics in Medicine 26:2170).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import expit

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

LIKELIHOOD_METHOD = "likelihood ratio, Simel (log)"
ADJUSTED_METHOD = "Bayes at a prevalence of {prevalence:g}, logit delta (Mercaldo)"


@dataclass(frozen=True)
class Fourfold:
    """Counts of true and false positives and negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def positives(self) -> int:
        """Cases that are positive."""
        return self.tp + self.fn

    @property
    def negatives(self) -> int:
        """Cases that are negative."""
        return self.fp + self.tn

    @property
    def total(self) -> int:
        """All cases."""
        return self.positives + self.negatives

    @property
    def prevalence(self) -> float:
        """Share of positives."""
        return self.positives / self.total if self.total else float("nan")


def fourfold(truth: BoolArray, called: BoolArray) -> Fourfold:
    """Count calls against the truth, both (cases,)."""
    if truth.shape != called.shape:
        raise ValueError(f"truth and calls have different numbers of cases: {len(truth)} and {len(called)}")
    return Fourfold(
        int((truth & called).sum()),
        int((~truth & called).sum()),
        int((truth & ~called).sum()),
        int((~truth & ~called).sum()),
    )


def at_threshold(truth: BoolArray, score: FloatArray, threshold: float) -> Fourfold:
    """Counts where a score of at least `threshold` is a positive call.

    Raises:
        ValueError: a score is not finite.
    """
    if not np.isfinite(score).all():
        raise ValueError("a score is missing or not finite")
    return fourfold(truth, score >= threshold)


def rates(table: Fourfold, *, level: float = 0.95) -> dict[str, Estimate]:
    """Sensitivity, specificity, ppv, npv and accuracy with Wilson intervals; a rate of no cases is left out."""
    counts = {
        "accuracy": (table.tp + table.tn, table.total),
        "sensitivity": (table.tp, table.positives),
        "specificity": (table.tn, table.negatives),
        "ppv": (table.tp, table.tp + table.fp),
        "npv": (table.tn, table.tn + table.fn),
    }
    return {name: wilson(x, n, level=level) for name, (x, n) in counts.items() if n}


def likelihood_ratios(table: Fourfold, *, level: float = 0.95) -> tuple[Estimate, Estimate]:
    """LR+ and LR-; without an interval where a count is zero.

    Raises:
        ValueError: a class has no cases.
    """
    if not table.positives or not table.negatives:
        raise ValueError("likelihood ratios need positive and negative cases")
    se, sp = table.tp / table.positives, table.tn / table.negatives
    plus = _ratio(se, 1 - sp, (1 - se, table.tp), (sp, table.fp), level, table.total)
    minus = _ratio(1 - se, sp, (se, table.fn), (1 - sp, table.tn), level, table.total)
    return plus, minus


def _ratio(
    top: float,
    below: float,
    first: tuple[float, int],
    second: tuple[float, int],
    level: float,
    n: int,
) -> Estimate:
    value = top / below if below else (float("inf") if top else float("nan"))
    if not first[1] or not second[1]:
        return Estimate(value, None, LIKELIHOOD_METHOD, level, n, notes=("a count is zero: no interval",))
    half = float(stats.norm.isf((1 - level) / 2)) * np.sqrt(first[0] / first[1] + second[0] / second[1])
    interval = (float(value * np.exp(-half)), float(value * np.exp(half)))
    return Estimate(float(value), interval, LIKELIHOOD_METHOD, level, n)


def at_prevalence(
    table: Fourfold, prevalence: float, *, level: float = 0.95, sizes: tuple[float, float] | None = None
) -> tuple[Estimate, Estimate]:
    """PPV and NPV that the same sensitivity and specificity would have at another prevalence.

    Args:
        sizes: effective numbers of positives and negatives where units depend on each other.

    Raises:
        ValueError: the prevalence is not between 0 and 1, or a class has no cases.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence of {prevalence:g} is not between 0 and 1")
    if not table.positives or not table.negatives:
        raise ValueError("predictive values need positive and negative cases")
    se, sp = table.tp / table.positives, table.tn / table.negatives
    odds = prevalence / (1 - prevalence)
    m, n = sizes or (table.positives, table.negatives)
    total = table.total
    return (
        _predictive(se, 1 - sp, odds, (m, n), prevalence, level, total),
        _predictive(sp, 1 - se, 1 / odds, (n, m), prevalence, level, total),
    )


def _predictive(
    right: float,
    wrong: float,
    odds: float,
    sizes: tuple[float, float],
    prevalence: float,
    level: float,
    units: int,
) -> Estimate:
    """Odds are right / wrong times the prevalence odds; var(logit) by the delta method."""
    method = ADJUSTED_METHOD.format(prevalence=prevalence)
    below = right * odds + wrong
    value = right * odds / below if below else float("nan")
    if right <= 0 or wrong <= 0:
        note = "sensitivity or specificity is 0 or 1: no interval"
        return Estimate(value, None, method, level, units, notes=(note,))
    variance = (1 - right) / (right * sizes[0]) + (1 - wrong) / (wrong * sizes[1])
    half = float(stats.norm.isf((1 - level) / 2)) * float(np.sqrt(variance))
    logit = float(np.log(right * odds / wrong))
    return Estimate(value, (float(expit(logit - half)), float(expit(logit + half))), method, level, units)
