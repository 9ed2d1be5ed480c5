"""Reader performance per cell (reader in a modality) and the covariances between cells over cases.

Three estimators of the covariances that the Obuchowski-Rockette analysis needs:

- DeLong, DeLong & Clarke-Pearson (1988): every cell must have read the same cases.
- jackknife over all N cases (Quenouille 1956): (N-1)/N times the sum of products of leave-one-out deviations.
- unbiased: cov(A, B) = A B - M, where M is the mean of the products of kernels that share no case
  (U-statistics: Gallas 2006; Gallas, Pennello & Myers 2007, written for cells with different cases).

Cells that share no case have covariance zero by design. Where patients have several cases, the first two are taken over
patients (mrmc_clusters).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.statistics.mrmc_clusters import (
    Codes,
    auc_without_patients,
    clustered_share,
    codes_of,
    jackknife,
    obuchowski_auc,
    share_without_patients,
)
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.names import READER_ENDPOINTS
from evaluation.statistics.score_cube import FloatArray

ENDPOINTS = READER_ENDPOINTS
COVARIANCES = ("delong", "jackknife", "unbiased")
# Elements of the kernel held at once.
CHUNK = 4_000_000


@dataclass(frozen=True)
class CellStatistics:
    """Attributes:
    values: (cells,) performance of each cell.
    covariance: (cells, cells) over cases.
    method: name of the estimator.
    """

    values: FloatArray
    covariance: FloatArray
    method: str


def cell_statistics(
    cells: FloatArray,
    truth: BoolArray,
    *,
    endpoint: str,
    covariance: str,
    specificity: float | None = None,
    clusters: tuple[str, ...] | None = None,
) -> CellStatistics:
    """Performance and covariance of cells.

    Args:
        cells: (cells, cases) ratings, NaN where not read; 0 or 1 for sensitivity and specificity, unless
            `specificity` is given.
        truth: (cases,).
        endpoint: one of ENDPOINTS.
        covariance: one of COVARIANCES.
        specificity: endpoint sensitivity only: read off the ROC curve (linear between its points) at this
            specificity; jackknife only.
        clusters: (cases,) patient of each case; None where each case is its own. See mrmc_clusters.

    Raises:
        ValueError: a cell has fewer than two cases of a class it needs, or the estimator doesn't fit.
    """
    _check(cells, truth, endpoint)
    if covariance == "delong" and np.isnan(cells).any():
        raise ValueError("DeLong's covariance needs every cell to have read the same cases")
    codes = codes_of(clusters)
    if covariance == "unbiased" and codes is not None:
        raise ValueError("the unbiased covariance takes cases as independent, and here patients have several")
    if specificity is not None:
        if endpoint != "sensitivity" or covariance != "jackknife":
            raise ValueError("sensitivity at a fixed specificity needs the jackknife covariance")
        values, left_out = _sensitivity_at(cells, truth, specificity, codes)
        return CellStatistics(values, jackknife(left_out, ~np.isnan(cells), codes), "jackknife")
    if endpoint == "auc":
        values, found = _auc(cells, truth, covariance, codes)
    else:
        of_class = truth if endpoint == "sensitivity" else ~truth
        values, found = _share(cells, of_class, endpoint, covariance, codes)
    return CellStatistics(values, found, covariance)


def _check(cells: FloatArray, truth: BoolArray, endpoint: str) -> None:
    if endpoint not in ENDPOINTS:
        raise ValueError(f"unknown endpoint {endpoint!r}; known: {', '.join(ENDPOINTS)}")
    read = ~np.isnan(cells)
    needed = {"auc": ("positive", "negative"), "sensitivity": ("positive",), "specificity": ("negative",)}
    for name, of_class in (("positive", truth), ("negative", ~truth)):
        fewest = int(read[:, of_class].sum(axis=1).min()) if len(cells) else 0
        if name in needed[endpoint] and fewest < 2:
            raise ValueError(
                f"every reader needs two {name} cases in every modality; one has {fewest}: "
                "leave this reader out or add cases"
            )


def _auc(
    cells: FloatArray, truth: BoolArray, covariance: str, codes: Codes | None
) -> tuple[FloatArray, FloatArray]:
    if covariance == "unbiased":
        return _auc_unbiased(cells, truth)
    if codes is not None and covariance == "delong":
        return obuchowski_auc(cells, truth, codes)
    if codes is not None:
        values, left_out = auc_without_patients(cells, truth, codes)
        return values, jackknife(left_out, ~np.isnan(cells), codes)
    values = np.empty(len(cells))
    v10, v01 = np.zeros((len(cells), int(truth.sum()))), np.zeros((len(cells), int((~truth).sum())))
    left_out = np.empty(cells.shape)
    for index, ratings in enumerate(cells):
        read = ~np.isnan(ratings)
        positive, negative = ratings[read & truth], ratings[read & ~truth]
        m, n = len(positive), len(negative)
        joint = stats.rankdata(np.concatenate([positive, negative]))
        of_positive = (joint[:m] - stats.rankdata(positive)) / n
        of_negative = 1 - (joint[m:] - stats.rankdata(negative)) / m
        value = values[index] = of_positive.mean()
        left_out[index] = value
        left_out[index, read & truth] = (m * value - of_positive) / (m - 1)
        left_out[index, read & ~truth] = (n * value - of_negative) / (n - 1)
        if covariance == "delong":
            v10[index], v01[index] = of_positive, of_negative
    if covariance == "jackknife":
        return values, jackknife(left_out, ~np.isnan(cells), None)
    return values, np.atleast_2d(np.cov(v10)) / v10.shape[1] + np.atleast_2d(np.cov(v01)) / v01.shape[1]


def kernel_sums(
    cells: FloatArray, truth: BoolArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Sums of products of the Mann-Whitney kernel (1, 1/2 or 0) between cells.

    Returns:
        same: (cells, cells) over equal positive and equal negative;
        rows: over equal positive, any two negatives; columns: over equal negative, any two positives;
        total: over any two pairs; sums: (cells,) of the kernel.
    """
    positive, negative = cells[:, truth], cells[:, ~truth]
    C, M, N = len(cells), positive.shape[1], negative.shape[1]
    by_row, by_column, same = np.zeros((C, M)), np.zeros((C, N)), np.zeros((C, C))
    step = max(1, CHUNK // max(1, C * N))
    for start in range(0, M, step):
        p, q = positive[:, start : start + step, None], negative[:, None, :]
        # Comparisons with NaN are false: a case that was not read adds nothing.
        kernel = (p > q) + 0.5 * (p == q)
        by_row[:, start : start + step] = kernel.sum(axis=2)
        by_column += kernel.sum(axis=1)
        flat = kernel.reshape(C, -1)
        same += flat @ flat.T
    sums = by_row.sum(axis=1)
    return same, by_row @ by_row.T, by_column @ by_column.T, np.outer(sums, sums), sums


def _auc_unbiased(cells: FloatArray, truth: BoolArray) -> tuple[FloatArray, FloatArray]:
    same, rows, columns, total, sums = kernel_sums(cells, truth)
    read = (~np.isnan(cells)).astype(np.float64)
    m, n = read[:, truth].sum(axis=1), read[:, ~truth].sum(axis=1)
    shared_m, shared_n = read[:, truth] @ read[:, truth].T, read[:, ~truth] @ read[:, ~truth].T
    values = sums / (m * n)
    apart = (np.outer(m, m) - shared_m) * (np.outer(n, n) - shared_n)
    found = np.outer(values, values) - (total - rows - columns + same) / apart
    return values, np.where((shared_m == 0) & (shared_n == 0), 0.0, found)


def _share(
    cells: FloatArray, of_class: BoolArray, endpoint: str, covariance: str, codes: Codes | None
) -> tuple[FloatArray, FloatArray]:
    """Share of a class that was called rightly; calls are 0 or 1."""
    calls = cells[:, of_class] if endpoint == "sensitivity" else 1 - cells[:, of_class]
    read = ~np.isnan(calls)
    if not np.isin(calls[read], (0.0, 1.0)).all():
        raise ValueError(
            f"{endpoint} needs calls of 0 or 1: give the threshold from which a rating is a call"
        )
    if codes is not None:
        every = cells if endpoint == "sensitivity" else 1 - cells
        if covariance == "delong":
            return clustered_share(every, of_class, codes)
        values, left_out = share_without_patients(every, of_class, codes)
        return values, jackknife(left_out, ~np.isnan(cells), codes)
    filled, counts = np.where(read, calls, 0.0), read.sum(axis=1).astype(np.float64)
    values = filled.sum(axis=1) / counts
    if covariance == "jackknife":
        left_out = np.repeat(values[:, None], cells.shape[1], axis=1)
        without = ((counts * values)[:, None] - filled) / (counts - 1)[:, None]
        left_out[:, of_class] = np.where(read, without, values[:, None])
        return values, jackknife(left_out, ~np.isnan(cells), None)
    # DeLong's structural components of a share are the calls: both estimators are the same here.
    shared = read.astype(np.float64) @ read.T.astype(np.float64)
    sums = filled.sum(axis=1)
    apart = (np.outer(sums, sums) - filled @ filled.T) / (np.outer(counts, counts) - shared)
    found = np.outer(values, values) - apart
    return values, np.where(shared == 0, 0.0, found)


def _sensitivity_at(
    cells: FloatArray, truth: BoolArray, specificity: float, codes: Codes | None
) -> tuple[FloatArray, FloatArray]:
    """Sensitivity at a specificity per cell, and with each case (or patient) left out (cells, units)."""
    values = np.array([sensitivity_at(r, truth, specificity) for r in cells])
    units = np.arange(cells.shape[1]) if codes is None else codes
    left_out = np.repeat(values[:, None], int(units.max()) + 1, axis=1)
    for index, ratings in enumerate(cells):
        for unit in np.unique(units[~np.isnan(ratings)]):
            rest = np.where(units == unit, np.nan, ratings)
            left_out[index, unit] = sensitivity_at(rest, truth, specificity)
    return values, left_out


def sensitivity_at(ratings: FloatArray, truth: BoolArray, specificity: float) -> float:
    """Sensitivity where the empirical ROC curve, linear between its points, has this specificity."""
    positive = np.sort(ratings[truth & ~np.isnan(ratings)])
    negative = np.sort(ratings[~truth & ~np.isnan(ratings)])
    cuts = np.unique(np.concatenate([positive, negative]))[::-1]
    called = 1 - np.searchsorted(positive, cuts) / len(positive)
    false = 1 - np.searchsorted(negative, cuts) / len(negative)
    x, y = np.concatenate([[0.0], false]), np.concatenate([[0.0], called])
    # Of several points above one false positive share, the highest counts.
    last = np.append(np.diff(x) > 0, True)
    return float(np.interp(1 - specificity, x[last], y[last]))
