"""Contrasts with and without some raters: those who worked on an arm's training set, or who failed controls."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from evaluation.reports.plan import AnalysisPlan
from evaluation.statistics.results import Contrast
from evaluation.statistics.score_analysis import analyse_aspect
from evaluation.statistics.score_cube import ScoreCube


@dataclass(frozen=True)
class BothWays:
    """One difference over all raters, and over those who are not left out."""

    with_all: Contrast
    without: Contrast

    @property
    def moved(self) -> float:
        """Points by which the difference moves."""
        return abs(self.with_all.estimate.value - self.without.estimate.value)


def without_raters(cube: ScoreCube, raters: Collection[str]) -> ScoreCube | None:
    """The cube without some raters; None where fewer than two others are left, or no score of theirs."""
    kept = [place for place, rater in enumerate(cube.raters) if rater not in raters]
    if len(kept) < 2 or bool(np.isnan(cube.values[kept]).all()):
        return None
    names = tuple(cube.raters[place] for place in kept)
    return ScoreCube(cube.values[kept], names, cube.questions, cube.systems, cube.patients)


def both_ways(
    cube: ScoreCube, contrasts: Collection[Contrast], raters: Collection[str], plan: AnalysisPlan, seed: int
) -> list[BothWays] | None:
    """Every contrast both ways; None where fewer than two other raters are left.

    Args:
        contrasts: over all raters; raters: those to leave out.
    """
    part = without_raters(cube, raters)
    if part is None:
        return None
    found = analyse_aspect(part, level=plan.level, seed=seed, cross_check=False, adjustment=plan.adjustment)
    return [BothWays(a, b) for a, b in zip(contrasts, found.contrasts, strict=True)]
