"""The default analysis of blinded scores: which method is used when, and the cross-check beside it."""

from dataclasses import dataclass

import numpy as np

from evaluation.statistics import cluster_bootstrap, crossed, intraclass, krippendorff
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import FloatArray, ScoreCube

INCOMPLETE = (
    "{missing} of {cells} scores are missing: means are over the cells present, "
    "contrasts over the cells that hold both systems"
)
CLUSTERED = (
    "several questions of one patient: patients are the random factor "
    "({patients} patients, {questions} questions)"
)
UNEQUAL = "patients have different numbers of questions: intervals by bootstrap over raters and patients"
POOLED = "agreement is over all systems together, which differences between systems inflate"
DROPPED = "ICC uses the {used} of {units} answers that every rater scored"


@dataclass(frozen=True)
class AspectAnalysis:
    """Means (in the order of the systems), contrasts and agreement of one aspect.

    `check` holds the bootstrap's means where the closed form was used, else it is empty.
    """

    systems: tuple[str, ...]
    means: list[Estimate]
    contrasts: list[Contrast]
    check: list[Estimate]
    icc_a1: Estimate | None
    icc_ak: Estimate | None
    alpha: Estimate | None
    notes: tuple[str, ...]


def analyse_aspect(
    cube: ScoreCube,
    *,
    level: float = 0.95,
    rater_by_question: bool = False,
    b: int = 10_000,
    seed: int = 1,
    cross_check: bool = True,
    adjustment: str = "holm",
) -> AspectAnalysis:
    """Analyse the scores of one aspect with raters and questions (patients) both random.

    Closed form (`crossed`) where every cell is filled and patients have equally many questions; else the
    two-way cluster bootstrap.

    Args:
        cross_check: give the bootstrap's means beside those of the closed form.
        adjustment: of the contrasts' p values, one of `results.ADJUSTMENTS`.

    Raises:
        ValueError: there are no scores, or the adjustment is unknown.
    """
    if cube.values.size == 0 or bool(np.isnan(cube.values).all()):
        raise ValueError("there are no scores")
    used, notes = _unit_of_analysis(cube)
    if used is not None:
        means = crossed.crossed_means(used, level=level, rater_by_question=rater_by_question)
        contrasts = crossed.crossed_contrasts(
            used, level=level, rater_by_question=rater_by_question, adjustment=adjustment
        )
        check = cluster_bootstrap.bootstrap_means(cube, b=b, seed=seed, level=level) if cross_check else []
    else:
        means = cluster_bootstrap.bootstrap_means(cube, b=b, seed=seed, level=level)
        found = cluster_bootstrap.bootstrap_contrasts(cube, b=b, seed=seed, level=level)
        contrasts, check = crossed.with_adjusted(found, adjustment), []
    icc_a1, icc_ak, alpha, more = _agreement(cube, level)
    return AspectAnalysis(cube.systems, means, contrasts, check, icc_a1, icc_ak, alpha, (*notes, *more))


def _unit_of_analysis(cube: ScoreCube) -> tuple[ScoreCube | None, tuple[str, ...]]:
    """The cube for the closed form, or None where the bootstrap must be used; and why."""
    notes: list[str] = []
    if cube.has_clusters:
        notes.append(CLUSTERED.format(patients=cube.n_patients, questions=len(cube.questions)))
    if not cube.is_complete:
        missing = int(np.isnan(cube.values).sum())
        return None, (*notes, INCOMPLETE.format(missing=missing, cells=cube.values.size))
    if not cube.has_clusters:
        return cube, ()
    by_patient = cube.by_patient()
    return by_patient, tuple(notes) if by_patient is not None else (*notes, UNEQUAL)


def units_by_raters(cube: ScoreCube) -> FloatArray:
    """The answers (question x system) as rows, the raters as columns."""
    return cube.values.transpose(1, 2, 0).reshape(-1, len(cube.raters))


def _agreement(
    cube: ScoreCube, level: float
) -> tuple[Estimate | None, Estimate | None, Estimate | None, tuple[str, ...]]:
    table = units_by_raters(cube)
    whole = table[~np.isnan(table).any(1)]
    notes = [POOLED] if len(cube.systems) > 1 else []
    if len(whole) < len(table):
        notes.append(DROPPED.format(used=len(whole), units=len(table)))
    single = average = alpha = None
    try:
        correlations = intraclass.intraclass(whole, level=level)
        single, average = correlations.icc_a1, correlations.icc_ak
    except ValueError as error:
        notes.append(f"ICC: {error}")
    try:
        alpha = krippendorff.alpha(table, level="interval")
    except ValueError as error:
        notes.append(f"alpha: {error}")
    return single, average, alpha, tuple(notes)
