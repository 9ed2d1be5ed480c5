"""Confidence intervals of one proportion: Wilson is the default of every table, the others are for comparison."""

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


def jeffreys(x: int, n: int, *, level: float = 0.95) -> Estimate:
    """Equal-tailed interval of the beta posterior under Jeffreys' prior.

    Raises:
        ValueError: x is not between 0 and n, or n is 0.
    """
    _check(x, n)
    tail = (1 - level) / 2
    a, b = x + 0.5, n - x + 0.5
    return Estimate(
        x / n, (float(stats.beta.ppf(tail, a, b)), float(stats.beta.isf(tail, a, b))), "Jeffreys", level, n
    )


def add_four(x: int, n: int, *, level: float = 0.95) -> Estimate:
    """Agresti & Coull's (1998) "add two successes and two failures" interval, cut off at 0 and 1.

    Four cases are added at every level (not z^2, as their other interval has it): the interval is Wald's of
    (x + 2) of (n + 4), the value stays x / n.

    Raises:
        ValueError: x is not between 0 and n, or n is 0.
    """
    _check(x, n)
    z = float(stats.norm.isf((1 - level) / 2))
    p = (x + 2) / (n + 4)
    half = z * float(np.sqrt(p * (1 - p) / (n + 4)))
    return Estimate(x / n, (max(0.0, p - half), min(1.0, p + half)), "Agresti-Coull, add four", level, n)


def wilson_corrected(x: int, n: int, *, level: float = 0.95) -> Estimate:
    """Wilson's interval with continuity correction (Newcombe 1998, method 4).

    Raises:
        ValueError: x is not between 0 and n, or n is 0.
    """
    _check(x, n)
    z = float(stats.norm.isf((1 - level) / 2))
    p, below = x / n, 2 * (n + z**2)
    low = z * float(np.sqrt(z**2 - 2 - 1 / n + 4 * p * (n * (1 - p) + 1)))
    high = z * float(np.sqrt(z**2 + 2 - 1 / n + 4 * p * (n * (1 - p) - 1)))
    lower = 0.0 if x == 0 else max(0.0, (2 * n * p + z**2 - 1 - low) / below)
    upper = 1.0 if x == n else min(1.0, (2 * n * p + z**2 + 1 + high) / below)
    return Estimate(p, (lower, upper), "Wilson, continuity corrected", level, n)
