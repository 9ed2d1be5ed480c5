r"""Readers nested in groups or modalities: every reader belongs to one of several groups.

Split-plot Obuchowski-Rockette analysis (Hillis 2014, Statistics in Medicine 33:330), random readers and cases.
With r_g readers in group g, MS(R) pooled within groups, Cov2 between readers of one group and Cov3 between
readers of different groups:

    var(mean_a - mean_b) = (1/r_a + 1/r_b) MS(R) + 2 (Cov2 - Cov3)+
    df = [..]^2 / ([(1/r_a + 1/r_b) MS(R)]^2 / sum (r_g - 1))

With equal r this is Hillis' F with denominator MS(R) + r (Cov2 - Cov3)+ and df from t (r-1).
"""

from itertools import combinations

import numpy as np

from evaluation.statistics.obuchowski_rockette import (
    CLIPPED,
    FIXED_RANDOM,
    RANDOM_RANDOM,
    TINY,
    contrast,
    estimate,
    mean_of_readers,
)
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import FloatArray


def group_means(
    values: FloatArray, covariance: FloatArray, groups: list[str], *, model: str, level: float
) -> dict[str, Estimate]:
    """Mean over the readers of each group.

    Args:
        values: (readers,); covariance: (readers, readers); groups: of each reader.
    """
    found = {}
    for name in dict.fromkeys(groups):
        members = [i for i, group in enumerate(groups) if group == name]
        found[name] = mean_of_readers(
            values[members],
            covariance[np.ix_(members, members)],
            model=model if len(members) > 1 else FIXED_RANDOM,
            level=level,
        )
    return found


def between_groups(
    values: FloatArray, covariance: FloatArray, groups: list[str], *, model: str, level: float
) -> list[Contrast]:
    """All pairwise differences of groups.

    Args:
        values: (readers,), for instance an AUC or a difference of two AUCs per reader.
        covariance: (readers, readers) over cases.
        groups: of each reader.

    Raises:
        ValueError: fewer than two groups, or readers are random and no group has two readers.
    """
    names = list(dict.fromkeys(groups))
    if len(names) < 2:
        raise ValueError("one group only: a comparison needs two")
    of_group = np.array([names.index(group) for group in groups])
    sizes = np.bincount(of_group)
    df_readers = int((sizes - 1).sum())
    if model != FIXED_RANDOM and df_readers < 1:
        raise ValueError(f"{model}: no group has two readers; take larger groups, or readers as fixed")
    ms = 0.0
    if df_readers:
        ms = sum(
            float(((values[of_group == g] - values[of_group == g].mean()) ** 2).sum()) for g in set(of_group)
        )
        ms /= df_readers
    return [
        contrast(
            names[a],
            names[b],
            _difference(values, covariance, of_group, (a, b), ms, df_readers, model=model, level=level),
        )
        for a, b in combinations(range(len(names)), 2)
    ]


def _difference(
    values: FloatArray,
    covariance: FloatArray,
    of_group: FloatArray,
    pair: tuple[int, int],
    ms: float,
    df_readers: int,
    *,
    model: str,
    level: float,
) -> Estimate:
    first, second = np.flatnonzero(of_group == pair[0]), np.flatnonzero(of_group == pair[1])
    share = 1 / len(first) + 1 / len(second)
    value = float(values[first].mean() - values[second].mean())
    how = {"method": f"Obuchowski-Rockette, nested readers, {model}", "level": level, "is_share": False}
    if model == FIXED_RANDOM:
        weights = np.zeros(len(values))
        weights[first], weights[second] = 1 / len(first), -1 / len(second)
        variance = float(weights @ covariance @ weights)
        return estimate(value, variance, float("inf"), n=len(first) + len(second), **how)  # type: ignore[arg-type]
    apart = ~np.eye(len(values), dtype=bool)
    same = of_group[:, None] == of_group
    cov2 = float(covariance[same & apart].mean()) if (same & apart).any() else 0.0
    cov3 = float(covariance[~same].mean())
    by_readers = share * ms
    variance = by_readers + (2 * max(cov2 - cov3, 0.0) if model == RANDOM_RANDOM else 0.0)
    df = variance**2 / (by_readers**2 / df_readers) if by_readers > TINY else float("inf")
    notes = (CLIPPED,) if model == RANDOM_RANDOM and cov2 < cov3 else ()
    return estimate(value, variance, df, n=len(first) + len(second), notes=notes, **how)  # type: ignore[arg-type]
