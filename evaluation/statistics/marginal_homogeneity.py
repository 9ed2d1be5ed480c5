r"""Whether two raters use categories equally often: Stuart (1955), Maxwell (1970).

With d the differences of the margins of a square table and S their covariance under homogeneity
    S_ii = n_i. + n_.i - 2 n_ii,    S_ij = -(n_ij + n_ji),
chi2 = d' S^- d has as many degrees of freedom as S has rank (k - 1, fewer where categories are never confused). For two
categories it is McNemar's test.

R's irr leaves out every category whose two margins are equal before it tests; `skip_equal` does so too. The reduced
table forgets what those categories were confused with: the default is the test of all categories.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.statistics.score_cube import FloatArray


@dataclass(frozen=True)
class Homogeneity:
    """chi2 with its degrees of freedom; p is None where the raters never differ."""

    chi2: float
    df: int
    p: float | None
    method: str


def stuart_maxwell(counts: FloatArray, *, skip_equal: bool = False) -> Homogeneity:
    """Test a square table of counts (first rater, second rater).

    Raises:
        ValueError: the table is not square, smaller than 2 x 2, empty, or holds a negative count.
    """
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or len(counts) < 2:
        raise ValueError("marginal homogeneity needs a square table of two or more categories")
    if (counts < 0).any() or not counts.sum():
        raise ValueError("marginal homogeneity needs counts, none of them negative")
    method = "Stuart-Maxwell"
    if skip_equal:
        kept = np.flatnonzero(counts.sum(axis=0) != counts.sum(axis=1))
        counts, method = counts[np.ix_(kept, kept)], "Stuart-Maxwell without categories of equal margins"
    gaps = counts.sum(axis=1) - counts.sum(axis=0)
    spread = np.diag(counts.sum(axis=1) + counts.sum(axis=0)) - counts - counts.T
    rank = int(np.linalg.matrix_rank(spread)) if spread.size else 0
    if not rank:
        return Homogeneity(0.0, 0, None, method)
    chi2 = float(gaps @ np.linalg.pinv(spread, hermitian=True) @ gaps)
    return Homogeneity(chi2, rank, float(stats.chi2.sf(chi2, rank)), method)
