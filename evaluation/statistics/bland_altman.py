"""Bland & Altman's (1999) limits of agreement of repeated scores."""

from dataclasses import dataclass

import numpy as np

from evaluation.statistics.results import Estimate, t_interval
from evaluation.statistics.score_cube import FloatArray


@dataclass(frozen=True)
class BlandAltman:
    """Attributes:
    bias: mean of second - first with its t interval.
    lower, upper: limits of agreement, bias -/+ 1.96 SD, with approximate intervals.
    repeatability: 1.96 times the SD of the differences.
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    repeatability: float


def bland_altman(first: FloatArray, second: FloatArray, *, level: float = 0.95) -> BlandAltman:
    """Agreement of two scores of the same things, both (n,).

    Raises:
        ValueError: fewer than two pairs, or a value is missing.
    """
    if first.shape != second.shape or np.isnan(first - second).any():
        raise ValueError("pairs must be complete")
    n = len(first)
    if n < 2:
        raise ValueError(f"limits of agreement need two pairs; found {n}")
    gaps = second - first
    bias, sd = float(gaps.mean()), float(gaps.std(ddof=1))
    se = sd / float(np.sqrt(n))
    # Standard error of a limit: their approximation sqrt(3 / n) SD, refined to sqrt(1/n + 1.96^2 / (2 (n-1))).
    se_limit = sd * float(np.sqrt(1 / n + 1.96**2 / (2 * (n - 1))))

    def around(value: float, spread: float, name: str) -> Estimate:
        interval = t_interval(value, spread, n - 1, level) if spread > 0 else (value, value)
        return Estimate(value, interval, f"Bland-Altman {name}", level, n, spread, float(n - 1))

    return BlandAltman(
        around(bias, se, "bias"),
        around(bias - 1.96 * sd, se_limit, "lower limit"),
        around(bias + 1.96 * sd, se_limit, "upper limit"),
        1.96 * sd,
    )
