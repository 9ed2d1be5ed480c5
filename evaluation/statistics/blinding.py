"""Whether blinding held: guesses of the author (Bang's index), and how well style alone tells the arms apart.

Bang, Ni & Davis (2004), Controlled Clinical Trials 25:143-156: per group, index = share right - share wrong among all
answers, "don't know" counting as neither; 1 is unblinded, 0 random guessing, -1 all guess the other kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

BANG = "Bang's blinding index, normal"
UNANIMOUS = "all guesses are alike: no interval"
# Characters, not words: the same for Chinese and English.
SMOOTHING = 0.1
GRAMS = (2, 4)
PERMUTATIONS = 99

STYLE_METHOD = "character 2-4-grams, naive Bayes, {folds}-fold over questions; bootstrap of questions"


def bang_index(right: int, wrong: int, unknown: int, *, level: float = 0.95) -> Estimate:
    """Bang's blinding index of one group of answers.

    Args:
        right, wrong, unknown: counts of guesses.

    Returns:
        index with the normal interval of multinomial shares, limits kept within [-1, 1]; without an interval where all
        guesses are alike: the variance is then estimated as zero, which says nothing of how sure the index is.

    Raises:
        ValueError: there is no guess.
    """
    n = right + wrong + unknown
    if n == 0:
        raise ValueError("no guesses")
    p, q = right / n, wrong / n
    index = p - q
    variance = (p * (1 - p) + q * (1 - q) + 2 * p * q) / n
    if max(right, wrong, unknown) == n:
        return Estimate(index, None, BANG, n=n, se=0.0, notes=(UNANIMOUS,))
    half = float(stats.norm.ppf(0.5 + level / 2)) * variance**0.5
    limits = (max(-1.0, index - half), min(1.0, index + half))
    return Estimate(index, limits, BANG, n=n, se=variance**0.5)


@dataclass(frozen=True)
class StyleResult:
    """How often a classifier of style names the right arm for a text it has not seen.

    Attributes:
        accuracy: over texts; the interval is over questions (bootstrap).
        chance: 1 / number of arms.
        p: share of permutations of the arms within questions that do as well or better.
    """

    accuracy: Estimate
    chance: float
    p: float
    folds: int


def style_classifier(
    texts: Sequence[str],
    arms: Sequence[str],
    questions: Sequence[str],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 1,
    level: float = 0.95,
) -> StyleResult:
    """Tell arms apart by character 2- to 4-grams (TF-IDF, multinomial naive Bayes), questions held out in groups.

    Args:
        texts, arms, questions: of each answer, in the same order.
        permutations: arms are shuffled within each question; p is (1 + as good) / (1 + permutations).

    Raises:
        ValueError: fewer than two arms or two questions.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    labels = sorted(set(arms))
    groups = np.unique(np.asarray(questions), return_inverse=True)[1]
    if len(labels) < 2 or groups.max() < 1:
        raise ValueError("a style classifier needs two arms and two questions")
    truth = np.searchsorted(labels, np.asarray(arms))
    grams = TfidfVectorizer(analyzer="char", ngram_range=GRAMS, max_features=20_000, sublinear_tf=True)
    features = grams.fit_transform(texts)
    folds = min(5, int(groups.max()) + 1)
    fold = groups % folds
    held_out = HeldOut(features, fold)
    right = held_out.right(truth)
    rng = np.random.default_rng(seed)
    as_good = 0
    for _ in range(permutations):
        shuffled = truth.copy()
        for group in range(int(groups.max()) + 1):
            places = np.flatnonzero(groups == group)
            shuffled[places] = rng.permutation(truth[places])
        as_good += held_out.right(shuffled).mean() >= right.mean()
    interval = _over_questions(right, groups, rng, level)
    method = STYLE_METHOD.format(folds=folds)
    accuracy = Estimate(float(right.mean()), interval, method, n=len(texts))
    return StyleResult(accuracy, 1 / len(labels), (1 + as_good) / (1 + permutations), folds)


class HeldOut:
    """Multinomial naive Bayes on texts held out fold by fold, for many labellings of the same texts.

    The same names as sklearn's MultinomialNB, which checks its input anew for each labelling (nine tenths of the
    time of a thousand fits). Manning, Raghavan & Schuetze (2008), Introduction to Information Retrieval, 13.2.
    """

    def __init__(self, features: Any, fold: np.ndarray) -> None:
        self.places = [np.flatnonzero(fold == place) for place in np.unique(fold)]
        self.parts = []
        for held in self.places:
            rest = np.setdiff1d(np.arange(len(fold)), held)
            self.parts.append((features[held], rest, features[rest]))

    def right(self, truth: np.ndarray) -> FloatArray:
        """1 where the arm of a held-out text was named rightly, else 0."""
        right = np.zeros(len(truth))
        for held, (features, rest, learned) in zip(self.places, self.parts, strict=True):
            labels = truth[rest]
            known = np.unique(labels)
            of_arm = (labels == known[:, None]).astype(float)
            weights = (learned.T @ of_arm.T).T + SMOOTHING
            logs = np.log(weights) - np.log(weights.sum(axis=1, keepdims=True))
            scores = (features @ logs.T) + np.log(of_arm.mean(axis=1))
            right[held] = known[scores.argmax(axis=1)] == truth[held]
        return right


def _over_questions(
    right: FloatArray, groups: np.ndarray, rng: np.random.Generator, level: float
) -> tuple[float, float]:
    sums = np.bincount(groups, weights=right)
    counts = np.bincount(groups)
    draws = rng.integers(0, len(sums), size=(2000, len(sums)))
    shares = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(shares, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
