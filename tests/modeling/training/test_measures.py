"""Calibration, thresholds and confusion: against scikit-learn, and chosen without a look at the test cases."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, log_loss, roc_curve

from modeling.training.measures import (
    calibration_error,
    confusion,
    judged_by_validation,
    temperature_of,
    threshold_of,
)

RNG = np.random.default_rng(5)
TRUTH = RNG.integers(0, 2, 400)
# Too sure by three: logits of a calibrated score times 3.
CALIBRATED = 1 / (1 + np.exp(-(RNG.normal(size=400) + (2 * TRUTH - 1))))
LOGITS = 2 * np.log(CALIBRATED / (1 - CALIBRATED))
SURE = 1 / (1 + np.exp(-3 * LOGITS))


def test_two_bins_by_hand():
    truth, probability = np.array([1, 0, 1, 1]), np.array([0.1, 0.2, 0.9, 0.8])
    by_hand = (abs(0.5 - 0.15) * 2 + abs(1 - 0.85) * 2) / 4
    assert calibration_error(truth, probability, bins=2) == pytest.approx(by_hand)


def test_the_temperature_undoes_what_made_the_scores_too_sure():
    temperature = temperature_of(TRUTH, SURE)
    losses = {
        t: log_loss(TRUTH, 1 / (1 + np.exp(-3 * LOGITS / t)))
        for t in (temperature, temperature * 1.2, temperature / 1.2)
    }
    assert min(losses, key=losses.__getitem__) == temperature
    assert temperature > 2


def test_the_threshold_is_youdens():
    wrong, right, thresholds = roc_curve(TRUTH, SURE, drop_intermediate=False)
    assert threshold_of(TRUTH, SURE) in thresholds[np.isclose(right - wrong, (right - wrong).max())]


def test_threshold_and_temperature_do_not_move_with_the_test_cases():
    validation, test = (TRUTH[:200], SURE[:200]), (TRUTH[200:], SURE[200:])
    first = judged_by_validation(validation, test, prefix="")
    turned = judged_by_validation(validation, (1 - test[0], test[1]), prefix="")
    for name in ("threshold_from_validation", "temperature_from_validation"):
        assert first[name] == turned[name]
    assert first["sensitivity"] == 1 - turned["specificity"]
    assert first["calibration_error_scaled"] < first["calibration_error"]
    assert judged_by_validation((np.ones(3, int), SURE[:3]), test, prefix="") == {}


def test_confusion_counts_as_scikit_learn_does():
    truth, probabilities = RNG.integers(0, 4, 60).tolist(), RNG.random((60, 4))
    counts = confusion_matrix(truth, probabilities.argmax(1), labels=range(4))
    named = dict(cell.split(": ") for cell in confusion(truth, probabilities).split(", "))
    assert {name: int(n) for name, n in named.items()} == {
        f"{'ABCD'[t]} as {'ABCD'[p]}": int(counts[t, p]) for t in range(4) for p in range(4) if counts[t, p]
    }
