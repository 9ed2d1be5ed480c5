r"""Difference of two independent proportions: score interval of Miettinen & Nurminen (1985).

The limits are the differences d at which z(d) = (p1 - p2 - d) / sqrt(V(d)) reaches the normal quantile, with
V(d) = [q1 (1-q1) / n1 + q2 (1-q2) / n2] n / (n - 1) and q the maximum likelihood estimates under q1 - q2 = d.
"""

import numpy as np
from scipy import optimize, stats

from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Estimate

METHOD = "Miettinen-Nurminen (score)"


def miettinen_nurminen(x1: int, n1: int, x2: int, n2: int, *, level: float = 0.95) -> Estimate:
    """`x1/n1 - x2/n2` with its score interval.

    Raises:
        ValueError: counts are impossible.
    """
    for x, n in ((x1, n1), (x2, n2)):
        wilson(x, n)  # refuses impossible counts
    value = x1 / n1 - x2 / n2
    z = float(stats.norm.isf((1 - level) / 2))

    def distance(d: float) -> float:
        return _score(x1, n1, x2, n2, d) - z**2

    edge = 1 - 1e-12
    low = -1.0 if distance(-edge) <= 0 else optimize.brentq(distance, -edge, value, xtol=1e-13, rtol=1e-14)
    high = 1.0 if distance(edge) <= 0 else optimize.brentq(distance, value, edge, xtol=1e-13, rtol=1e-14)
    return Estimate(value, (float(low), float(high)), METHOD, level, n1 + n2)


def _score(x1: int, n1: int, x2: int, n2: int, d: float) -> float:
    """Squared score statistic of the difference `d`."""
    q2 = constrained(x1, n1, x2, n2, d)
    q1 = min(1.0, max(0.0, q2 + d))
    n = n1 + n2
    variance = (q1 * (1 - q1) / n1 + q2 * (1 - q2) / n2) * n / (n - 1)
    gap = x1 / n1 - x2 / n2 - d
    if variance <= 0:
        return 0.0 if gap == 0 else float("inf")
    return gap**2 / variance


def constrained(x1: int, n1: int, x2: int, n2: int, d: float) -> float:
    """Maximum likelihood estimate of p2 under p1 = p2 + d: a root of a cubic (their appendix, closed form)."""
    n, x = n1 + n2, x1 + x2
    a3, a2 = n, (n1 + 2 * n2) * d - n - x
    a1 = (n2 * d - n - 2 * x2) * d + x
    a0 = x2 * d * (1 - d)
    q = a2**3 / (3 * a3) ** 3 - a1 * a2 / (6 * a3**2) + a0 / (2 * a3)
    p = np.copysign(np.sqrt(max((a2 / (3 * a3)) ** 2 - a1 / (3 * a3), 0.0)), q)
    if p == 0:
        return float(min(1.0, max(0.0, -a2 / (3 * a3))))
    angle = (np.pi + np.arccos(np.clip(q / p**3, -1, 1))) / 3
    return float(min(1.0, max(0.0, 2 * p * np.cos(angle) - a2 / (3 * a3))))
