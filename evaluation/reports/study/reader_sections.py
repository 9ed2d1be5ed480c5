"""A reader study's report as sections of plain parts: the renderers and the figures are those of the trial's."""

from typing import Any

import numpy as np
from django.db.models import Field
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation.models import ReaderStudy
from evaluation.reports.figures.canvas import drawn_language
from evaluation.reports.figures.flow import FlowStep, flow_diagram
from evaluation.reports.figures.plots import forest, roc_curves
from evaluation.reports.plan import read_plan
from evaluation.reports.reader_readings import CaseReading
from evaluation.reports.study.parts import Grid, Picture, Section, p_text, shown
from evaluation.reports.study.planned import planned_in_words, rules_for_readers
from evaluation.reports.study.reader_data import ReaderData
from evaluation.reports.study.reader_primary import primary_endpoint_of_readers
from evaluation.reports.study.sections import event_name, fact
from evaluation.reports.tables.table_7 import table_of_readers, where_the_model_was
from evaluation.reports.wording import in_words, sentences
from evaluation.statistics.mrmc import MrmcAnalysis, analyse_mrmc
from evaluation.statistics.mrmc_readings import readings
from evaluation.statistics.results import Contrast, Estimate

POOLED = gettext_noop(
    "Curves pool all readings of a condition and show their shape; areas are means over readers."
)


def reader_report_title(data: ReaderData) -> str:
    """Title of the report; says where nothing in it is a result."""
    title = _("Study report: %(trial)s") % {"trial": data.facts["name"]}
    if any(reading.is_simulated for reading in data.found):
        title += " " + _("(simulated readings: not a result)")
    return title


def reader_sections(data: ReaderData) -> list[Section]:
    """All sections of the report of a locked reader study."""
    return [_design(data), _flow(data), *reader_results(data)]


def reader_results(data: ReaderData) -> list[Section]:
    """What the report says of the primary endpoint, of the conditions compared and of every reader's rates."""
    found, names, problem, analysis = data.found, data.readers.names, "", None
    try:
        analysis = analyse_mrmc(readings(reading.row() for reading in found), level=1 - data.facts["alpha"])
    except ValueError as error:
        problem = str(error)
    return [
        primary_endpoint_of_readers(data),
        _comparison(analysis, problem, found, names),
        _table(data),
        _methods(analysis, data),
    ]


def _named(field: str, value: object) -> str:
    """A choice of the design in the reader's language."""
    found = ReaderStudy._meta.get_field(field)
    assert isinstance(found, Field)
    return str(dict(found.flatchoices).get(value, value))


def _design(data: ReaderData) -> Section:
    facts = data.facts
    truth = {reading.case: reading.truth for reading in data.found}
    rows = [
        (_("Protocol"), facts["protocol"]),
        (_("Ethics approval"), facts["ethics_approval"]),
        (_("Registry number"), facts["registry_number"]),
        *_of_protocol(facts),
        (_("Design"), _named("design", facts["design"])),
        (_("Washout in days"), facts["washout_days"]),
        (_("Unit"), _named("unit", facts["unit"])),
        (_("Readers see"), _named("reader_sees", facts["reader_sees"])),
        (_("The model sees"), _named("model_sees", facts["model_sees"])),
        (_("What readers are told about the share of cancers"), facts["prevalence_statement"]),
        (_("Cases"), f"{len(truth)} ({sum(truth.values())} {_('malignant')})"),
        (_("Readers"), len({reading.reader for reading in data.found})),
        (_("Biopsy from category"), facts["operating_point"]),
        (_("Checkpoint"), facts["checkpoint"]),
        (_("Primary endpoint"), facts["primary_endpoint"]),
        (_("Alpha"), f"{facts['alpha']:g}"),
        (_("Analysis plan"), facts["analysis_plan"]),
        (_("Hash of the frozen design"), facts["design_sha256"]),
        (_("Hash of the frozen protocol"), facts["protocol_sha256"]),
    ]
    caption = _("Design, as frozen before the first reading")
    grids = [Grid(caption, [_("Item"), _("Value")], [[name, fact(value)] for name, value in rows])]
    events = [
        [event["time"], event_name(event["kind"]), event["reason"] or "–", event["sha256"][:16] or "–"]
        for event in data.events
    ]
    header = [_("Time (UTC)"), _("Event"), _("Reason"), _("Hash")]
    grids.append(Grid(_("What happened, with amendments and deviations"), header, events))
    return Section(_("Design"), grids=grids)


def _of_protocol(facts: dict[str, Any]) -> list[tuple[str, object]]:
    """Who wrote the protocol, consent, cohort and exclusions; exports of earlier versions do not hold them."""
    names = (
        ("protocol_authors", _("Authors of the protocol")),
        ("consent_basis", _("Consent basis")),
        ("cohort", _("Cohort")),
        ("exclusions", _("Exclusions")),
    )
    said = facts | planned_in_words(facts)
    return [(label, said[key]) for key, label in names if key in said]


def _steps(data: ReaderData) -> list[FlowStep]:
    return [FlowStep(_(what), count, left_out) for what, count, left_out in data.steps]


def _flow(data: ReaderData) -> Section:
    rows = [[step.text, str(step.count)] for step in _steps(data)]
    with translation.override(drawn_language()):
        picture = Picture("flow", _("Flow from the design to the analysis."), flow_diagram(_steps(data)))
    caption = _("From the design to the analysis")
    return Section(
        _("Flow of cases and readings"),
        grids=[Grid(caption, [_("Step"), _("Count")], rows)],
        pictures=[picture],
    )


def _comparison(
    analysis: MrmcAnalysis | None, problem: str, found: list[CaseReading], names: dict[str, str]
) -> Section:
    title = _("Readers alone and with the model")
    if analysis is None:
        return Section(title, [_("Multi-reader analysis: %(error)s.") % {"error": problem}])
    grids, pictures = [], []
    header = [_("Difference"), _("Estimate [CI]"), _("p")]
    if analysis.main.differences:
        caption = _("Mean area under the curve over readers (%(model)s)") % {"model": analysis.main.model}
        grids.append(Grid(caption, header, [_contrast(c, names) for c in analysis.main.differences]))
    if analysis.reader_differences:
        rows = [[reader, *_contrast(c, names)] for reader, c in analysis.reader_differences]
        grids.append(Grid(_("Every reader"), [_("Reader"), *header], rows))
        own = [
            Contrast(f"{reader}: {names.get(c.first, c.first)}", names.get(c.second, c.second), c.estimate)
            for reader, c in analysis.reader_differences
        ]
        pictures.append(
            Picture("readers", _("Difference of the areas of every reader."), forest(own, unit="AUC"))
        )
    pictures.append(_curves(analysis, found, names))
    return Section(title, [_(POOLED), *where_the_model_was(found, names)], grids, pictures)


def _contrast(contrast: Contrast, names: dict[str, str]) -> list[str]:
    first, second = (names.get(name, name) for name in (contrast.first, contrast.second))
    return [f"{first} − {second}", shown(contrast.estimate, 3), p_text(contrast.p)]


def _curves(analysis: MrmcAnalysis, found: list[CaseReading], names: dict[str, str]) -> Picture:
    """One curve per condition, and every reader's operating point."""
    curves: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    areas: dict[str, Estimate] = {}
    points: dict[str, tuple[float, float]] = {}
    means = dict(zip(analysis.modalities, analysis.main.means, strict=True))
    for condition in analysis.modalities:
        name = names.get(condition, condition)
        own = [reading for reading in found if reading.condition == condition]
        truth = np.array([reading.truth for reading in own], dtype=bool)
        curves[name] = truth, np.array([reading.likelihood for reading in own])
        areas[name] = means[condition]
        for reader in sorted({reading.reader for reading in own}):
            read = [reading for reading in own if reading.reader == reader]
            rates = [
                np.mean([reading.called == reading.truth for reading in read if reading.truth is side])
                for side in (True, False)
                if any(reading.truth is side for reading in read)
            ]
            if len(rates) == 2:
                points[f"{reader}, {name}"] = float(rates[0]), float(rates[1])
    figure = roc_curves(curves, areas=areas, points=points)
    return Picture("roc", _("ROC curves with the readers' operating points."), figure)


def _table(data: ReaderData) -> Section:
    table = table_of_readers(data.readers, data.verified, read_plan(data.facts))
    rows = [[row.label, *(table.cell(row, column).shown for column in table.columns)] for row in table.rows]
    header = [table.stub, *(column.heading for column in table.columns)]
    return Section(_("Rates of every reader"), list(table.footnotes), [Grid(table.caption, header, rows)])


def _methods(analysis: MrmcAnalysis | None, data: ReaderData) -> Section:
    lines = []
    if analysis is not None:
        means = dict.fromkeys(in_words(mean.method) for mean in analysis.main.means)
        lines.append(
            _(
                "Readers and cases: %(model)s, %(covariance)s covariance, Hillis' degrees of freedom; %(methods)s."
            )
            % {"model": analysis.main.model, "covariance": analysis.covariance, "methods": "; ".join(means)}
        )
        lines += sentences(dict.fromkeys(analysis.notes))
    lines += [
        *rules_for_readers(data.facts, data.flow),
        _("Data: readings.csv of export_readings, sha256 %(hash)s. Software: %(software)s.")
        % {"hash": data.sha256, "software": data.facts["software"]},
        _("Research software under an approved protocol; not a medical device."),
    ]
    rows = [[name, version] for name, version in data.facts["versions"].items()]
    return Section(
        _("Methods, versions and hashes"), lines, [Grid(_("Versions"), [_("Software"), _("Version")], rows)]
    )
