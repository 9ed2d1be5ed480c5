"""Confidence intervals of one proportion."""

import numpy as np
from scipy import stats

from evaluation.statistics.results import Estimate


def _check(x: int, n: int) -> None:
    if n < 1 or not 0 <= x <= n:
        raise ValueError(f"{x} of {n} is not a proportion: give 0 <= events <= total and total >= 1")


def wilson(x: int, n: int, *, level: float = 0.95) -> Estimate:
    """Score interval of Wilson (1927), without continuity correction.

    Raises:
        ValueError: x is not between 0 and n, or n is 0.
    """
    _check(x, n)
    z = float(stats.norm.isf((1 - level) / 2))
    p = x / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * float(np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)))
    lower = 0.0 if x == 0 else centre - half
    upper = 1.0 if x == n else centre + half
    return Estimate(p, (lower, upper), "Wilson", level, n)


def clopper_pearson(x: int, n: int, *, level: float = 0.95) -> Estimate:
    """Exact interval of Clopper & Pearson (1934) from beta quantiles.

    Raises:
        ValueError: x is not between 0 and n, or n is 0.
    """
    _check(x, n)
    tail = (1 - level) / 2
    lower = 0.0 if x == 0 else float(stats.beta.ppf(tail, x, n - x + 1))
    upper = 1.0 if x == n else float(stats.beta.isf(tail, x + 1, n - x))
    return Estimate(x / n, (lower, upper), "Clopper-Pearson", level, n)
