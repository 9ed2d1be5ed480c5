r"""AUC of units in clusters (breasts in patients): Obuchowski (1997), Biometrics 53:567.

With V10 and V01 summed within cluster i (m_i positives, n_i negatives; I10, I01 clusters that have any, I in all):

    S10 = I10 / ((I10 - 1) m) sum (V10_i - m_i A)^2,  S01 likewise,  S11 = I / (I - 1) sum (V10_i - m_i A)(V01_i - n_i A)
    var(A) = S10 / m + S01 / n + 2 S11 / (m n)

With one unit per cluster this is DeLong's variance.
"""

import numpy as np
from scipy import stats

from evaluation.statistics.delong import NO_VARIANCE, PairedAuc, _check, _placements
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

METHOD = "empirical AUC, clusters by Obuchowski (1997)"
PAIRED = "paired, empirical AUC, clusters by Obuchowski (1997)"


def clustered_auc(
    truth: BoolArray, score: FloatArray, clusters: list[str], *, level: float = 0.95
) -> Estimate:
    """AUC of units (n,) with a variance that lets units of a cluster depend on each other.

    Raises:
        ValueError: fewer than two clusters with a positive or a negative unit, or a score that is not finite.
    """
    sums = _sums(truth, score, clusters)
    variance = _covariance(sums, sums)
    return _estimate(sums.value, variance, len(sums.positives), level)


def compare_clustered(
    truth: BoolArray, first: FloatArray, second: FloatArray, clusters: list[str], *, level: float = 0.95
) -> PairedAuc:
    """Two scores of the same clustered units; `z` has the sign of `first - second`.

    Raises:
        ValueError: as for `clustered_auc`.
    """
    a, b = _sums(truth, first, clusters), _sums(truth, second, clusters)
    variance = _covariance(a, a) + _covariance(b, b) - 2 * _covariance(a, b)
    se, gap = float(np.sqrt(max(variance, 0.0))), a.value - b.value
    half = float(stats.norm.isf((1 - level) / 2)) * se
    difference = Estimate(gap, (gap - half, gap + half), PAIRED, level, len(a.positives), se)
    z = gap / se if se > 0 else None
    return PairedAuc(
        _estimate(a.value, _covariance(a, a), len(a.positives), level),
        _estimate(b.value, _covariance(b, b), len(b.positives), level),
        difference,
        z,
        float(2 * stats.norm.sf(abs(z))) if z is not None else None,
    )


class _ClusterSums:
    """Sums of placements, and counts, by cluster."""

    def __init__(self, value: float, v10: FloatArray, v01: FloatArray, m: FloatArray, n: FloatArray) -> None:
        self.value, self.positives, self.negatives = value, m, n
        self.of_positive, self.of_negative = v10 - m * value, v01 - n * value


def _sums(truth: BoolArray, score: FloatArray, clusters: list[str]) -> _ClusterSums:
    _check(truth, score)
    if len(clusters) != len(truth):
        raise ValueError(f"different numbers of units and clusters: {len(truth)} and {len(clusters)}")
    _, codes = np.unique(np.array(clusters), return_inverse=True)
    size = int(codes.max()) + 1
    value, v10, v01 = _placements(truth, score)
    made = [
        np.bincount(codes[mask], weights=weights, minlength=size)
        for mask, weights in ((truth, v10), (~truth, v01), (truth, None), (~truth, None))
    ]
    sums = _ClusterSums(value, *(part.astype(np.float64) for part in made))
    if min((sums.positives > 0).sum(), (sums.negatives > 0).sum()) < 2:
        raise ValueError("clustered ROC needs two clusters with a positive and two with a negative unit")
    return sums


def _covariance(a: _ClusterSums, b: _ClusterSums) -> float:
    m, n = a.positives.sum(), a.negatives.sum()
    i10, i01, i = int((a.positives > 0).sum()), int((a.negatives > 0).sum()), len(a.positives)
    s10 = i10 / ((i10 - 1) * m) * (a.of_positive * b.of_positive).sum()
    s01 = i01 / ((i01 - 1) * n) * (a.of_negative * b.of_negative).sum()
    s11 = i / (i - 1) * ((a.of_positive * b.of_negative).sum() + (a.of_negative * b.of_positive).sum()) / 2
    return float(s10 / m + s01 / n + 2 * s11 / (m * n))


def _estimate(value: float, variance: float, clusters: int, level: float) -> Estimate:
    se = float(np.sqrt(max(variance, 0.0)))
    half = float(stats.norm.isf((1 - level) / 2)) * se
    notes = () if se > 0 else (NO_VARIANCE,)
    interval = (max(0.0, value - half), min(1.0, value + half))
    return Estimate(value, interval, METHOD, level, clusters, se, notes=notes)
