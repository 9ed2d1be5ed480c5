"""Specificity at a fixed sensitivity (or sensitivity at a fixed specificity) with a stated rule.

Rule: the highest threshold whose sensitivity is at least the target; a score of at least the threshold is a
positive call. The value is a share of cases (k of n), never interpolated between two cases. Interval: stratified
bootstrap (positives and negatives drawn apart), the threshold found anew in each replicate, percentiles. Where these
have no width (the classes lie apart) they say nothing: Wilson's interval at the threshold found stands instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.statistics.clustered_shares import clustered_share
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

RULE = "highest threshold with {held} of at least {target:g}"
CLUSTERED_METHOD = "{rule}; bootstrap of patients, percentile, B = {b}"
WILSON_METHOD = "{rule}; {shares} at this threshold"
NO_WIDTH = "drawn again the cases give the same share: the interval takes the threshold as known"
METHOD = "{rule}; stratified bootstrap, percentile, B = {b}"


@dataclass(frozen=True)
class FixedOperatingPoint:
    """The operating point that the rule found.

    Attributes:
        estimate: of the specificity (sensitivity).
        threshold: a score of at least this is a positive call.
        reached: the sensitivity (specificity) that the threshold has.
    """

    estimate: Estimate
    threshold: float
    reached: float


def specificity_at_sensitivity(
    truth: BoolArray,
    score: FloatArray,
    target: float,
    *,
    level: float = 0.95,
    b: int = 2000,
    seed: int = 1,
    clusters: Sequence[str] | None = None,
) -> FixedOperatingPoint:
    """Specificity where the sensitivity is at least `target`.

    Args:
        truth: (cases,), True for the positive class; score: (cases,), higher means positive.
        clusters: (cases,), patient of each case; where one has several, patients are drawn in place of cases.

    Raises:
        ValueError: the target is not in (0, 1], a class is empty (or of one patient, with clusters), or a score is not
            finite.
    """
    positive, negative = _classes(truth, score, target)
    threshold = _threshold(positive, target)
    value, reached = float((negative < threshold).mean()), float((positive >= threshold).mean())
    rng = np.random.default_rng(seed)
    rule, method = RULE.format(held="sensitivity", target=target), METHOD
    if clusters is not None and len(set(clusters)) < len(clusters):
        method = CLUSTERED_METHOD
        replicates = _of_patients(truth, score, target, clusters, b, rng)
    else:
        replicates = np.empty(b)
        for i in range(b):
            cut = _threshold(positive[rng.integers(0, len(positive), len(positive))], target)
            replicates[i] = (negative[rng.integers(0, len(negative), len(negative))] < cut).mean()
    found = _estimate(value, replicates, method.format(rule=rule, b=b), level, len(truth))
    if found.interval is not None and found.interval[0] == found.interval[1]:
        of_negatives = (
            None
            if clusters is None
            else [name for name, is_pos in zip(clusters, truth, strict=True) if not is_pos]
        )
        found = _at_threshold(negative < threshold, of_negatives, rule, level, len(truth))
    return FixedOperatingPoint(found, threshold, reached)


def _at_threshold(
    right: BoolArray, clusters: Sequence[str] | None, rule: str, level: float, n: int
) -> Estimate:
    """The share of negatives called so, the threshold taken as known."""
    share = clustered_share(right, clusters or [str(place) for place in range(len(right))], level=level)
    name = share.method if clusters is not None and len(set(clusters)) < len(clusters) else "Wilson"
    method = WILSON_METHOD.format(rule=rule, shares=name)
    return Estimate(share.value, share.interval, method, level, n, None, notes=(NO_WIDTH,))


def _of_patients(
    truth: BoolArray,
    score: FloatArray,
    target: float,
    clusters: Sequence[str],
    b: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Replicates of drawn patients; a draw without a case of a class says nothing and is drawn again."""
    _, codes = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    members = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]
    if min(len(np.unique(codes[truth])), len(np.unique(codes[~truth]))) < 2:
        raise ValueError("two patients with a positive and two with a negative case are needed")
    made: list[float] = []
    while len(made) < b:
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        positive, negative = score[drawn][truth[drawn]], score[drawn][~truth[drawn]]
        if len(positive) and len(negative):
            made.append(float((negative < _threshold(positive, target)).mean()))
    return np.array(made)


def sensitivity_at_specificity(
    truth: BoolArray, score: FloatArray, target: float, *, level: float = 0.95, b: int = 2000, seed: int = 1
) -> FixedOperatingPoint:
    """Sensitivity where the specificity is at least `target`: the lowest such threshold.

    Raises:
        ValueError: as for `specificity_at_sensitivity`.
    """
    found = specificity_at_sensitivity(~truth, -score, target, level=level, b=b, seed=seed)
    method = found.estimate.method.replace(
        RULE.format(held="sensitivity", target=target),
        f"lowest threshold with specificity of at least {target:g}",
    )
    old = found.estimate
    # A negative call was score <= -threshold: the positive calls begin above it.
    above = score[score > -found.threshold]
    threshold = float(above.min()) if len(above) else float("inf")
    return FixedOperatingPoint(
        Estimate(old.value, old.interval, method, old.level, old.n, old.se, notes=old.notes),
        threshold,
        found.reached,
    )


def _classes(truth: BoolArray, score: FloatArray, target: float) -> tuple[FloatArray, FloatArray]:
    if not 0 < target <= 1:
        raise ValueError(f"{target:g} is no share between 0 and 1")
    if truth.shape != score.shape or not np.isfinite(score).all():
        raise ValueError("a score is missing or not finite")
    positive, negative = score[truth], score[~truth]
    if not len(positive) or not len(negative):
        raise ValueError("an operating point needs positive and negative cases")
    return positive, negative


def _threshold(positive: FloatArray, target: float) -> float:
    """The k-th highest positive, k = ceil(target x n)."""
    k = int(np.ceil(target * len(positive) - 1e-9))
    return float(np.partition(positive, len(positive) - k)[len(positive) - k])


def _estimate(value: float, replicates: FloatArray, method: str, level: float, n: int) -> Estimate:
    lower, upper = np.quantile(replicates, [(1 - level) / 2, 1 - (1 - level) / 2])
    return Estimate(value, (float(lower), float(upper)), method, level, n, float(replicates.std(ddof=1)))
