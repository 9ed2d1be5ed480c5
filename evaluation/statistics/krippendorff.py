"""Krippendorff's alpha from pairable values; missing values are allowed.

alpha = 1 - D_o / D_e, Krippendorff (2011), "Computing Krippendorff's alpha-reliability": D_o sums the squared
differences within units, each unit of m values weighted 1 / (m - 1); D_e sums over all pairable values.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

LEVELS = ("nominal", "ordinal", "interval", "ratio")
# Cells of units x distinct values held at once (0.4 GB); the interval level needs none of them.
LARGEST = 50_000_000
NO_PAIR = "no unit was scored twice: agreement is not defined"
ALL_EQUAL = "all scores are equal: agreement is not defined"
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
    table: FloatArray,
    *,
    level: str = "interval",
    b: int = 0,
    seed: int = 1,
    confidence: float = 0.95,
    clusters: npt.ArrayLike | None = None,
) -> Estimate:
    """Krippendorff's alpha of `table` (units, raters).

    Args:
        b: bootstrap replicates over units for a percentile interval; 0 gives none.
        clusters: (units,) what each unit belongs to, such as its patient; whole clusters are then drawn again.

    Raises:
        ValueError: no unit has two values, all values are equal (alpha is not defined), or there are not as many
            clusters as units.
    """
    if clusters is not None and len(np.asarray(clusters)) != len(table):
        raise ValueError("name the cluster of every unit")
    is_pairable = (~np.isnan(table)).sum(1) > 1
    pairable = table[is_pairable]
    values = _distinct(pairable, level)
    alone = np.arange(len(pairable))
    whole = _interval(pairable, np.ones((1, len(pairable))), alone)[0] if level == "interval" else None
    value = float(_value(table, level) if whole is None else whole)
    name, n = f"Krippendorff's alpha, {level}", len(pairable)
    if not b:
        return Estimate(value, None, name, n=n, notes=("no interval: one value per table",))
    codes = alone if clusters is None else _codes(np.asarray(clusters)[is_pairable])
    n_clusters = int(codes.max()) + 1
    if n_clusters < 2:
        return Estimate(value, None, name, n=n, notes=("one cluster of units: no interval",))
    share = np.full(n_clusters, 1 / n_clusters)
    draws = np.random.default_rng(seed).multinomial(n_clusters, share, size=b).astype(np.float64)
    if level == "interval":
        replicates = _interval(pairable, draws, codes)
    else:
        replicates = _replicates(pairable, values, level, draws[:, codes])
    kept = replicates[~np.isnan(replicates)]
    if len(kept) < 2:
        return Estimate(value, None, name, n=n, notes=("no replicate varies",))
    lower, upper = np.quantile(kept, [(1 - confidence) / 2, 1 - (1 - confidence) / 2])
    drawn = "units" if clusters is None else "clusters of units"
    method = f"{name}; bootstrap of {drawn}, percentile, B = {b}"
    return Estimate(value, (float(lower), float(upper)), method, confidence, n, float(kept.std(ddof=1)))


def _distinct(pairable: FloatArray, level: str) -> FloatArray:
    """Different values of the units with two or more, sorted.

    Raises:
        ValueError: alpha is not defined for them, or the level is unknown or asks for too much memory.
    """
    if not len(pairable):
        raise ValueError(NO_PAIR)
    values = np.unique(pairable[~np.isnan(pairable)])
    if len(values) < 2:
        raise ValueError(ALL_EQUAL)
    if level not in LEVELS:
        raise ValueError(f"unknown level of measurement {level!r}; known: {', '.join(LEVELS)}")
    if level != "interval" and len(values) * len(pairable) > LARGEST:
        raise ValueError(TOO_MANY.format(values=len(values), units=len(pairable), level=level))
    return np.asarray(values)


def _codes(clusters: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The place of each unit's cluster, in the order in which they come, not of their names: other ids of the same
    patients give the same interval."""
    named = clusters.tolist()
    places = {name: place for place, name in enumerate(dict.fromkeys(named))}
    return np.array([places[name] for name in named])


def _value(table: FloatArray, level: str) -> float:
    """Alpha from the coincidence matrix."""
    values, matrix = coincidences(table)
    counts = matrix.sum(1)
    distances = _distances(values, counts, level)
    observed = (matrix * distances).sum()
    expected = (np.outer(counts, counts) * distances).sum() / (counts.sum() - 1)
    return float(1 - observed / expected)


def _interval(pairable: FloatArray, draws: FloatArray, codes: npt.NDArray[np.intp]) -> FloatArray:
    """Interval alpha of weighted clusters of units, (draws,), from sums of squares alone.

    `draws` are weights (draws, clusters), `codes` the cluster of each unit (units,).

    With m values of mean x in a unit and n values in all, the sums of squared differences over pairs are m times the
    sum of squares within a unit and n times that over all: alpha = 1 - (n - 1) sum_u [m SS_u / (m - 1)] / (n SS).
    """
    centred = pairable - np.nanmean(pairable)
    m = (~np.isnan(centred)).sum(axis=1).astype(np.float64)
    sums, squares = np.nansum(centred, axis=1), np.nansum(centred**2, axis=1)
    within = m / (m - 1) * (squares - sums**2 / m)
    # Every part is a sum over units: sums within clusters first, however many units there are.
    m, sums, squares, within = (np.bincount(codes, part) for part in (m, sums, squares, within))
    n = draws @ m
    total = draws @ squares - (draws @ sums) ** 2 / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 1e-12, 1 - (n - 1) * (draws @ within) / (n * total), np.nan)


def _replicates(pairable: FloatArray, values: FloatArray, level: str, draws: FloatArray) -> FloatArray:
    """Alphas of weighted units, (draws,); NaN where a draw holds one value only.

    Ordinal distances change with the counts of each draw. They are squared gaps of middle ranks t, so that neither sum
    over pairs needs them: sum c_i c_j (t_i - t_j)^2 = 2 [sum c sum c t^2 - (sum c t)^2].
    """
    present = ~np.isnan(pairable)
    per_unit = np.zeros((len(pairable), len(values)))
    np.add.at(per_unit, (np.nonzero(present)[0], np.searchsorted(values, pairable[present])), 1.0)
    m = per_unit.sum(1)
    weight = 1 / (m - 1)
    counts = draws @ per_unit
    found = np.full(len(draws), np.nan)
    fixed = None if level == "ordinal" else _distances(values, counts[0], level)
    of_units = None if fixed is None else weight * ((per_unit @ fixed) * per_unit).sum(axis=1)
    for i in range(len(draws)):
        total = counts[i].sum()
        if fixed is not None and of_units is not None:
            by_unit, expected = of_units, counts[i] @ fixed @ counts[i]
        else:
            # About their middle, so that nothing is lost where ranks are large.
            ranks = np.cumsum(counts[i]) - counts[i] / 2 - total / 2
            by_unit = weight * 2 * (m * (per_unit @ ranks**2) - (per_unit @ ranks) ** 2)
            expected = 2 * (total * (counts[i] @ ranks**2) - (counts[i] @ ranks) ** 2)
        if expected > 0:
            found[i] = 1 - float(draws[i] @ by_unit) / (expected / (total - 1))
    return found
