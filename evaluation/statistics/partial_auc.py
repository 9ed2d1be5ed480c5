r"""Partial area under the empirical ROC curve, over a range of specificity or of sensitivity.

The curve is linear between its points. McClish (1989): corrected = (1 + (A - min) / (max - min)) / 2 where min is
the area of the chance line and max that of a perfect curve over the same range; not defined where A < min.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

METHOD = "partial AUC, {axis} {low:g} to {high:g}; stratified bootstrap, percentile, B = {b}"
BELOW_CHANCE = "the area lies below the chance line: McClish's correction is not defined"


@dataclass(frozen=True)
class PartialAuc:
    """Raw area with its interval, and McClish's corrected value (None below the chance line)."""

    estimate: Estimate
    corrected: float | None


def roc_points(truth: BoolArray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """False positive share and sensitivity of the empirical curve, both rising from 0 to 1."""
    order = np.argsort(-score, kind="stable")
    ranked, positive = score[order], truth[order]
    last = np.append(np.diff(ranked) != 0, True)
    called, false = np.cumsum(positive)[last], np.cumsum(~positive)[last]
    return (
        np.concatenate([[0.0], false / (~truth).sum()]),
        np.concatenate([[0.0], called / truth.sum()]),
    )


def partial_auc(
    truth: BoolArray,
    score: FloatArray,
    *,
    low: float,
    high: float = 1.0,
    axis: str = "specificity",
    level: float = 0.95,
    b: int = 2000,
    seed: int = 1,
) -> PartialAuc:
    """Area between `low` and `high` of the specificity (or sensitivity).

    Raises:
        ValueError: the range is empty, the axis unknown, a class empty, or a score not finite.
    """
    if axis not in ("specificity", "sensitivity"):
        raise ValueError(f"unknown axis {axis!r}; known: specificity, sensitivity")
    if not 0 <= low < high <= 1:
        raise ValueError(f"the range {low:g} to {high:g} is no range of shares")
    if not np.isfinite(score).all() or not truth.any() or truth.all():
        raise ValueError("a partial AUC needs positive and negative cases with finite scores")
    value = _area(truth, score, low, high, axis)
    rng = np.random.default_rng(seed)
    positive, negative = score[truth], score[~truth]
    labels = np.arange(len(score)) < len(positive)
    replicates = np.array(
        [
            _area(
                labels,
                np.concatenate(
                    [
                        positive[rng.integers(0, len(positive), len(positive))],
                        negative[rng.integers(0, len(negative), len(negative))],
                    ]
                ),
                low,
                high,
                axis,
            )
            for _ in range(b)
        ]
    )
    lower, upper = np.quantile(replicates, [(1 - level) / 2, 1 - (1 - level) / 2])
    # Over the false positive share x the chance line is y = x.
    least, most = ((1 - low) ** 2 - (1 - high) ** 2) / 2, high - low
    corrected = (1 + (value - least) / (most - least)) / 2 if value >= least else None
    return PartialAuc(
        Estimate(
            value,
            (float(lower), float(upper)),
            METHOD.format(axis=axis, low=low, high=high, b=b),
            level,
            len(truth),
            float(replicates.std(ddof=1)),
            None,
            () if corrected is not None else (BELOW_CHANCE,),
        ),
        corrected,
    )


def _area(truth: BoolArray, score: FloatArray, low: float, high: float, axis: str) -> float:
    false, called = roc_points(truth, score)
    if axis == "sensitivity":
        # Turn the curve: specificity over the missed share.
        x, y = (1 - called)[::-1], (1 - false)[::-1]
    else:
        x, y = false, called
    return _integral(x, y, 1 - high, 1 - low)


def _integral(x: FloatArray, y: FloatArray, start: float, end: float) -> float:
    """Trapezoids of a rising curve between two abscissae."""
    left, right = np.maximum(x[:-1], start), np.minimum(x[1:], end)
    width = np.maximum(right - left, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(width > 0, np.diff(y) / np.diff(x), 0.0)
    return float((width * (y[:-1] + slope * ((left + right) / 2 - x[:-1])))[width > 0].sum())
