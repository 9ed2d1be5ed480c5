r"""Variance of the reader-averaged AUC from moments of the Mann-Whitney kernel: random readers and cases.

Gallas (2006), Academic Radiology 13:353; Gallas, Bandos, Samuelson & Wagner (2009). For one pair of modalities
the kernels of two readings agree in reader, positive case or negative case, or not; M1..M8 are the means of
their products over those eight sets:

    var = sum_k c_k M_k,   c = (1, n0-1, n1-1, (n0-1)(n1-1), r-1, (r-1)(n0-1), (r-1)(n1-1), (r-1)(n0-1)(n1-1)) / (r n0 n1)
                              with 1 subtracted from c_8.

`unbiased` takes the means over different indices (U-statistics), else over all of them (V-statistics: the ideal
bootstrap, biased upwards). The unbiased variance of a difference may come out below zero.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from evaluation.statistics.mrmc_covariance import CHUNK
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

NEGATIVE = "the unbiased variance came out below zero: the V-statistic (biased upwards) is given in its place"


@dataclass(frozen=True)
class Moments:
    """M1..M8 of one pair of modalities as a vector, and their coefficients."""

    moments: FloatArray
    coefficients: FloatArray

    @property
    def covariance(self) -> float:
        """Covariance of the two reader-averaged AUCs (the variance, where both are the same modality)."""
        return float(self.moments @ self.coefficients)

    @property
    def components(self) -> dict[str, float]:
        """The same as parts (Barrett, Clarkson & Kupinski 2005; Gallas 2009) by what a product shares: N(egative cases),
        D(iseased), R(eaders) and both or all of them. Each is divided by the number of what it names."""
        shared = ("RND", "RD", "RN", "R", "ND", "D", "N", "")
        of = {frozenset(names): float(value) for names, value in zip(shared, self.moments, strict=True)}
        named = {"N": "N", "D": "D", "ND": "ND", "R": "R", "NR": "RN", "DR": "RD", "RND": "RND"}
        return {
            name: sum(
                (-1) ** (len(parts) - size) * of[frozenset(kept)]
                for size in range(len(parts) + 1)
                for kept in combinations(parts, size)
            )
            for name, parts in named.items()
        }


def _products(first: FloatArray, second: FloatArray, truth: BoolArray) -> FloatArray:
    """Sums of kernel products by (same reader?, same negative?, same positive?), any index elsewhere: (2, 2, 2)."""
    R = len(first)
    p1, q1, p2, q2 = first[:, truth], first[:, ~truth], second[:, truth], second[:, ~truth]
    M, N = p1.shape[1], q1.shape[1]
    rows = [np.zeros((R, M)), np.zeros((R, M))]
    columns = [np.zeros((R, N)), np.zeros((R, N))]
    same_reader_same_pair, any_reader_same_pair = 0.0, 0.0
    step = max(1, CHUNK // max(1, R * N))
    for start in range(0, M, step):
        part = slice(start, start + step)
        a = _kernel(p1[:, part], q1)
        b = _kernel(p2[:, part], q2)
        same_reader_same_pair += float((a * b).sum())
        any_reader_same_pair += float((a.sum(axis=0) * b.sum(axis=0)).sum())
        for place, kernel in enumerate((a, b)):
            rows[place][:, part] = kernel.sum(axis=2)
            columns[place] += kernel.sum(axis=1)
    sums = [row.sum(axis=1) for row in rows]
    found = np.empty((2, 2, 2))
    found[1, 1, 1], found[0, 1, 1] = same_reader_same_pair, any_reader_same_pair
    found[1, 0, 1], found[0, 0, 1] = (rows[0] * rows[1]).sum(), rows[0].sum(0) @ rows[1].sum(0)
    found[1, 1, 0], found[0, 1, 0] = (columns[0] * columns[1]).sum(), columns[0].sum(0) @ columns[1].sum(0)
    found[1, 0, 0], found[0, 0, 0] = sums[0] @ sums[1], sums[0].sum() * sums[1].sum()
    return found


def _kernel(positive: FloatArray, negative: FloatArray) -> FloatArray:
    p, q = positive[:, :, None], negative[:, None, :]
    return np.asarray((p > q) + 0.5 * (p == q))


def moments(first: FloatArray, second: FloatArray, truth: BoolArray, *, unbiased: bool = True) -> Moments:
    """Moments of two modalities, each (readers, cases) without gaps; the same array twice gives a variance.

    Raises:
        ValueError: a reading is missing, or there are fewer than two readers or cases of a class.
    """
    if np.isnan(first).any() or np.isnan(second).any():
        raise ValueError("the moments need every reader to have read every case in both modalities")
    r, m, n = len(first), int(truth.sum()), int((~truth).sum())
    if min(r, m, n) < 2:
        raise ValueError("the moments need two readers, two positive and two negative cases")
    sums = _products(first, second, truth)
    sizes = np.ones((2, 2, 2))
    for axis, size in enumerate((r, n, m)):
        index = [np.newaxis] * 3
        index[axis] = slice(None)  # type: ignore[call-overload]
        same_or_not = np.array([size * (size - 1), size] if unbiased else [size * size, size], dtype=float)
        sizes = sizes * same_or_not[tuple(index)]
        if unbiased:
            # From "any" to "different": leave out the equal ones, one axis after the other.
            any_, same = np.take(sums, 0, axis=axis), np.take(sums, 1, axis=axis)
            sums = np.stack([any_ - same, same], axis=axis)
    means = sums / sizes
    counts = np.ones((2, 2, 2))
    for axis, size in enumerate((r, n, m)):
        index = [np.newaxis] * 3
        index[axis] = slice(None)  # type: ignore[call-overload]
        counts = counts * np.array([size - 1, 1], dtype=float)[tuple(index)]
    coefficients = counts / (r * m * n)
    coefficients[0, 0, 0] -= 1
    # M1..M8: reader same for 1-4, then negative differs for 2 and 4, positive differs for 3 and 4.
    order = [(a, b, c) for a in (1, 0) for c in (1, 0) for b in (1, 0)]
    return Moments(
        np.array([means[place] for place in order]), np.array([coefficients[place] for place in order])
    )


def mean_auc(
    readings: FloatArray, truth: BoolArray, *, unbiased: bool = True, level: float = 0.95
) -> Estimate:
    """Reader-averaged AUC of one modality (readers, cases) with a normal interval."""
    found = moments(readings, readings, truth, unbiased=unbiased)
    return _estimate(_mean(readings, truth), found.covariance, len(readings), unbiased, level)


def difference(
    first: FloatArray, second: FloatArray, truth: BoolArray, *, unbiased: bool = True, level: float = 0.95
) -> Estimate:
    """`first - second` of two modalities (readers, cases) with a normal interval.

    Where the unbiased variance is below zero the V-statistic stands in, and a note says so.
    """

    def variance(unbiased: bool) -> float:
        pairs = ((first, first, 1.0), (second, second, 1.0), (first, second, -2.0))
        return sum(sign * moments(a, b, truth, unbiased=unbiased).covariance for a, b, sign in pairs)

    value = _mean(first, truth) - _mean(second, truth)
    found = variance(unbiased)
    if unbiased and found < 0:
        return _estimate(value, variance(False), len(first), False, level, (NEGATIVE,))
    return _estimate(value, found, len(first), unbiased, level)


def _mean(readings: FloatArray, truth: BoolArray) -> float:
    """Mean over readers of the empirical AUC, from rank sums."""
    m, n = int(truth.sum()), int((~truth).sum())
    ranks = stats.rankdata(readings, axis=1)[:, truth].sum(axis=1)
    return float(((ranks - m * (m + 1) / 2) / (m * n)).mean())


def _estimate(
    value: float, variance: float, n: int, unbiased: bool, level: float, notes: tuple[str, ...] = ()
) -> Estimate:
    name = "U-statistic" if unbiased else "V-statistic"
    se = float(np.sqrt(max(variance, 0.0)))
    half = float(stats.norm.isf((1 - level) / 2)) * se
    return Estimate(
        value, (value - half, value + half), f"{name} (Gallas), normal", level, n, se, None, notes
    )
