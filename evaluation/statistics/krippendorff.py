"""Krippendorff's alpha from pairable values; missing values are allowed.

alpha = 1 - D_o / D_e, Krippendorff (2011), "Computing Krippendorff's alpha-reliability": D_o sums the squared
differences within units, each unit of m values weighted 1 / (m - 1); D_e sums over all pairable values.
"""

import numpy as np

from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

LEVELS = ("nominal", "ordinal", "interval", "ratio")
# Cells of units x distinct values held at once (0.4 GB); the interval level needs none of them.
LARGEST = 50_000_000
TOO_MANY = "{values} different values of {units} units are too many for the {level} level: round the values"


def _distances(values: FloatArray, counts: FloatArray, level: str) -> FloatArray:
    """Squared distances between the distinct `values` (sorted), (n, n)."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "interval":
        return (values[:, None] - values[None]) ** 2
    if level == "ratio":
        total = values[:, None] + values[None]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total != 0, ((values[:, None] - values[None]) / total) ** 2, 0.0)
    if level == "ordinal":
        upto = np.cumsum(counts) - counts / 2  # middle rank of each value
        return (upto[:, None] - upto[None]) ** 2
    raise ValueError(f"unknown level of measurement {level!r}; known: {', '.join(LEVELS)}")


def coincidences(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distinct values (sorted) and coincidence matrix of `table` (units, raters), NaN where missing."""
    pairable = table[(~np.isnan(table)).sum(1) > 1]
    present = ~np.isnan(pairable)
    values, codes = np.unique(pairable[present], return_inverse=True)
    per_unit = np.zeros((len(pairable), len(values)))
    np.add.at(per_unit, (np.nonzero(present)[0], codes), 1.0)
    weight = 1 / (per_unit.sum(1) - 1)
    matrix = (per_unit * weight[:, None]).T @ per_unit
    matrix -= np.diag((per_unit * weight[:, None]).sum(0))
    return values, matrix


def alpha(
    table: FloatArray, *, level: str = "interval", b: int = 0, seed: int = 1, confidence: float = 0.95
) -> Estimate:
    """Krippendorff's alpha of `table` (units, raters).

    Args:
        b: bootstrap replicates over units for a percentile interval; 0 gives none.

    Raises:
        ValueError: no unit has two values, or all values are equal (alpha is not defined).
    """
    pairable = table[(~np.isnan(table)).sum(1) > 1]
    if not len(pairable):
        raise ValueError("no unit was scored twice: agreement is not defined")
    values = np.unique(pairable[~np.isnan(pairable)])
    if len(values) < 2:
        raise ValueError("all scores are equal: agreement is not defined")
    if level not in LEVELS:
        raise ValueError(f"unknown level of measurement {level!r}; known: {', '.join(LEVELS)}")
    if level != "interval" and len(values) * len(pairable) > LARGEST:
        raise ValueError(TOO_MANY.format(values=len(values), units=len(pairable), level=level))
    value = (
        _interval(pairable, np.ones((1, len(pairable))))[0] if level == "interval" else _value(table, level)
    )
    if not b:
        note = "no interval: one value per table"
        return Estimate(value, None, f"Krippendorff's alpha, {level}", n=len(pairable), notes=(note,))
    rng = np.random.default_rng(seed)
    share = np.full(len(pairable), 1 / len(pairable))
    draws = rng.multinomial(len(pairable), share, size=b).astype(np.float64)
    replicates = (
        _interval(pairable, draws) if level == "interval" else _replicates(pairable, values, level, draws)
    )
    kept = replicates[~np.isnan(replicates)]
    if not len(kept):
        return Estimate(
            value, None, f"Krippendorff's alpha, {level}", n=len(pairable), notes=("no replicate varies",)
        )
    lower, upper = np.quantile(kept, [(1 - confidence) / 2, 1 - (1 - confidence) / 2])
    method = f"Krippendorff's alpha, {level}; bootstrap of units, percentile, B = {b}"
    return Estimate(
        float(value), (float(lower), float(upper)), method, confidence, len(pairable), float(kept.std(ddof=1))
    )


def _value(table: FloatArray, level: str) -> float:
    """Alpha from the coincidence matrix."""
    values, matrix = coincidences(table)
    counts = matrix.sum(1)
    distances = _distances(values, counts, level)
    observed = (matrix * distances).sum()
    expected = (np.outer(counts, counts) * distances).sum() / (counts.sum() - 1)
    return float(1 - observed / expected)


def _interval(pairable: FloatArray, draws: FloatArray) -> FloatArray:
    """Interval alpha of weighted units, (draws,), from sums of squares alone.

    With m values of mean x in a unit and n values in all, the sums of squared differences over pairs are m times the
    sum of squares within a unit and n times that over all: alpha = 1 - (n - 1) sum_u [m SS_u / (m - 1)] / (n SS).
    """
    centred = pairable - np.nanmean(pairable)
    m = (~np.isnan(centred)).sum(axis=1).astype(np.float64)
    sums, squares = np.nansum(centred, axis=1), np.nansum(centred**2, axis=1)
    within = m / (m - 1) * (squares - sums**2 / m)
    n = draws @ m
    total = draws @ squares - (draws @ sums) ** 2 / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 1e-12, 1 - (n - 1) * (draws @ within) / (n * total), np.nan)


def _replicates(pairable: FloatArray, values: FloatArray, level: str, draws: FloatArray) -> FloatArray:
    """Alphas of weighted units, (draws,); NaN where a draw holds one value only."""
    present = ~np.isnan(pairable)
    per_unit = np.zeros((len(pairable), len(values)))
    np.add.at(per_unit, (np.nonzero(present)[0], np.searchsorted(values, pairable[present])), 1.0)
    weight = 1 / (per_unit.sum(1) - 1)
    counts = draws @ per_unit
    found = np.full(len(draws), np.nan)
    # Only ordinal distances depend on the counts of the draw.
    fixed = None if level == "ordinal" else _distances(values, counts[0], level)
    of_units = None if fixed is None else weight * ((per_unit @ fixed) * per_unit).sum(axis=1)
    for i in range(len(draws)):
        distances = _distances(values, counts[i], level) if fixed is None else fixed
        by_unit = weight * ((per_unit @ distances) * per_unit).sum(axis=1) if of_units is None else of_units
        expected = counts[i] @ distances @ counts[i] / (counts[i].sum() - 1)
        if expected > 0:
            found[i] = 1 - float(draws[i] @ by_unit) / expected
    return found
