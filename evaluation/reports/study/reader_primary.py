"""The primary endpoint of a reader study's protocol, tested over readers and cases."""

from collections.abc import Mapping
from dataclasses import replace

from django.utils.translation import gettext as _

from evaluation.endpoint import Endpoint
from evaluation.reports.plan import read_plan
from evaluation.reports.reader_readings import CaseReading
from evaluation.reports.study.parts import Grid, Section
from evaluation.reports.study.primary import rows_of_test
from evaluation.reports.study.reader_data import ReaderData
from evaluation.reports.wording import sentences
from evaluation.statistics.mrmc import MrmcAnalysis, analyse_mrmc
from evaluation.statistics.mrmc_covariance import ENDPOINTS
from evaluation.statistics.mrmc_readings import ReadingRow, readings
from evaluation.statistics.results import Contrast, turned


def measure_name(measure: str) -> str:
    """An endpoint of a reader study as printed."""
    return {"auc": _("AUC"), "sensitivity": _("Sensitivity"), "specificity": _("Specificity")}[measure]


def primary_endpoint_of_readers(data: ReaderData) -> Section:
    """The planned difference of two conditions with its one test, or why it can't be told."""
    title = _("Primary endpoint")
    plan = read_plan(data.facts)
    notes, endpoint = list(plan.notes), plan.endpoint
    if endpoint is None or not endpoint.first:
        notes.append(_("The protocol names no primary contrast: every test of this report is secondary."))
        return Section(title, notes)
    measure = endpoint.measure.lower()
    if measure not in ENDPOINTS:
        notes.append(
            _("The planned measure %(measure)s is none of a reader study: %(known)s.")
            % {"measure": endpoint.measure, "known": ", ".join(ENDPOINTS)}
        )
        return Section(title, notes)
    try:
        analysis = analyse_mrmc(
            readings(_row(reading, measure) for reading in data.found), endpoint=measure, level=plan.level
        )
    except ValueError as error:
        return Section(title, [*notes, _("Multi-reader analysis: %(error)s.") % {"error": error}])
    contrast = _planned(endpoint, analysis, data.condition_keys)
    if contrast is None:
        notes.append(
            _(
                "The planned contrast (%(measure)s, %(first)s − %(second)s) is not among the readings analysed."
            )
            % {"measure": endpoint.measure, "first": endpoint.first, "second": endpoint.second}
        )
        return Section(title, notes)
    notes.append(
        _("One hypothesis at alpha %(alpha)s, so its p value is not adjusted; everything else is secondary.")
        % {"alpha": f"{plan.alpha:g}"}
    )
    if measure != "auc":
        notes.append(
            _("Calls of biopsy from category %(point)s on.") % {"point": data.facts["operating_point"]}
        )
    notes += sentences(dict.fromkeys(analysis.notes))
    names = data.readers.names
    contrast = replace(contrast, first=names[contrast.first], second=names[contrast.second])
    rows = rows_of_test([_("Measure"), measure_name(measure)], plan, endpoint, contrast, digits=3)
    return Section(title, notes, [Grid(_("The planned contrast"), [_("Item"), _("Value")], rows)])


def _row(reading: CaseReading, measure: str) -> ReadingRow:
    """Likelihoods for the area, calls for a rate."""
    row = reading.row()
    return row if measure == "auc" else replace(row, rating=float(reading.called))


def _planned(endpoint: Endpoint, analysis: MrmcAnalysis, keys: Mapping[str, str]) -> Contrast | None:
    """The contrast in the direction that was planned.

    Args:
        keys: of the conditions, by whatever a protocol may call them.
    """
    wanted = keys.get(endpoint.first), keys.get(endpoint.second)
    for contrast in analysis.main.differences:
        for one in (contrast, turned(contrast)):
            if (one.first, one.second) == wanted:
                return one
    return None
