"""The default analysis of blinded scores: which method is used when, and the cross-check beside it."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from evaluation.statistics import cluster_bootstrap, crossed, intraclass, krippendorff, moments
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import FloatArray, ScoreCube
from evaluation.statistics.unequal_spread import spread_note

INCOMPLETE = (
    "scores missing: {missing} of {cells}; means are over the cells present, "
    "contrasts over the cells that hold both systems"
)
CLUSTERED = (
    "several questions of one patient: patients are the random factor "
    "(patients: {patients}, questions: {questions})"
)
UNEQUAL = "patients have different numbers of questions: each counts with its number in means and intervals"
FEW_RATERS = "{n} raters: conclusions about other raters rest on few; five or more are advised"
ENOUGH_RATERS = 5
POOLED = "agreement is over the systems shown together, which differences between systems inflate"
BEYOND = "the interval reached beyond the scale ({low} to {high}) and is cut off at its end"
# Of alpha's interval: its percentiles settle earlier than those of the means' own bootstrap.
ALPHA_REPLICATES = 2_000
DROPPED = "ICC uses the answers that every rater scored ({used} of {units})"


@dataclass(frozen=True)
class AspectAnalysis:
    """Means (in the order of the systems), contrasts and agreement of one aspect.

    `check` holds the bootstrap's means where it was asked for, else it is empty. The interval of `alpha` is of a
    bootstrap of patients (questions where each has its own), all their answers together.
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
    scale: tuple[float, float] | None = None,
    agreement_on: Collection[str] | None = None,
) -> AspectAnalysis:
    """Analyse the scores of one aspect with raters and questions (patients) both random.

    Mean squares (`crossed`) where every cell is filled and patients have equally many questions; else the moments of the
    cells present (`moments`), which give the same where few cells miss.

    Args:
        cross_check: give the two-way cluster bootstrap's means beside.
        adjustment: of the contrasts' p values, one of `results.ADJUSTMENTS`.
        scale: ends of the scale; intervals of means that pass one are cut off there, with a note. Differences are not
            bounded by it and stay.
        agreement_on: systems on whose answers agreement is taken; all where it is not given.

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
    else:
        means = moments.moment_means(cube, level=level)
        contrasts = crossed.with_adjusted(moments.moment_contrasts(cube, level=level), adjustment)
    unequal = spread_note(cube, contrasts)
    check = cluster_bootstrap.bootstrap_means(cube, b=b, seed=seed, level=level) if cross_check else []
    if scale is not None:
        means, check = ([within_scale(mean, *scale) for mean in of] for of in (means, check))
    agreed = cube if agreement_on is None else cube.of_systems(agreement_on)
    icc_a1, icc_ak, alpha, more = _agreement(agreed, level, seed)
    return AspectAnalysis(
        cube.systems,
        means,
        contrasts,
        check,
        icc_a1,
        icc_ak,
        alpha,
        (*notes, *filter(None, [unequal]), *more),
    )


def within_scale(mean: Estimate, low: float, high: float) -> Estimate:
    """The mean with its interval cut off at the ends of the scale: Student's t knows no ends. The error stays."""
    if mean.interval is None or low <= min(mean.interval) <= max(mean.interval) <= high:
        return mean
    limits = float(max(mean.interval[0], low)), float(min(mean.interval[1], high))
    note = BEYOND.format(low=f"{low:g}", high=f"{high:g}")
    return replace(mean, interval=limits, notes=(*mean.notes, note))


def _unit_of_analysis(cube: ScoreCube) -> tuple[ScoreCube | None, tuple[str, ...]]:
    """The cube for the closed form, or None where the moments must be used; and what a reader must know."""
    notes: list[str] = []
    if 1 < len(cube.raters) < ENOUGH_RATERS:
        notes.append(FEW_RATERS.format(n=len(cube.raters)))
    if cube.has_clusters:
        notes.append(CLUSTERED.format(patients=cube.n_patients, questions=len(cube.questions)))
    if not cube.is_complete:
        missing = int(np.isnan(cube.values).sum())
        return None, (*notes, INCOMPLETE.format(missing=missing, cells=cube.values.size))
    if not cube.has_clusters:
        return cube, tuple(notes)
    by_patient = cube.by_patient()
    return by_patient, tuple(notes) if by_patient is not None else (*notes, UNEQUAL)


def units_by_raters(cube: ScoreCube) -> FloatArray:
    """The answers (question x system) as rows, the raters as columns."""
    return cube.values.transpose(1, 2, 0).reshape(-1, len(cube.raters))


def _agreement(
    cube: ScoreCube, level: float, seed: int
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
        clusters = np.repeat(np.asarray(cube.clusters, dtype=str), len(cube.systems))
        alpha = krippendorff.alpha(table, b=ALPHA_REPLICATES, seed=seed, confidence=level, clusters=clusters)
    except ValueError as error:
        notes.append(f"alpha: {error}")
    return single, average, alpha, tuple(notes)
