r"""Thresholds that a curve itself names: the largest Youden index, and the point nearest to the corner.

Youden (1950): sensitivity + specificity - 1. Corner: (1 - sensitivity)^2 + (1 - specificity)^2, the squared distance
to a perfect test. Both are chosen on the cases that they are told of: their rates are too good for others.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.score_cube import FloatArray

RULES = ("youden", "closest_topleft")
OPTIMISTIC = "the threshold was chosen on these cases: rates in others will be lower"


@dataclass(frozen=True)
class BestThreshold:
    """Attributes:
    threshold: a score of at least this is a positive call; of several equally good ones the highest.
    """

    rule: str
    threshold: float
    sensitivity: float
    specificity: float


def best_threshold(truth: BoolArray, score: FloatArray, rule: str = "youden") -> BestThreshold:
    """The best of all thresholds by a rule.

    Args:
        truth: (cases,), True for the positive class; score: (cases,), higher means positive.

    Raises:
        ValueError: an unknown rule, a class is empty, or a score is not finite.
    """
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}; known: {', '.join(RULES)}")
    if not np.isfinite(score).all():
        raise ValueError("a score is missing or not finite")
    positive, negative = np.sort(score[truth]), np.sort(score[~truth])
    if not len(positive) or not len(negative):
        raise ValueError("a threshold needs positive and negative cases")
    cuts = np.unique(score)[::-1]
    sensitivity = 1 - np.searchsorted(positive, cuts, side="left") / len(positive)
    specificity = np.searchsorted(negative, cuts, side="left") / len(negative)
    corner = (1 - sensitivity) ** 2 + (1 - specificity) ** 2
    worth = sensitivity + specificity if rule == "youden" else -corner
    # Sums of shares that are equal on paper may differ in their last bit.
    place = int(np.argmax(worth >= worth.max() - 1e-12))
    return BestThreshold(rule, float(cuts[place]), float(sensitivity[place]), float(specificity[place]))
