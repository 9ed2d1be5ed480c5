r"""Friedman's test over blocks, Iman & Davenport's F, and Nemenyi's pairwise comparison of mean ranks.

Blocks (questions, or raters) are random, everything else is fixed: what the test says holds for the raters at
hand where blocks are questions. Friedman (1937) with correction for ties; Iman & Davenport (1980); Nemenyi (1963):
q = |R_i - R_j| / sqrt(k (k+1) / (12 n)) against the studentised range with infinite degrees of freedom.
"""

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from scipy import stats

from evaluation.statistics.score_cube import FloatArray

CONCORDANT = "every block has the same ranks: Iman and Davenport's F is infinite"
BY_CHANCE = f"{CONCORDANT}; its p is the chance that all blocks agree, 1 / k! ^ (n - 1)"
SCOPE = "blocks random, raters fixed: holds for these raters only"


@dataclass(frozen=True)
class NemenyiPair:
    """Difference of mean ranks of two systems with its studentised range statistic and p."""

    first: str
    second: str
    rank_difference: float
    q: float
    p: float


@dataclass(frozen=True)
class Friedman:
    """Attributes:
    mean_ranks: by system; 1 is the lowest score.
    chi2, df, p: Friedman's test, corrected for ties; None where all systems are equal in every block.
    f, df1, df2, p_f: Iman and Davenport's; f is infinite where every block has the same ranks, p_f then the chance
        of that (Conover 1999), None with ties.
    kendall_w: chi2 / (n (k-1)), concordance of the blocks.
    critical_difference: of mean ranks at .05 by Nemenyi.
    """

    systems: tuple[str, ...]
    n_blocks: int
    mean_ranks: dict[str, float]
    chi2: float | None
    df: int
    p: float | None
    f: float | None
    df1: int
    df2: int
    p_f: float | None
    kendall_w: float | None
    critical_difference: float
    pairs: list[NemenyiPair]
    notes: tuple[str, ...] = (SCOPE,)


def friedman(table: FloatArray, systems: tuple[str, ...]) -> Friedman:
    """Compare systems over blocks.

    Args:
        table: (blocks, systems), without gaps.

    Raises:
        ValueError: fewer than three systems or two blocks, or a value is missing.
    """
    n, k = table.shape
    if n < 2 or k < 3:
        raise ValueError(f"Friedman's test needs two blocks and three systems; found {n} and {k}")
    if np.isnan(table).any():
        raise ValueError("Friedman's test needs every system in every block")
    ranks = stats.rankdata(table, axis=1)
    means = ranks.mean(axis=0)
    # Ties: the variance of the ranks within blocks takes the place of k (k+1) / 12 x k.
    spread = float(((ranks - (k + 1) / 2) ** 2).sum() / (k - 1))
    chi2 = float(n**2 * ((means - (k + 1) / 2) ** 2).sum() / spread) if spread else None
    f = p_f = None
    concordant = chi2 is not None and n * (k - 1) <= chi2 + 1e-9
    if concordant:
        # All blocks agree, so F is beyond its distribution. Without ties, (n - 1) blocks agree with the first by
        # chance in one of k! ^ (n - 1) cases.
        is_tied = any(len(set(row)) < k for row in ranks.tolist())
        f, p_f = float("inf"), None if is_tied else float(factorial(k)) ** -(n - 1)
    elif chi2 is not None:
        f = (n - 1) * chi2 / (n * (k - 1) - chi2)
        p_f = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    unit = float(np.sqrt(k * (k + 1) / (12 * n)))
    return Friedman(
        systems,
        n,
        dict(zip(systems, means.tolist(), strict=True)),
        chi2,
        k - 1,
        None if chi2 is None else float(stats.chi2.sf(chi2, k - 1)),
        f,
        k - 1,
        (k - 1) * (n - 1),
        p_f,
        None if chi2 is None else chi2 / (n * (k - 1)),
        float(stats.studentized_range.isf(0.05, k, np.inf)) * unit,
        [
            _pair(systems[i], systems[j], float(means[i] - means[j]), unit, k)
            for i, j in combinations(range(k), 2)
        ],
        (SCOPE, *([] if not concordant else [CONCORDANT if p_f is None else BY_CHANCE])),
    )


def _pair(first: str, second: str, gap: float, unit: float, k: int) -> NemenyiPair:
    q = abs(gap) / unit
    return NemenyiPair(first, second, gap, q, float(stats.studentized_range.sf(q, k, np.inf)))
