"""Percentile bootstrap of the AUC: positives and negatives drawn apart (stratified) or cases as they come.

DeLong's interval is the default everywhere; the bootstrap is the check for few cases or an AUC near one.
"""

import numpy as np
from scipy import stats

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray


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
    if truth.shape != score.shape or not np.isfinite(score).all():
        raise ValueError("a score is missing or not finite")
    if not truth.any() or truth.all():
        raise ValueError("the bootstrap of an AUC needs positive and negative cases")
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


def _area(truth: BoolArray, score: FloatArray) -> float:
    m, n = int(truth.sum()), int((~truth).sum())
    return float((stats.rankdata(score)[truth].sum() - m * (m + 1) / 2) / (m * n))
