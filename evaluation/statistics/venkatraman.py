r"""Whether two ROC curves of the same cases are the same curve: Venkatraman & Begg (1996), Biometrika 83:835.

Curves may differ and enclose the same area. With r the ranks of the cases under each score (ties in the order of the
rows) and e(k) the errors of the rule "positive above rank k",
    E = sum_{k=1}^{n-1} |e_1(k) - e_2(k)|.
Under the null hypothesis the two ranks of a case are exchangeable: they are swapped by chance and ranked anew, ties
broken by chance; p is the share of permutations with an E at least as large, the observed order counted as one.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.score_cube import FloatArray

METHOD = "permutation test of two paired ROC curves (Venkatraman and Begg 1996), B = {b}"


@dataclass(frozen=True)
class SameCurve:
    """E with its permutation p."""

    e: int
    p: float
    method: str


def venkatraman(
    truth: BoolArray, first: FloatArray, second: FloatArray, *, b: int = 2000, seed: int = 1
) -> SameCurve:
    """Compare two scores (n,) of the same cases.

    Raises:
        ValueError: lengths differ, a class is empty, or a score is not finite.
    """
    if not truth.shape == first.shape == second.shape or not np.isfinite(first + second).all():
        raise ValueError("a score is missing or not finite")
    if truth.all() or not truth.any():
        raise ValueError("a comparison of ROC curves needs positive and negative cases")
    rng, n = np.random.default_rng(seed), len(truth)
    ranks = np.stack([np.argsort(np.argsort(s, kind="stable"), kind="stable") for s in (first, second)])
    observed = _distance(truth, ranks[0], ranks[1])
    at_least = 1
    for _ in range(b):
        swap = rng.random(n) < 0.5
        mixed = np.where(swap, ranks[::-1], ranks)
        again = [np.argsort(np.lexsort((rng.random(n), row)), kind="stable") for row in mixed]
        at_least += _distance(truth, *again) >= observed
    return SameCurve(observed, at_least / (b + 1), METHOD.format(b=b))


def _distance(truth: BoolArray, first: np.ndarray, second: np.ndarray) -> int:
    """E of two rankings 0..n-1: a missed positive is one error, a negative told apart one less."""
    gaps = np.zeros(len(truth), dtype=np.int64)
    weight = np.where(truth, 1, -1)
    np.add.at(gaps, first, weight)
    np.add.at(gaps, second, -weight)
    return int(np.abs(np.cumsum(gaps)[:-1]).sum())
