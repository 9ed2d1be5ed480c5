"""Krippendorff's alpha from pairable values; missing values are allowed.

alpha = 1 - D_o / D_e, Krippendorff (2011), "Computing Krippendorff's alpha-reliability": D_o sums the squared
differences within units, each unit of m values weighted 1 / (m - 1); D_e sums over all pairable values.
"""

import numpy as np

from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

LEVELS = ("nominal", "ordinal", "interval", "ratio")


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


def alpha(table: FloatArray, *, level: str = "interval") -> Estimate:
    """Krippendorff's alpha of `table` (units, raters), without an interval.

    Raises:
        ValueError: no unit has two values, or all values are equal (alpha is not defined).
    """
    values, matrix = coincidences(table)
    if not len(values):
        raise ValueError("no unit was scored twice: agreement is not defined")
    if len(values) < 2:
        raise ValueError("all scores are equal: agreement is not defined")
    counts = matrix.sum(1)
    distances = _distances(values, counts, level)
    observed = (matrix * distances).sum()
    expected = (np.outer(counts, counts) * distances).sum() / (counts.sum() - 1)
    return Estimate(
        float(1 - observed / expected),
        None,
        f"Krippendorff's alpha, {level}",
        n=int(((~np.isnan(table)).sum(1) > 1).sum()),
        notes=("no interval: one value per table",),
    )
