"""The interval of a share, for figures that stand outside the evaluation's statistics."""

from math import sqrt
from statistics import NormalDist

LEVEL = 0.95


def wilson(events: int, total: int) -> tuple[float, float]:
    """Wilson's score interval (95 %) of a share, from 0 to 1 (E. B. Wilson, JASA 1927; 22: 209-212).

    Args:
        total: at least 1.
    """
    z = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2)
    share = events / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    low = 0.0 if events == 0 else centre - half
    high = 1.0 if events == total else centre + half
    return low, high
