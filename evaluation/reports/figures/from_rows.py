"""Figures from the rows: which data a kind of figure is drawn from."""

from collections.abc import Callable

import numpy as np
from django.utils import translation
from django.utils.translation import gettext as _
from matplotlib.figure import Figure

from evaluation.models import Trial
from evaluation.reports.figures import plots
from evaluation.reports.figures.canvas import drawn_language
from evaluation.reports.options import TableOptions
from evaluation.reports.plan import AnalysisPlan, read_plan
from evaluation.reports.predictions import Judged
from evaluation.reports.rates import area_of
from evaluation.reports.reader_readings import CaseReading, study_readings
from evaluation.reports.study.compared import analysed, with_authors
from evaluation.reports.study.data import StudyData, from_trial
from evaluation.reports.study.repeats import repeated_scores
from evaluation.reports.tables.table_7 import classifiers
from evaluation.statistics.bland_altman import bland_altman
from evaluation.statistics.calibration import calibration
from evaluation.statistics.fourfold import fourfold
from evaluation.statistics.score_cube import ScoreCube
from mammo.core.errors import UserError

OF_A_TRIAL = ("radar", "forest", "distributions", "agreement", "repeats")
KINDS = (*OF_A_TRIAL, "roc", "calibration")
# More curves than this can't be told apart.
MOST_CURVES = 8


def build_figure(kind: str, options: TableOptions, *, aspect: str | None = None) -> Figure:
    """Draw one kind of figure.

    Args:
        aspect: of the trial's figures that show one; the first by default.

    Raises:
        UserError: the kind is unknown, or what it needs is missing.
        WrongStateError: the trial or reader study is not locked.
    """
    if kind not in KINDS:
        raise UserError(
            _("figure %(kind)s: no such figure; known: %(known)s") % {"kind": kind, "known": ", ".join(KINDS)}
        )
    if kind == "roc":
        return _roc(options)
    if kind == "calibration":
        return _calibration(options)
    if options.trial is None:
        raise UserError(_("figure %(kind)s: name the trial with --trial") % {"kind": kind})
    return _of_trial(kind, options.trial, aspect, simulated=options.simulated)


def _of_trial(kind: str, trial: Trial, aspect: str | None, *, simulated: bool) -> Figure:
    data = from_trial(trial, simulated=simulated, scores_alone=True)
    cubes = data.cubes()
    if not cubes:
        raise UserError(_("the study holds no scores; simulated ones count with --simulated"))
    if aspect is not None and aspect not in cubes:
        raise UserError(
            _("--aspect %(aspect)s: the trial has no such aspect; known: %(known)s")
            % {"aspect": aspect, "known": ", ".join(cubes)}
        )
    key = aspect or next(iter(cubes))
    low, high = (float(limit) for limit in data.facts["scale"])
    plan = read_plan(data.facts)
    drawn: dict[str, Callable[[], Figure]] = {
        "radar": lambda: _radar(data, plan, cubes),
        "forest": lambda: _forest(data, plan, cubes[key]),
        "distributions": lambda: plots.distributions(cubes[key], {}, low=low, high=high),
        "agreement": lambda: plots.agreement_map(cubes[key]),
        "repeats": lambda: _repeats(data, plan, key),
    }
    return drawn[kind]()


def _forest(data: StudyData, plan: AnalysisPlan, cube: ScoreCube) -> Figure:
    """The report's contrasts: at the protocol's level, adjusted as it says, with its margin and authors as random."""
    found = with_authors(data, plan, cube, analysed(data, plan, cube, cross_check=False))
    return plots.forest(found.contrasts, margin=plan.endpoint.margin if plan.endpoint is not None else None)


def _radar(data: StudyData, plan: AnalysisPlan, cubes: dict[str, ScoreCube]) -> Figure:
    if len(cubes) < 3:
        raise UserError(_("figure radar: needs three aspects or more"))
    low, high = (float(limit) for limit in data.facts["scale"])
    found = [analysed(data, plan, cube, cross_check=False) for cube in cubes.values()]
    means = {system: [f.means[f.systems.index(system)] for f in found] for system in found[0].systems}
    with translation.override(drawn_language()):
        names = [data.aspect_name(key) for key in cubes]
    return plots.radar(means, names, low=low, high=high)


def _repeats(data: StudyData, plan: AnalysisPlan, key: str) -> Figure:
    first, second = repeated_scores(data, key)
    if len(first) < 2:
        raise UserError(_("figure repeats: the trial has fewer than two hidden repeats"))
    return plots.repeats(first, second, bland_altman(first, second, level=plan.level))


def _judged(options: TableOptions) -> list[Judged]:
    found = [judged for judged, _side in classifiers(options)]
    if not found:
        raise UserError(_("there are no predictions of biopsied breasts; name runs with --run"))
    return found


def _roc(options: TableOptions) -> Figure:
    """Curves of classifiers; readers of a reader study as points (their stored categories)."""
    curves, areas = {}, {}
    # A reader study may be drawn without classifiers.
    judged = _judged(options) if options.runs or options.reader_study is None else []
    for row in judged[:MOST_CURVES]:
        try:
            areas[row.label] = area_of(row)
        except ValueError as error:
            raise UserError(f"{row.label}: {error}") from None
        curves[row.label] = (row.truth, row.scores)
    readings = (
        study_readings(options.reader_study, simulated=options.simulated) if options.reader_study else []
    )
    return plots.roc_curves(curves, areas=areas, points=_points(readings))


def _points(readings: list[CaseReading]) -> dict[str, tuple[float, float]]:
    """Sensitivity and specificity of every reader and condition."""
    by_reader: dict[str, list[CaseReading]] = {}
    for reading in readings:
        by_reader.setdefault(f"{reading.reader}, {reading.condition}", []).append(reading)
    points = {}
    for label, found in sorted(by_reader.items()):
        counts = fourfold(np.array([r.truth for r in found]), np.array([r.called for r in found]))
        if counts.positives and counts.negatives:
            points[label] = (counts.tp / counts.positives, counts.tn / counts.negatives)
    return points


def _calibration(options: TableOptions) -> Figure:
    rows = _judged(options)
    if len(rows) > 1:
        raise UserError(
            _("figure calibration: one run at a time; name it with --run (found %(runs)s)")
            % {"runs": ", ".join(row.label for row in rows)}
        )
    try:
        found = calibration(rows[0].truth, rows[0].scores, groups=min(10, max(2, len(rows[0].units) // 5)))
    except ValueError as error:
        raise UserError(f"{rows[0].label}: {error}") from None
    return plots.calibration_plot(found)
