r"""Difference of two paired proportions: score interval of Tango (1998), Statistics in Medicine 17:891.

b pairs are positive in the first only, c in the second only, of n pairs. The limits are the differences d with
|b - c - n d| / sqrt(n (2 q + d (1 - d))) equal to the normal quantile, q the estimate of the share of c under d:
q = [sqrt(B^2 - 8 n C) - B] / (4 n), B = -b - c + (2n - b + c) d, C = -c d (1 - d).
"""

import numpy as np
from scipy import optimize, stats

from evaluation.statistics.results import Estimate

METHOD = "Tango (score, paired)"


def tango(b: int, c: int, n: int, *, level: float = 0.95) -> Estimate:
    """`(b - c) / n` with its score interval.

    Raises:
        ValueError: b + c exceeds n, a count is negative, or n is 0.
    """
    if n < 1 or min(b, c) < 0 or b + c > n:
        raise ValueError(f"{b} and {c} discordant of {n} pairs are impossible counts")
    z = float(stats.norm.isf((1 - level) / 2))
    value = (b - c) / n

    def distance(d: float) -> float:
        return _score(b, c, n, d) - z**2

    edge = 1 - 1e-12
    low = -1.0 if distance(-edge) <= 0 else optimize.brentq(distance, -edge, value, xtol=1e-13, rtol=1e-14)
    high = 1.0 if distance(edge) <= 0 else optimize.brentq(distance, value, edge, xtol=1e-13, rtol=1e-14)
    return Estimate(value, (float(low), float(high)), METHOD, level, n)


def _score(b: int, c: int, n: int, d: float) -> float:
    big_b, big_c = -b - c + (2 * n - b + c) * d, -c * d * (1 - d)
    q = (np.sqrt(max(big_b**2 - 8 * n * big_c, 0.0)) - big_b) / (4 * n)
    variance = n * (2 * q + d * (1 - d))
    gap = b - c - n * d
    if variance <= 1e-14:
        return 0.0 if abs(gap) < 1e-12 else float("inf")
    return float(gap**2 / variance)
