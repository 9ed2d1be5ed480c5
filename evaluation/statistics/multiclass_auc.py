r"""Hand & Till's (2001) AUC for several classes and one score: the mean over pairs of classes.

M = 2 / (c (c-1)) sum_{i<j} A(i, j), A the AUC of the score between the cases of the two classes alone. A pair is read in
the direction in which its AUC is at least one half: M says how well the score separates, not in which order.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from evaluation.statistics.delong import auc
from evaluation.statistics.score_cube import FloatArray

METHOD = "mean AUC over pairs of classes (Hand and Till 2001)"


@dataclass(frozen=True)
class MulticlassAuc:
    """The mean, and the AUC of each pair with the number of cases behind it."""

    value: float
    pairs: list[tuple[str, str, float, int]]
    method: str = METHOD


def multiclass_auc(classes: npt.NDArray[np.object_], score: FloatArray) -> MulticlassAuc:
    """Separate classes (n,) by a score (n,).

    Raises:
        ValueError: lengths differ, fewer than two classes, or a class with a single case.
    """
    if classes.shape != score.shape:
        raise ValueError("classes and scores have different lengths")
    names = sorted({str(name) for name in classes})
    if len(names) < 2:
        raise ValueError("one class only: there is nothing to separate")
    named = classes.astype(str)
    pairs = []
    for low, high in combinations(names, 2):
        used = (named == low) | (named == high)
        area = auc(named[used] == high, score[used]).value
        pairs.append((low, high, max(area, 1 - area), int(used.sum())))
    return MulticlassAuc(float(np.mean([pair[2] for pair in pairs])), pairs)
