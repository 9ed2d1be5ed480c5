"""Simulated type I error at .05 of the default contrast of blinded scores (raters and questions both random).

Scores come from the model with rater, question, rater:system and question:system effects of the sizes of
docs/benchmarks.md and no difference between systems; eight systems, the first pair is tested. Run alone with
`python -m benchmarks.type_one_error` (minutes); `make bench` runs a tenth of it.
"""

import sys
from collections.abc import Callable, Mapping

import numpy as np

from evaluation.statistics.cluster_bootstrap import bootstrap_contrasts
from evaluation.statistics.crossed import crossed_contrasts
from evaluation.statistics.moments import moment_contrasts
from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Contrast
from evaluation.statistics.score_cube import FloatArray, ScoreCube
from evaluation.statistics.unequal_spread import contrasts_of_pairs

DESIGNS = ((12, 48), (8, 38))
# Few raters who differ much: standard deviations of rater:system and question:system.
FEW = {(4, 48): {"rs": 3.0, "qs": 3.0}, (3, 48): {"rs": 3.0, "qs": 2.0}}
SYSTEMS, RUNS, SEED = 8, 2000, 20250210
# Questions part further on the first two systems than on the others: standard deviations of question:system.
UNEQUAL = np.array([15.0, 15.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0])
# Standard deviations: rater, question, rater:system, question:system, residual.
SPREAD = {"r": 4.8, "q": 2.9, "rs": 1.5, "qs": 3.0, "e": 6.7}


def draw(
    rng: np.random.Generator, raters: int, questions: int, spread: Mapping[str, float | FloatArray]
) -> ScoreCube:
    """Scores without a difference between systems."""
    R, Q, S = raters, questions, SYSTEMS
    values = (
        80
        + rng.normal(0, spread["r"], (R, 1, 1))
        + rng.normal(0, spread["q"], (1, Q, 1))
        + rng.normal(0, spread["rs"], (R, 1, S))
        + rng.normal(0, spread["qs"], (1, Q, S))
        + rng.normal(0, spread["e"], (R, Q, S))
    )
    names = [tuple(f"{letter}{i}" for i in range(n)) for letter, n in zip("rqs", (R, Q, S), strict=True)]
    return ScoreCube(values, *names)


def clipped(cube: ScoreCube) -> ScoreCube:
    """Whole scores from 1 to 100, as raters give them: about a tenth at the ceiling."""
    return ScoreCube(np.clip(np.round(cube.values + 8), 1, 100), cube.raters, cube.questions, cube.systems)


def without_one(cube: ScoreCube) -> list[Contrast]:
    """The contrasts where one score of the first pair is missing."""
    cube.values[0, 0, 0] = np.nan
    return moment_contrasts(cube)


def in_blocks(cube: ScoreCube) -> list[Contrast]:
    """The contrasts where every rater scores every other question."""
    R, Q, _ = cube.values.shape
    cube.values[np.add.outer(np.arange(R), np.arange(Q)) % 2 == 1] = np.nan
    return moment_contrasts(cube)


def rejected(
    contrast: Callable[[ScoreCube], list[Contrast]],
    raters: int,
    questions: int,
    runs: int,
    *,
    spread: Mapping[str, float | FloatArray] | None = None,
    pair: int = 0,
    is_clipped: bool = False,
) -> float:
    """Share of runs whose contrast at this place has p < .05."""
    rng, hits = np.random.default_rng(SEED), 0
    for _ in range(runs):
        cube = draw(rng, raters, questions, {**SPREAD, **(spread or {})})
        p = contrast(clipped(cube) if is_clipped else cube)[pair].p
        hits += p is not None and p < 0.05
    return hits / runs


def measure(runs: int = RUNS // 10) -> dict[str, float]:
    """Type I error by design; the last rows bend the assumptions."""
    found = {}
    for raters, questions in DESIGNS:
        name = f"{raters} x {questions}"
        found[f"{name}, default contrast"] = rejected(crossed_contrasts, raters, questions, runs)
        found[f"{name}, whole scores with a ceiling"] = rejected(
            crossed_contrasts, raters, questions, runs, is_clipped=True
        )
        found[f"{name}, no rater:system part"] = rejected(
            crossed_contrasts, raters, questions, runs, spread={"rs": 0.0}
        )
        found[f"{name}, no interaction at all"] = rejected(
            crossed_contrasts, raters, questions, runs, spread={"rs": 0.0, "qs": 0.0}
        )
        found[f"{name}, two-way cluster bootstrap"] = rejected(
            lambda cube: bootstrap_contrasts(cube, b=500), raters, questions, runs // 5
        )
    for (raters, questions), spread in ({name: {} for name in DESIGNS} | FEW).items():
        name = f"{raters} x {questions}" + (", spread raters" if spread else "")
        for said, contrast in (("one score missing", without_one), ("incomplete blocks", in_blocks)):
            found[f"{name}, {said}"] = rejected(contrast, raters, questions, runs, spread=spread)
    for (raters, questions), spread in FEW.items():
        found[f"{raters} x {questions}, spread raters, complete"] = rejected(
            crossed_contrasts, raters, questions, runs, spread=spread
        )
    for raters, questions in DESIGNS:
        for said, pair in (("two wide", 0), ("two narrow", -1)):  # the first contrast, and the last
            for how, contrast in (("default", crossed_contrasts), ("of the pair alone", contrasts_of_pairs)):
                found[f"{raters} x {questions}, unequal spread, {said}, {how}"] = rejected(
                    contrast, raters, questions, runs, spread={"qs": UNEQUAL}, pair=pair
                )
    return found


if __name__ == "__main__":
    total = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    for row, value in measure(total).items():
        count = total // 5 if "bootstrap" in row else total
        low, high = wilson(round(value * count), count).interval or (0.0, 1.0)
        print(f"{row:60s} {value:.4f} [{low:.4f}, {high:.4f}], {count} runs")
