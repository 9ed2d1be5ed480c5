"""Difference of two independent proportions: Newcombe (1998), method 10, without continuity correction."""

import numpy as np

from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Estimate


def newcombe(x1: int, n1: int, x2: int, n2: int, *, level: float = 0.95) -> Estimate:
    """`x1/n1 - x2/n2` with the interval from the two Wilson intervals.

    Raises:
        ValueError: counts are impossible.
    """
    first, second = wilson(x1, n1, level=level), wilson(x2, n2, level=level)
    (l1, u1), (l2, u2) = first.interval or (0, 1), second.interval or (0, 1)
    value = first.value - second.value
    low = value - float(np.sqrt((first.value - l1) ** 2 + (u2 - second.value) ** 2))
    high = value + float(np.sqrt((u1 - first.value) ** 2 + (second.value - l2) ** 2))
    return Estimate(value, (low, high), "Newcombe (hybrid Wilson)", level, n1 + n2)
