r"""Cohen's kappa of two raters, unweighted or weighted, with the large-sample standard error.

Fleiss, Cohen & Everitt (1969): with agreement weights w, cell shares p and margins r, c,
var = { sum p_ij [w_ij - (w_i. + w_.j)(1 - k)]^2 - [k - Pe (1 - k)]^2 } / (n (1 - Pe)^2),
w_i. = sum_j c_j w_ij, w_.j = sum_i r_i w_ij.
"""

import numpy as np
from scipy import stats

from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

WEIGHTS = ("none", "linear", "quadratic")


def agreement_weights(categories: int, weights: str) -> FloatArray:
    """Weights of agreement between categories 0..k-1: 1 on the diagonal."""
    if weights not in WEIGHTS:
        raise ValueError(f"unknown weights {weights!r}; known: {', '.join(WEIGHTS)}")
    if weights == "none":
        return np.eye(categories)
    gap = np.abs(np.subtract.outer(np.arange(categories), np.arange(categories))) / (categories - 1)
    return np.asarray(1 - gap**2 if weights == "quadratic" else 1 - gap)


def kappa(counts: FloatArray, *, weights: str = "none", level: float = 0.95) -> Estimate:
    """Kappa of a square table of counts (first rater, second rater), categories in order.

    Raises:
        ValueError: the table is not square or empty, or both raters use one category only.
    """
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.shape[0] < 2:
        raise ValueError("kappa needs a square table of two or more categories")
    n = float(counts.sum())
    if n < 1:
        raise ValueError("kappa needs counts")
    p, w = counts / n, agreement_weights(len(counts), weights)
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float((w * p).sum()), float(rows @ w @ columns)
    if 1 - expected < 1e-15:
        raise ValueError("both raters use one and the same category: kappa is not defined")
    value = (observed - expected) / (1 - expected)
    margin = (w @ columns)[:, None] + (rows @ w)[None]
    spread = (p * (w - margin * (1 - value)) ** 2).sum() - (value - expected * (1 - value)) ** 2
    se = float(np.sqrt(max(float(spread), 0.0) / n) / (1 - expected))
    half = float(stats.norm.isf((1 - level) / 2)) * se
    name = "Cohen's kappa" if weights == "none" else f"weighted kappa ({weights})"
    return Estimate(
        value, (value - half, min(1.0, value + half)), f"{name}, Fleiss-Cohen-Everitt", level, int(n), se
    )


def cross_table(first: FloatArray, second: FloatArray, categories: FloatArray) -> FloatArray:
    """Counts of pairs of categories, both (units,)."""
    places = [np.searchsorted(categories, values) for values in (first, second)]
    table = np.zeros((len(categories), len(categories)))
    np.add.at(table, (places[0], places[1]), 1.0)
    return table
