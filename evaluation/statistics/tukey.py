"""All pairs of means at once by the studentized range (Tukey 1953, Kramer 1956), with a df per contrast.

p = P(Q(k, df) > sqrt(2) |t|) and interval = estimate +- q(level; k, df) / sqrt(2) SE, Q the studentized range of k means.
Where degrees of freedom differ between contrasts each takes its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, stats

from evaluation.statistics.results import Contrast, Interval
from evaluation.statistics.score_cube import FloatArray

# A quantile takes a quarter of a second: over more values of df than these it is interpolated in 1 / df.
NODES = 5


@dataclass(frozen=True)
class TukeyPair:
    """Attributes:
    p: None where the contrast has no test.
    interval: holds for all pairs together; None where the contrast has none.
    """

    first: str
    second: str
    p: float | None
    interval: Interval | None


def tukey_pairs(contrasts: Sequence[Contrast], k: int) -> list[TukeyPair]:
    """Adjusted p values and simultaneous intervals of all pairs of `k` means.

    Raises:
        ValueError: the contrasts are not all pairs of k means.
    """
    if len(contrasts) != k * (k - 1) // 2:
        raise ValueError(f"{len(contrasts)} contrasts are not all pairs of {k} means")
    df = np.array([c.estimate.df or np.nan for c in contrasts], dtype=float)
    se = np.array([c.estimate.se or np.nan for c in contrasts], dtype=float)
    tested = np.isfinite(se) & ~np.isnan(df)
    half = np.full(len(contrasts), np.nan)
    half[tested] = _quantiles(contrasts[0].estimate.level, k, df[tested]) * se[tested] / np.sqrt(2)
    return [_pair(c, k, float(half[place])) for place, c in enumerate(contrasts)]


def _pair(contrast: Contrast, k: int, half: float) -> TukeyPair:
    found = contrast.estimate
    if np.isnan(half) or not found.se:
        return TukeyPair(contrast.first, contrast.second, None, None)
    q = np.sqrt(2) * abs(found.value / found.se)
    p = float(np.clip(stats.studentized_range.sf(q, k, found.df), 0, 1))
    return TukeyPair(contrast.first, contrast.second, p, (found.value - half, found.value + half))


def _quantiles(level: float, k: int, df: FloatArray) -> FloatArray:
    distinct, place = np.unique(df, return_inverse=True)
    if len(distinct) > NODES and np.isfinite(distinct).all():
        low, high = 1 / distinct[-1], 1 / distinct[0]
        nodes = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * np.arange(NODES) / (NODES - 1))
        at_nodes = stats.studentized_range.ppf(level, k, 1 / nodes)
        return np.asarray(interpolate.BarycentricInterpolator(nodes, at_nodes)(1 / df))
    return np.array([stats.studentized_range.ppf(level, k, value) for value in distinct], dtype=float)[place]
