"""Bang's index against its formula by hand, and a style classifier against texts whose style is known."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.naive_bayes import MultinomialNB

from evaluation.statistics.blinding import SMOOTHING, HeldOut, bang_index, style_classifier


def test_bangs_index_is_the_share_right_less_the_share_wrong() -> None:
    # 40 right, 20 wrong, 40 unknown: .4 - .2; variance (.4*.6 + .2*.8 + 2*.4*.2) / 100 = .0056.
    index = bang_index(40, 20, 40)
    assert index.value == pytest.approx(0.2)
    assert index.se == pytest.approx(0.0056**0.5)
    assert index.interval == pytest.approx((0.2 - 1.959964 * 0.0056**0.5, 0.2 + 1.959964 * 0.0056**0.5))


def test_bangs_index_at_its_ends() -> None:
    assert bang_index(10, 0, 0).value == 1.0
    assert bang_index(0, 10, 0).value == -1.0
    assert bang_index(0, 0, 7).value == 0.0
    unanimous = bang_index(10, 0, 0)
    assert unanimous.interval is None
    assert unanimous.notes == ("all guesses are alike: no interval",)
    assert bang_index(9, 1, 0).interval is not None
    with pytest.raises(ValueError, match="no guesses"):
        bang_index(0, 0, 0)


def texts(styled: bool) -> tuple[list[str], list[str], list[str]]:
    rng = np.random.default_rng(4)
    words = ["breast", "density", "screening", "yearly", "ultrasound", "doctor", "visit", "finding"]
    found: tuple[list[str], list[str], list[str]] = ([], [], [])
    for question in range(12):
        for arm in ("a", "b"):
            said = " ".join(rng.choice(words, 12))
            found[0].append(f"Certainly! {said}" if styled and arm == "a" else said)
            found[1].append(arm)
            found[2].append(str(question))
    return found


def test_a_style_that_tells_is_found_and_one_that_does_not_is_not() -> None:
    told = style_classifier(*texts(True), permutations=39)
    assert told.accuracy.value > 0.9
    assert told.p == pytest.approx(1 / 40)
    same = style_classifier(*texts(False), permutations=39)
    assert same.p > 0.05
    assert same.chance == 0.5


def test_one_arm_can_not_be_told_from_another() -> None:
    with pytest.raises(ValueError, match="two arms"):
        style_classifier(["x", "y"], ["a", "a"], ["1", "2"])


@pytest.mark.parametrize("arms", [2, 3, 7])
def test_a_held_out_text_gets_the_arm_that_sklearn_names(arms: int) -> None:
    rng = np.random.default_rng(arms)
    features = sparse.csr_matrix(rng.random((60, 40)) * (rng.random((60, 40)) < 0.3))
    fold = np.arange(60) % 5
    truth = rng.integers(0, arms, 60)
    # An arm that no text of the other folds has can't be named.
    truth[fold == 0] = 0
    expected = np.zeros(60)
    for place in range(5):
        held = fold == place
        model = MultinomialNB(alpha=SMOOTHING).fit(features[~held], truth[~held])
        expected[held] = model.predict(features[held]) == truth[held]
    assert 0 < expected.sum() < 60
    assert list(HeldOut(features, fold).right(truth)) == list(expected)
