"""What stands beside the default analysis of scores: agreement within arms, ceiling, ranks and z-scores.

Agreement over all arms together is inflated by differences between arms; within one arm it is what raters agree on
about answers of one kind. Ranks and z-scores within raters take away that raters use the scale differently.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.statistics import crossed, intraclass, krippendorff
from evaluation.statistics.moments import moment_contrasts
from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_analysis import ALPHA_REPLICATES
from evaluation.statistics.score_cube import FloatArray, ScoreCube

CEILING_WARNING = 0.2
CEILING = (
    "{share:.0%} of the scores of {system} stand at the maximum: means and intervals near the ceiling mislead"
)


@dataclass(frozen=True)
class WithinArm:
    """Agreement of the raters on one system's answers; None where it is not defined (`notes` says why)."""

    system: str
    icc_a1: Estimate | None
    icc_ak: Estimate | None
    alpha: Estimate | None
    notes: tuple[str, ...] = ()


def agreement_within(cube: ScoreCube, *, level: float = 0.95, seed: int = 1) -> list[WithinArm]:
    """ICC(A,1), ICC(A,k) and alpha of each system's answers alone (questions are the units).

    The interval of alpha is of a bootstrap of patients, or of questions where each has its own.
    """
    found = []
    for place, system in enumerate(cube.systems):
        table = cube.values[:, :, place].T
        whole, notes = table[~np.isnan(table).any(axis=1)], []
        single = average = alpha = None
        try:
            correlations = intraclass.intraclass(whole, level=level)
            single, average = correlations.icc_a1, correlations.icc_ak
        except ValueError as error:
            notes.append(f"ICC: {error}")
        try:
            alpha = krippendorff.alpha(
                table, b=ALPHA_REPLICATES, seed=seed, confidence=level, clusters=cube.clusters
            )
        except ValueError as error:
            notes.append(f"alpha: {error}")
        found.append(WithinArm(system, single, average, alpha, tuple(notes)))
    return found


def ceiling_shares(cube: ScoreCube, maximum: float, *, level: float = 0.95) -> list[Estimate]:
    """Share of each system's scores at the maximum of the scale, with a note from a fifth on.

    The Wilson interval takes scores as independent: it describes these scores, it doesn't generalise.
    """
    found = []
    for place, system in enumerate(cube.systems):
        values = cube.values[:, :, place]
        seen = values[~np.isnan(values)]
        if not len(seen):
            found.append(Estimate(float("nan"), None, "share at the maximum", level, 0, notes=("no scores",)))
            continue
        share = wilson(int((seen >= maximum).sum()), len(seen), level=level)
        notes = (CEILING.format(share=share.value, system=system),) if share.value >= CEILING_WARNING else ()
        found.append(
            Estimate(share.value, share.interval, "share at the maximum, Wilson", level, share.n, notes=notes)
        )
    return found


def ranked(cube: ScoreCube) -> ScoreCube:
    """Each rater's scores as shares of their own ranks (0 lowest, 1 highest; ties share)."""
    values = np.full_like(cube.values, np.nan)
    for place, scores in enumerate(cube.values):
        present = ~np.isnan(scores)
        count = int(present.sum())
        if count > 1:
            values[place][present] = (stats.rankdata(scores[present]) - 1) / (count - 1)
    return _with(cube, values)


def standardised(cube: ScoreCube) -> ScoreCube:
    """Each rater's scores less their mean, over their standard deviation; a rater without variation gets zeros."""
    values = np.full_like(cube.values, np.nan)
    for place, scores in enumerate(cube.values):
        present = ~np.isnan(scores)
        seen = scores[present]
        if len(seen):
            spread = float(seen.std(ddof=1)) if len(seen) > 1 else 0.0
            values[place][present] = (seen - seen.mean()) / spread if spread > 0 else 0.0
    return _with(cube, values)


def contrasts_on(cube: ScoreCube, *, level: float = 0.95, adjustment: str = "holm") -> list[Contrast]:
    """Contrasts of a transformed cube by the default method (closed form, or moments where cells miss)."""
    if cube.is_complete and not cube.has_clusters:
        return crossed.crossed_contrasts(cube, level=level, adjustment=adjustment)
    return crossed.with_adjusted(moment_contrasts(cube, level=level), adjustment)


def _with(cube: ScoreCube, values: FloatArray) -> ScoreCube:
    return ScoreCube(values, cube.raters, cube.questions, cube.systems, cube.patients)
