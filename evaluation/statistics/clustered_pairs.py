r"""Difference of two paired shares of units in clusters: Obuchowski (1998), Statistics in Medicine 17:1495.

With d_i the sum over the n_i units of cluster i of (first - second), I clusters and D = sum d_i / sum n_i = d / n:
    v = I / (I - 1) / n^2 sum (d_i - D n_i)^2,
a normal interval and test. With one unit a cluster, v is that of the plain difference of paired shares.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Contrast, Estimate

METHOD = "paired difference, clusters by Obuchowski (1998)"
NO_VARIATION = "no cluster differs from another: no interval and no test"


def clustered_difference(
    first: BoolArray,
    second: BoolArray,
    clusters: Sequence[str],
    *,
    names: tuple[str, str] = ("first", "second"),
    level: float = 0.95,
) -> Contrast:
    """Share of `first` less share of `second`, both (units,).

    Raises:
        ValueError: lengths differ, or there is no unit.
    """
    n = len(first)
    if n == 0 or len(second) != n or len(clusters) != n:
        raise ValueError(f"different numbers of units and clusters: {n}, {len(second)} and {len(clusters)}")
    gaps = first.astype(float) - second.astype(float)
    _, codes = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    count, value = int(codes.max()) + 1, float(gaps.mean())
    apart = np.bincount(codes, weights=gaps - value)
    variance = count / (count - 1) / n**2 * float((apart**2).sum()) if count > 1 else 0.0
    if variance <= 1e-20:
        none = Estimate(value, None, METHOD, level, n, notes=(NO_VARIATION,))
        return Contrast(*names, none)
    se = float(np.sqrt(variance))
    half = float(stats.norm.isf((1 - level) / 2)) * se
    estimate = Estimate(value, (max(-1.0, value - half), min(1.0, value + half)), METHOD, level, n, se)
    return Contrast(*names, estimate, value / se, float(2 * stats.norm.sf(abs(value) / se)))
