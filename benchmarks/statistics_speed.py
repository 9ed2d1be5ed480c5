"""Statistics on large inputs: fast algorithms against plain ones (ratio of seconds; below 1 is faster)."""

import time
from collections.abc import Callable

import numpy as np

from evaluation.statistics import delong
from evaluation.statistics.cluster_bootstrap import bootstrap_means
from evaluation.statistics.mrmc import analyse_mrmc
from evaluation.statistics.mrmc_readings import Readings
from evaluation.statistics.score_analysis import analyse_aspect
from evaluation.statistics.score_cube import ScoreCube

SEED = 20250210


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def naive_delong(truth: np.ndarray, score: np.ndarray) -> float:
    """Variance of one AUC with every pair compared, in chunks of rows: O(m n)."""
    positive, negative = score[truth], score[~truth]
    v10, v01 = np.empty(len(positive)), np.zeros(len(negative))
    for start in range(0, len(positive), 500):
        part = positive[start : start + 500, None]
        kernel = (part > negative) + 0.5 * (part == negative)
        v10[start : start + 500] = kernel.mean(axis=1)
        v01 += kernel.sum(axis=0) / len(positive)
    return float(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))


def sklearn_bootstrap(truth: np.ndarray, score: np.ndarray, rounds: int) -> float:
    """Seconds per replicate of scikit-learn's AUC under a plain bootstrap."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(SEED)

    def run() -> None:
        for _ in range(rounds):
            kept = rng.integers(0, len(truth), len(truth))
            roc_auc_score(truth[kept], score[kept])

    return _seconds(run) / rounds


def pandas_replicate(cube: ScoreCube, rounds: int) -> float:
    """Seconds per replicate of the two-way cluster bootstrap by merging drawn rows in pandas."""
    import pandas as pd

    R, Q, S = cube.values.shape
    rows = pd.DataFrame(
        {
            "rater": np.repeat(np.arange(R), Q * S),
            "question": np.tile(np.repeat(np.arange(Q), S), R),
            "system": np.tile(np.arange(S), R * Q),
            "score": cube.values.ravel(),
        }
    )
    rng = np.random.default_rng(SEED)

    def run() -> None:
        for _ in range(rounds):
            raters = pd.DataFrame({"rater": rng.integers(0, R, R)})
            questions = pd.DataFrame({"question": rng.integers(0, Q, Q)})
            rows.merge(raters).merge(questions).groupby("system")["score"].mean()

    return _seconds(run) / rounds


def _cube(rng: np.random.Generator, raters: int, questions: int, systems: int) -> ScoreCube:
    values = np.clip(rng.normal(80, 8, (raters, questions, systems)).round(), 1, 100)
    names = [tuple(map(str, range(n))) for n in values.shape]
    return ScoreCube(values, *names)


def measure() -> dict[str, float]:
    """Seconds of each task, and the ratios."""
    rng = np.random.default_rng(SEED)
    truth = rng.random(100_000) < 0.3
    first, second = (truth + rng.normal(0, 1.5, 100_000) for _ in range(2))
    fast = _seconds(lambda: delong.compare(truth, first, second))
    naive = 2 * _seconds(lambda: naive_delong(truth, first))
    per_draw = 2 * sklearn_bootstrap(truth, first, 5)
    cube = _cube(rng, 12, 48, 8)
    ours = 5 * _seconds(lambda: bootstrap_means(cube, b=10_000))
    plain = 5 * 10_000 * pandas_replicate(cube, 10)
    large = _cube(rng, 50, 500, 16)
    readers, cases = 20, 2_000
    positive = np.arange(cases) % 2 == 0
    ratings = rng.normal(positive, 1.0, (readers, 2, cases)).round(1)
    names = [tuple(map(str, range(n))) for n in ratings.shape]
    study = Readings(ratings, positive, *names)
    return {
        "DeLong, two curves, n = 100,000, s": fast,
        "ratio to every pair compared": fast / naive,
        "ratio to scikit-learn + 2,000 bootstrap draws": fast / (per_draw * 2_000),
        "cluster bootstrap 10,000 on 12 x 48 x 8 x 5, s": ours,
        "ratio to a pandas merge loop (from 10 draws)": ours / plain,
        "one aspect, 50 x 500 x 16 = 400,000 scores, s": _seconds(
            lambda: analyse_aspect(large, cross_check=False)
        ),
        "MRMC 20 readers x 2 x 2,000 cases, DeLong, s": _seconds(lambda: analyse_mrmc(study)),
        "the same, unbiased covariance, s": _seconds(lambda: analyse_mrmc(study, covariance="unbiased")),
    }


if __name__ == "__main__":
    for row, value in measure().items():
        print(f"{row:50s} {value:.4f}")
