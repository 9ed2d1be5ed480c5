"""Wilcoxon's signed rank test of paired values, with the Hodges-Lehmann shift and its interval.

Options are pinned, since libraries differ in them: exact where no difference is zero or tied and n <= 50, else the
normal approximation; zeros dropped (Wilcoxon 1945) or ranked and then dropped (Pratt 1959); continuity correction
on by default as in R.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from evaluation.statistics.results import Estimate, holm
from evaluation.statistics.score_cube import FloatArray

EXACT_UP_TO = 50
SCOPE = "pairs random, raters fixed: holds for these raters only"
ALL_EQUAL = "all differences are zero: no test"
TOO_FEW = "{n} pairs reach no interval of {level:.0%}: the limits are the smallest and largest difference"


@dataclass(frozen=True)
class SignedRank:
    """Attributes:
    shift: Hodges-Lehmann estimate of first - second with its interval.
    v: sum of the ranks of positive differences.
    p: two-sided unless asked otherwise; None where all differences are zero.
    """

    first: str
    second: str
    shift: Estimate
    v: float
    p: float | None
    p_holm: float | None
    method: str


def signed_rank(
    first: FloatArray,
    second: FloatArray,
    *,
    names: tuple[str, str] = ("first", "second"),
    zeros: str = "wilcox",
    continuity: bool = True,
    exact: bool | None = None,
    alternative: str = "two-sided",
    level: float = 0.95,
) -> SignedRank:
    """Test pairs (n,) against (n,). Differences of means carry rounding that breaks ties: round them before.

    Args:
        zeros: wilcox (dropped) or pratt.
        exact: None decides by ties and n.
        alternative: two-sided, greater (the first is) or less; the interval is two-sided always.

    Raises:
        ValueError: lengths differ, a value is missing, or `zeros` is unknown.
    """
    if first.shape != second.shape or np.isnan(first - second).any():
        raise ValueError("pairs must be complete")
    if zeros not in ("wilcox", "pratt"):
        raise ValueError(f"unknown treatment of zeros {zeros!r}; known: wilcox, pratt")
    gaps = first - second
    kept = gaps[gaps != 0]
    if not len(kept):
        none = Estimate(0.0, None, "signed rank", level, len(gaps), notes=(ALL_EQUAL,))
        return SignedRank(*names, none, 0, None, None, ALL_EQUAL)
    tied = len(kept) < len(gaps) or len(np.unique(np.abs(kept))) < len(kept)
    by_table = (not tied and len(kept) <= EXACT_UP_TO) if exact is None else exact
    found = stats.wilcoxon(
        gaps,
        zero_method=zeros,
        correction=continuity and not by_table,
        method="exact" if by_table else "approx",
        alternative=alternative,
    )
    v = float(stats.rankdata(np.abs(kept))[kept > 0].sum())
    how = "exact" if by_table else f"normal, {'with' if continuity else 'without'} continuity correction"
    side = "" if alternative == "two-sided" else f", one-sided ({alternative})"
    method = f"Wilcoxon signed rank ({zeros}), {how}{side}"
    return SignedRank(*names, hodges_lehmann(kept, level=level), v, float(found.pvalue), None, method)


def hodges_lehmann(gaps: FloatArray, *, level: float = 0.95) -> Estimate:
    """Median of the Walsh averages; limits are those averages that the signed rank distribution points at."""
    n = len(gaps)
    i, j = np.triu_indices(n)
    walsh = np.sort((gaps[i] + gaps[j]) / 2)
    place = _lower_quantile((1 - level) / 2, n)
    notes = () if place else (TOO_FEW.format(n=n, level=level),)
    place = max(place, 1)
    interval = (float(walsh[place - 1]), float(walsh[len(walsh) - place]))
    return Estimate(float(np.median(walsh)), interval, "Hodges-Lehmann", level, n, notes=notes)


def _lower_quantile(p: float, n: int) -> int:
    """Smallest v with P(V <= v) >= p under the null: exact to n = 50, normal beyond."""
    if n > EXACT_UP_TO:
        spread = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return int(np.floor(n * (n + 1) / 4 + stats.norm.ppf(p) * spread))
    counts = np.zeros(n * (n + 1) // 2 + 1)
    counts[0] = 1.0
    for rank in range(1, n + 1):
        counts[rank:] = counts[rank:] + counts[:-rank]
    return int(np.searchsorted(np.cumsum(counts) / counts.sum(), p - 1e-12))


def all_pairs(table: FloatArray, systems: tuple[str, ...], *, level: float = 0.95) -> list[SignedRank]:
    """All pairs of the columns of `table` (blocks, systems) with Holm's adjustment."""
    found = [
        signed_rank(table[:, i], table[:, j], names=(systems[i], systems[j]), level=level)
        for i, j in combinations(range(len(systems)), 2)
    ]
    adjusted = holm([pair.p for pair in found])
    return [
        SignedRank(pair.first, pair.second, pair.shift, pair.v, pair.p, p, pair.method)
        for pair, p in zip(found, adjusted, strict=True)
    ]
