"""Contrasts from the scores of their two systems alone, and whether systems differ in spread.

The default contrast pools its components of variance over all systems, as the mixed model with one variance per
component does. Where questions part further on some systems than on others the pooled error is too small for the
differences of those and too large for the rest; the two-system analysis takes the components of its pair alone and
holds its level there, with fewer degrees of freedom.
"""

from itertools import combinations

import numpy as np
from scipy import stats

from evaluation.statistics import crossed
from evaluation.statistics.moments import moment_contrasts
from evaluation.statistics.results import Contrast
from evaluation.statistics.score_cube import FloatArray, ScoreCube

UNEQUAL_SPREAD = (
    "systems differ in how far questions part on them (Brown-Forsythe test, p {p}): differences share one error, which "
    "is {low} to {high} times that of their own two systems alone; read the differences of pairs beside them"
)
LEVEL = 0.01
FEWEST_QUESTIONS = 8


def contrasts_of_pairs(cube: ScoreCube, *, level: float = 0.95, adjustment: str = "holm") -> list[Contrast]:
    """Every difference with the mean squares, or moments, of its own two systems.

    Args:
        cube: scores of one aspect; cells may miss.

    Returns:
        The contrasts in the order of `crossed_contrasts`.
    """
    found: list[Contrast] = []
    for first, second in combinations(cube.systems, 2):
        pair = cube.of_systems((first, second))
        whole = pair if pair.is_complete and not pair.has_clusters else pair.by_patient()
        if whole is not None:
            found += crossed.crossed_contrasts(whole, level=level, adjustment="none")
        else:
            found += moment_contrasts(pair, level=level)
    return crossed.with_adjusted(found, adjustment)


def spread_note(cube: ScoreCube, contrasts: list[Contrast]) -> str | None:
    """What a reader must know where systems differ in spread; None where nothing says so.

    Args:
        contrasts: the default ones of the cube.
    """
    means = _question_means(cube)
    if len(cube.systems) < 3 or means is None or len(means) < FEWEST_QUESTIONS:
        return None
    apart = means - means.mean(0) - means.mean(1, keepdims=True) + means.mean()
    if not np.all(apart.std(axis=0) > 0):
        return None
    p = float(stats.levene(*apart.T, center="median").pvalue)
    if not p < LEVEL:
        return None
    ratios = [
        common.estimate.se / own.estimate.se
        for common, own in zip(contrasts, contrasts_of_pairs(cube), strict=True)
        if common.estimate.se and own.estimate.se
    ]
    if not ratios:
        return None
    shown = f"= {p:.3f}" if p >= 0.001 else "< 0.001"
    return UNEQUAL_SPREAD.format(p=shown, low=f"{min(ratios):.2f}", high=f"{max(ratios):.2f}")


def _question_means(cube: ScoreCube) -> FloatArray | None:
    """Means over raters (questions or patients, systems) of those on which every system has a score."""
    used = cube.by_patient() if cube.has_clusters else cube
    if used is None:
        return None
    present = np.all(np.any(~np.isnan(used.values), axis=0), axis=1)
    return np.asarray(np.nanmean(used.values[:, present, :], axis=0)) if present.any() else None
