r"""Difference of two paired proportions by simple intervals, for comparison with published ones: prefer Tango's.

With b pairs positive in the first only, c in the second only, of n: Wald's variance is [b + c - (b - c)^2 / n] / n^2.
Agresti & Min (2005), Statistics in Medicine 24:729, add one half to each of the four cells first.
"""

import numpy as np
from scipy import stats

from evaluation.statistics.results import Estimate


def wald(b: int, c: int, n: int, *, level: float = 0.95) -> Estimate:
    """`(b - c) / n` with Wald's interval, which is too narrow for few pairs.

    Raises:
        ValueError: impossible counts.
    """
    return _interval(b, c, n, "Wald (paired)", level)


def agresti_min(b: int, c: int, n: int, *, level: float = 0.95) -> Estimate:
    """`(b - c) / n` with the interval of the table with one half more in each cell.

    Raises:
        ValueError: impossible counts.
    """
    moved = _interval(b + 0.5, c + 0.5, n + 2.0, "Agresti-Min (paired)", level)
    return Estimate((b - c) / n, moved.interval, moved.method, level, n, moved.se)


def _interval(b: float, c: float, n: float, method: str, level: float) -> Estimate:
    if n < 1 or min(b, c) < 0 or b + c > n:
        raise ValueError(f"{b:g} and {c:g} discordant of {n:g} pairs are impossible counts")
    value = (b - c) / n
    se = float(np.sqrt(max(b + c - (b - c) ** 2 / n, 0.0)) / n)
    half = float(stats.norm.isf((1 - level) / 2)) * se
    return Estimate(value, (value - half, value + half), method, level, round(n), se)
