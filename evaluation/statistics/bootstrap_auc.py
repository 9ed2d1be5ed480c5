"""Bootstrap of the AUC, of a difference of two, and of the rates at a threshold.

Positives and negatives are drawn apart (stratified) or cases as they come. DeLong's interval is the default everywhere;
the bootstrap is the check for few cases or an AUC near one.
"""

import numpy as np
from scipy import stats

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import FloatArray

METHOD = "stratified bootstrap, percentile, B = {b}"


def bootstrap_auc(
    truth: BoolArray,
    score: FloatArray,
    *,
    stratified: bool = True,
    b: int = 2000,
    seed: int = 1,
    level: float = 0.95,
) -> Estimate:
    """AUC with a percentile interval; a draw that holds one class only is drawn again.

    Raises:
        ValueError: a class is empty, or a score is not finite.
    """
    _must_be_fit(truth, score)
    rng = np.random.default_rng(seed)
    positive, negative = np.flatnonzero(truth), np.flatnonzero(~truth)
    replicates = np.empty(b)
    for i in range(b):
        if stratified:
            kept = np.concatenate([rng.choice(positive, len(positive)), rng.choice(negative, len(negative))])
        else:
            kept = rng.integers(0, len(truth), len(truth))
            while truth[kept].all() or not truth[kept].any():
                kept = rng.integers(0, len(truth), len(truth))
        replicates[i] = _area(truth[kept], score[kept])
    lower, upper = np.quantile(replicates, [(1 - level) / 2, 1 - (1 - level) / 2])
    name = "stratified" if stratified else "unstratified"
    return Estimate(
        _area(truth, score),
        (float(lower), float(upper)),
        f"empirical AUC, {name} bootstrap, percentile, B = {b}",
        level,
        len(truth),
        float(replicates.std(ddof=1)),
    )


def bootstrap_difference(
    truth: BoolArray,
    first: FloatArray,
    second: FloatArray,
    *,
    b: int = 2000,
    seed: int = 1,
    level: float = 0.95,
) -> Contrast:
    """AUC of `first` less AUC of `second`, both scores of the same cases (n,): stratified, percentile interval.

    The test divides the difference by its bootstrap standard error and takes the quotient as normal.

    Raises:
        ValueError: a class is empty, or a score is missing or not finite.
    """
    _must_be_fit(truth, first)
    _must_be_fit(truth, second)
    rng = np.random.default_rng(seed)
    positive, negative = np.flatnonzero(truth), np.flatnonzero(~truth)
    labels = np.concatenate([truth[positive], truth[negative]])
    replicates = np.empty(b)
    for i in range(b):
        kept = np.concatenate([rng.choice(positive, len(positive)), rng.choice(negative, len(negative))])
        replicates[i] = _area(labels, first[kept]) - _area(labels, second[kept])
    lower, upper = np.quantile(replicates, [(1 - level) / 2, 1 - (1 - level) / 2])
    value, se = _area(truth, first) - _area(truth, second), float(replicates.std(ddof=1))
    estimate = Estimate(
        value,
        (float(lower), float(upper)),
        f"difference of empirical AUCs, stratified bootstrap, B = {b}",
        level,
        len(truth),
        se,
    )
    if se < 1e-12:
        return Contrast("first", "second", estimate)
    z = value / se
    return Contrast("first", "second", estimate, z, float(2 * stats.norm.sf(abs(z))))


def bootstrap_rates(
    truth: BoolArray,
    score: FloatArray,
    threshold: float,
    *,
    b: int = 2000,
    seed: int = 1,
    level: float = 0.95,
) -> tuple[Estimate, Estimate]:
    """Sensitivity and specificity of calls from `threshold` on, with stratified percentile intervals.

    Drawing cases of one class anew draws their number of right calls from a binomial distribution.

    Raises:
        ValueError: a class is empty, or a score is missing or not finite.
    """
    _must_be_fit(truth, score)
    rng, called = np.random.default_rng(seed), score >= threshold
    made = []
    for right in (called[truth], ~called[~truth]):
        n, value = len(right), float(right.mean())
        drawn = rng.binomial(n, value, size=b) / n
        lower, upper = np.quantile(drawn, [(1 - level) / 2, 1 - (1 - level) / 2])
        method = METHOD.format(b=b)
        made.append(Estimate(value, (float(lower), float(upper)), method, level, n, float(drawn.std(ddof=1))))
    return made[0], made[1]


def _must_be_fit(truth: BoolArray, score: FloatArray) -> None:
    if truth.shape != score.shape or not np.isfinite(score).all():
        raise ValueError("a score is missing or not finite")
    if not truth.any() or truth.all():
        raise ValueError("the bootstrap of an AUC needs positive and negative cases")


def _area(truth: BoolArray, score: FloatArray) -> float:
    m, n = int(truth.sum()), int((~truth).sum())
    return float((stats.rankdata(score)[truth].sum() - m * (m + 1) / 2) / (m * n))
