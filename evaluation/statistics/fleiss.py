r"""Kappa of several raters on nominal categories: Fleiss (1971), Conger's exact form (1980), Light's mean (1971).

Fleiss: chance agreement from the pooled shares of the categories. Conger: from each rater's own shares. Light: mean
of Cohen's kappas of all pairs. Interval of Fleiss' kappa: jackknife over units (the published standard error holds
under no agreement only and serves the test).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from evaluation.statistics.kappa import cross_table, kappa
from evaluation.statistics.results import Estimate, t_interval
from evaluation.statistics.score_cube import FloatArray

TOO_SMALL = "kappa needs two units and two raters; found {units} and {raters}"
ONE_CATEGORY = "all raters use one category only: kappa is not defined"


@dataclass(frozen=True)
class SeveralRaters:
    """Fleiss' kappa with its test of no agreement (Fleiss, Nee & Landis 1979), Conger's and Light's."""

    fleiss: Estimate
    z: float | None
    p: float | None
    conger: float
    light: float | None


def several_raters(table: FloatArray, *, level: float = 0.95) -> SeveralRaters:
    """Kappas of `table` (units, raters) of category codes, without gaps.

    Raises:
        ValueError: fewer than two units or raters, a gap, or one category only.
    """
    n, m = table.shape
    if n < 2 or m < 2:
        raise ValueError(TOO_SMALL.format(units=n, raters=m))
    if np.isnan(table).any():
        raise ValueError("kappa needs a complete table of units x raters")
    categories = np.unique(table)
    if len(categories) < 2:
        raise ValueError(ONE_CATEGORY)
    own = np.stack([table[:, [rater]] == categories for rater in range(m)])
    counts = own.sum(axis=0).astype(np.float64)
    value = _fleiss(counts, m)
    left_out = _without_each(counts, m)
    is_stable = bool(np.isfinite(left_out).all())
    spread_of_units = ((left_out - left_out.mean()) ** 2).sum() if is_stable else float("nan")
    se = float(np.sqrt((n - 1) / n * spread_of_units)) if is_stable else None
    shares = counts.sum(axis=0) / (n * m)
    spread = float((shares * (1 - shares)).sum())
    null = spread**2 - float((shares * (1 - shares) * (1 - 2 * shares)).sum())
    null_se = float(np.sqrt(2 * null / (n * m * (m - 1))) / spread) if null > 0 else 0.0
    z = value / null_se if null_se else None
    interval = t_interval(value, se, n - 1, level) if se else None
    notes = () if interval is not None else ("without one of the units kappa is not defined: no interval",)
    estimate = Estimate(value, interval, "Fleiss' kappa, jackknife over units", level, n, se, notes=notes)
    pairs = []
    for i, j in combinations(range(m), 2):
        try:
            pairs.append(kappa(cross_table(table[:, i], table[:, j], categories)).value)
        except ValueError:
            pairs = []
            break
    return SeveralRaters(
        estimate,
        z,
        None if z is None else float(2 * stats.norm.sf(abs(z))),
        _conger(own.mean(axis=1), counts),
        float(np.mean(pairs)) if pairs else None,
    )


def _fleiss(counts: FloatArray, m: int) -> float:
    observed = float(((counts**2).sum(axis=1) - m).mean() / (m * (m - 1)))
    expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def _without_each(counts: FloatArray, m: int) -> FloatArray:
    """Fleiss' kappa without each unit in turn, (units,): sums less what the unit adds to them."""
    n = len(counts)
    if n < 3:
        return np.array([_fleiss(np.delete(counts, i, axis=0), m) for i in range(n)])
    pairs = (counts**2).sum(axis=1) - m
    observed = (pairs.sum() - pairs) / ((n - 1) * m * (m - 1))
    expected = (((counts.sum(axis=0) - counts) / ((n - 1) * m)) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)


def _conger(own: FloatArray, counts: FloatArray) -> float:
    """Conger's kappa from each rater's `own` shares of the categories, (raters, categories)."""
    m = len(own)
    observed = float(((counts**2).sum(axis=1) - m).mean() / (m * (m - 1)))
    pooled = own.mean(axis=0)
    expected = float((pooled**2).sum() - (own.var(axis=0, ddof=1) / m).sum())
    return (observed - expected) / (1 - expected)
