"""Kendall's coefficient of concordance W of raters who rank (or score) the same units, corrected for ties."""

import numpy as np
from scipy import stats

from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

TOO_SMALL = "concordance needs two units and two raters; found {units} and {raters}"
ALL_TIED = "every rater gives all units the same value: concordance is not defined"


def kendall_w(table: FloatArray, *, correct_ties: bool = True) -> tuple[Estimate, float, float]:
    """W of `table` (units, raters) with its chi-squared statistic and p (Kendall & Babington Smith 1939).

    Args:
        correct_ties: by the ties within each rater; without it W is too low where raters give equal values.

    Raises:
        ValueError: fewer than two units or raters, a gap, or raters who give every unit the same value.
    """
    n, m = table.shape
    if n < 2 or m < 2:
        raise ValueError(TOO_SMALL.format(units=n, raters=m))
    if np.isnan(table).any():
        raise ValueError("concordance needs a complete table of units x raters")
    ranks = stats.rankdata(table, axis=0)
    sums = ranks.sum(axis=1)
    ties = sum(
        float((counts**3 - counts).sum()) for counts in (np.unique(c, return_counts=True)[1] for c in table.T)
    )
    below = m**2 * (n**3 - n) - (m * ties if correct_ties else 0)
    if below <= 0:
        raise ValueError(ALL_TIED)
    w = float(12 * ((sums - sums.mean()) ** 2).sum() / below)
    chi2 = m * (n - 1) * w
    method = f"Kendall's W, {'' if correct_ties else 'not '}corrected for ties"
    return Estimate(w, None, method, n=n), chi2, float(stats.chi2.sf(chi2, n - 1))
