"""Figures that a stage measures on held-out patients. Numpy and scikit-learn; a figure that the data cannot
give (a class without cases) is None, never a guess."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

Floats = npt.NDArray[np.float64]
DENSITIES = ("A", "B", "C", "D")


def auc(truth: Sequence[int] | npt.NDArray[np.int64], score: Sequence[float] | Floats) -> float | None:
    """Area under the ROC curve for truth 0/1; None when one class has no case."""
    if len(set(np.asarray(truth).tolist())) < 2:
        return None
    return float(roc_auc_score(truth, score))


def density_figures(truth: Sequence[int], probabilities: Floats, *, prefix: str) -> dict[str, float | None]:
    """One-vs-rest AUC per density, their mean, and accuracy. `probabilities` is (N, 4)."""
    known = np.asarray(truth)
    per_class = {d: auc((known == k).astype(int), probabilities[:, k]) for k, d in enumerate(DENSITIES)}
    present = [value for value in per_class.values() if value is not None]
    return {
        **{f"{prefix}auc_{density}": value for density, value in per_class.items()},
        f"{prefix}macro_auc": float(np.mean(present)) if present else None,
        f"{prefix}accuracy": float((probabilities.argmax(1) == known).mean()) if len(known) else None,
    }


def density_probe(
    train: Floats, train_density: Sequence[int], test: Floats, test_density: Sequence[int]
) -> float | None:
    """Share of test vectors (N, C) whose density a linear classifier of training vectors reads."""
    if len(set(train_density)) < 2 or len(test_density) == 0:
        return None
    centre, scale = train.mean(0), train.std() + 1e-12
    model = LogisticRegression(C=10.0, max_iter=2000).fit((train - centre) / scale, train_density)
    return float(model.score((test - centre) / scale, test_density))
