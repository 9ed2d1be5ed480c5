"""Calibration of predicted chances: Brier score, intercept and slope (Cox 1958), and bins for a plot."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import expit, logit

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

SEPARATED = "perfect separation: no slope"
NO_FIT = "the fit of the slope did not end: no slope"


@dataclass(frozen=True)
class Calibration:
    """Attributes:
    brier: mean squared error of the chances.
    intercept: of logit(observed) with the slope held at 1 (0: neither too high nor too low).
    slope: of logit(observed) on logit(chance) (1: spread as it should be; below 1: too extreme).
    bins: (mean chance, observed share with Wilson interval) of groups of equal size.
    """

    brier: float
    intercept: float | None
    slope: float | None
    bins: list[tuple[float, Estimate]]
    notes: tuple[str, ...] = ()


def calibration(
    truth: BoolArray, chance: FloatArray, *, groups: int = 10, level: float = 0.95
) -> Calibration:
    """Calibrate chances in [0, 1] against the truth, both (n,).

    Raises:
        ValueError: a chance is outside [0, 1], or there are fewer cases than groups.
    """
    if truth.shape != chance.shape or not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError("calibration needs a chance between 0 and 1 for every case")
    if len(truth) < groups:
        raise ValueError(f"fewer cases than groups: {len(truth)} and {groups}")
    brier = float(((chance - truth) ** 2).mean())
    order = np.argsort(chance, kind="stable")
    bins = [
        (float(chance[part].mean()), wilson(int(truth[part].sum()), len(part), level=level))
        for part in np.array_split(order, groups)
    ]
    if truth.all() or not truth.any():
        return Calibration(brier, None, None, bins, ("one class only: no slope",))
    x = logit(np.clip(chance, 1e-9, 1 - 1e-9))
    if float(x.std()) < 1e-12:
        return Calibration(brier, None, None, bins, ("all chances are equal: no slope",))

    def loss(b: FloatArray) -> float:
        eta = b[0] + b[1] * x
        return float(np.logaddexp(0, eta).sum() - eta[truth].sum())

    total = int(truth.sum())
    alone = float(optimize.brentq(lambda a: float(expit(a + x).sum()) - total, -60, 60))
    # Where a chance parts the classes, ties at it allowed, the likelihood grows with the slope without end.
    if x[truth].min() >= x[~truth].max() or x[truth].max() <= x[~truth].min():
        return Calibration(brier, alone, None, bins, (SEPARATED,))
    both = optimize.minimize(loss, np.array([0.0, 1.0]), method="BFGS", options={"gtol": 1e-9})
    # The search ends where digits end, short of 1e-9: what matters is that the slope of the loss is gone.
    if not both.success and float(np.abs(both.jac).max()) > 1e-4 * len(truth):
        return Calibration(brier, alone, None, bins, (NO_FIT,))
    return Calibration(brier, alone, float(both.x[1]), bins)
