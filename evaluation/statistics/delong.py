"""Area under the ROC curve with DeLong's variance, and the paired comparison of two curves.

DeLong, DeLong & Clarke-Pearson (1988); midranks as in Sun & Xu (2014), O(n log n).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.statistics.results import Estimate, t_interval
from evaluation.statistics.score_cube import FloatArray

PAIRED = "paired DeLong"
METHOD = "empirical AUC, DeLong"
SEPARATED = (
    "positives and negatives are perfectly separated: the DeLong variance is zero and its interval a point"
)
NO_VARIANCE = "the variance is zero: the interval is a point and says nothing about other cases"
SAME_CURVE = "the variance of the difference is zero: no test"


@dataclass(frozen=True)
class PairedAuc:
    """Two curves on the same cases: both areas, and `first - second` with its interval and signed z."""

    first: Estimate
    second: Estimate
    difference: Estimate
    z: float | None
    p: float | None


def _placements(truth: npt.NDArray[np.bool_], score: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """AUC, V10 (per positive: share of negatives below) and V01 (per negative: share of positives above)."""
    positive, negative = score[truth], score[~truth]
    m, n = len(positive), len(negative)
    joint = stats.rankdata(np.concatenate([positive, negative]))
    v10 = (joint[:m] - stats.rankdata(positive)) / n
    v01 = 1 - (joint[m:] - stats.rankdata(negative)) / m
    return float(v10.mean()), v10, v01


def _check(truth: npt.NDArray[np.bool_], *scores: FloatArray) -> None:
    for score in scores:
        if score.shape != truth.shape:
            raise ValueError(
                f"truth and score have different numbers of cases: {len(truth)} and {len(score)}"
            )
        if not np.isfinite(score).all():
            raise ValueError("a score is missing or not finite")
    m, n = int(truth.sum()), int((~truth).sum())
    if m < 2 or n < 2:
        raise ValueError(f"ROC analysis needs two positive and two negative cases; found {m} and {n}")


def _variance(v10: FloatArray, v01: FloatArray) -> float:
    return float(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))


def _auc_estimate(value: float, variance: float, n: int, level: float) -> Estimate:
    se = float(np.sqrt(variance))
    half = float(stats.norm.isf((1 - level) / 2)) * se
    notes = (SEPARATED,) if value in (0.0, 1.0) else () if variance > 0 else (NO_VARIANCE,)
    return Estimate(
        value, (max(0.0, value - half), min(1.0, value + half)), METHOD, level, n, se, None, notes
    )


def auc(truth: npt.NDArray[np.bool_], score: FloatArray, *, level: float = 0.95) -> Estimate:
    """Area under the ROC curve: higher scores mean positive, ties count half.

    Args:
        truth: (cases,), True for the positive class.
        score: (cases,).

    Raises:
        ValueError: fewer than two cases of a class, or a score that is not finite.
    """
    _check(truth, score)
    value, v10, v01 = _placements(truth, score)
    return _auc_estimate(value, _variance(v10, v01), len(truth), level)


def compare(
    truth: npt.NDArray[np.bool_], first: FloatArray, second: FloatArray, *, level: float = 0.95
) -> PairedAuc:
    """Compare two scores of the same cases; `z` has the sign of `first - second`.

    Raises:
        ValueError: as for `auc`.
    """
    _check(truth, first, second)
    a, a10, a01 = _placements(truth, first)
    b, b10, b01 = _placements(truth, second)
    variance = _variance(a10 - b10, a01 - b01)
    se = float(np.sqrt(max(variance, 0.0)))
    half = float(stats.norm.isf((1 - level) / 2)) * se
    difference = a - b
    z = difference / se if se > 0 else None
    notes = () if se > 0 else (SAME_CURVE,)
    return PairedAuc(
        _auc_estimate(a, _variance(a10, a01), len(truth), level),
        _auc_estimate(b, _variance(b10, b01), len(truth), level),
        Estimate(
            difference,
            (difference - half, difference + half),
            PAIRED,
            level,
            len(truth),
            se,
            None,
            notes,
        ),
        z,
        float(2 * stats.norm.sf(abs(z))) if z is not None else None,
    )


def compare_unpaired(
    first: tuple[npt.NDArray[np.bool_], FloatArray],
    second: tuple[npt.NDArray[np.bool_], FloatArray],
    *,
    level: float = 0.95,
) -> PairedAuc:
    """Compare AUCs of two different sets of cases, each (truth, score): Welch's t on DeLong's variances.

    `z` holds the t statistic; the degrees of freedom are those of `difference`.

    Raises:
        ValueError: as for `auc`.
    """
    a, b = auc(*first, level=level), auc(*second, level=level)
    variances = (a.se or 0.0) ** 2, (b.se or 0.0) ** 2
    se, gap, total = float(np.sqrt(sum(variances))), a.value - b.value, a.n + b.n
    if se == 0:
        point = Estimate(gap, (gap, gap), "unpaired DeLong, Welch t", level, total, 0.0, None, (SAME_CURVE,))
        return PairedAuc(a, b, point, None, None)
    df = sum(variances) ** 2 / (variances[0] ** 2 / (a.n - 1) + variances[1] ** 2 / (b.n - 1))
    interval = t_interval(gap, se, df, level)
    t = gap / se
    difference = Estimate(gap, interval, "unpaired DeLong, Welch t", level, total, se, df)
    return PairedAuc(a, b, difference, t, float(2 * stats.t.sf(abs(t), df)))
