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


def calibration_error(truth: npt.NDArray[np.int64], probability: Floats, *, bins: int = 10) -> float:
    """Expected calibration error (Naeini 2015): mean over cases of |share that is true - mean probability| of the
    case's bin, bins of equal width."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [
        abs(truth[place == b].mean() - probability[place == b].mean()) * (place == b).sum()
        for b in np.unique(place)
    ]
    return float(np.sum(gaps) / len(truth))


def temperature_of(truth: npt.NDArray[np.int64], probability: Floats) -> float:
    """The number that logits are divided by so that the cross-entropy is least (Guo 2017), from 1/8 to 8."""
    logits = _logits(probability)
    tried = np.exp2(np.linspace(-3, 3, 121))
    losses = [float(np.mean(np.logaddexp(0, np.where(truth == 1, -1, 1) * logits / t))) for t in tried]
    return float(tried[int(np.argmin(losses))])


def threshold_of(truth: npt.NDArray[np.int64], score: Floats) -> float:
    """The score from which a case counts as positive so that sensitivity + specificity is greatest (Youden 1950)."""
    candidates = np.unique(score)
    gains = [float((score[truth == 1] >= c).mean() + (score[truth == 0] < c).mean()) for c in candidates]
    return float(candidates[int(np.argmax(gains))])


def judged_by_validation(
    validation: tuple[npt.NDArray[np.int64], Floats],
    test: tuple[npt.NDArray[np.int64], Floats],
    *,
    prefix: str,
) -> dict[str, float]:
    """Test figures whose threshold and temperature come from validation cases alone; nothing where a class is missing.

    Each side is (truth 0/1, probability).
    """
    if any(len(set(truth.tolist())) < 2 for truth, _ in (validation, test)):
        return {}
    threshold, temperature = threshold_of(*validation), temperature_of(*validation)
    truth, probability = test
    positive = probability >= threshold
    scaled = 1 / (1 + np.exp(-_logits(probability) / temperature))
    return {
        f"{prefix}threshold_from_validation": threshold,
        f"{prefix}sensitivity": float(positive[truth == 1].mean()),
        f"{prefix}specificity": float((~positive)[truth == 0].mean()),
        f"{prefix}brier": float(np.mean((probability - truth) ** 2)),
        f"{prefix}calibration_error": calibration_error(truth, probability),
        f"{prefix}temperature_from_validation": temperature,
        f"{prefix}calibration_error_scaled": calibration_error(truth, scaled),
    }


def confusion(truth: Sequence[int], probabilities: Floats) -> str:
    """What was taken for what, as "B as C: 2", cells without a case left out; by the likeliest class."""
    taken = probabilities.argmax(1)
    cells = [(int(t), int(p)) for t, p in zip(truth, taken, strict=True)]
    return ", ".join(
        f"{DENSITIES[t]} as {DENSITIES[p]}: {cells.count((t, p))}" for t, p in sorted(set(cells))
    )


def _logits(probability: Floats) -> Floats:
    kept = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(kept / (1 - kept)))


def density_figures(
    truth: Sequence[int], probabilities: Floats, *, prefix: str
) -> dict[str, float | str | None]:
    """One-vs-rest AUC per density, their mean, accuracy, calibration error of the likeliest class, and what was taken
    for what. `probabilities` is (N, 4)."""
    known = np.asarray(truth)
    per_class = {d: auc((known == k).astype(int), probabilities[:, k]) for k, d in enumerate(DENSITIES)}
    right = (probabilities.argmax(1) == known).astype(np.int64)
    present = [value for value in per_class.values() if value is not None]
    return {
        **{f"{prefix}auc_{density}": value for density, value in per_class.items()},
        f"{prefix}macro_auc": float(np.mean(present)) if present else None,
        f"{prefix}accuracy": float(right.mean()) if len(known) else None,
        f"{prefix}calibration_error": calibration_error(right, probabilities.max(1)) if len(known) else None,
        f"{prefix}confusion": confusion(truth, probabilities),
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
