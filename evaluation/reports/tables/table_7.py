"""Table 7: classifiers and readers on biopsy-proven cases, with AUC and rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evaluation import counted
from evaluation.models import ReaderStudyCase
from evaluation.reports import paper_tables
from evaluation.reports.case_sets import cases_read, judged_on_cases, other_cases, verification_note
from evaluation.reports.left_pictures import note_of_readings
from evaluation.reports.options import TableOptions
from evaluation.reports.plan import AnalysisPlan, plan_of
from evaluation.reports.predictions import (
    Judged,
    Unit,
    by_stratum,
    chosen_runs,
    malignancy_of,
    run_label,
    side_note,
    units_of,
)
from evaluation.reports.rates import RATES, RowFigures, cluster_note, put_area, put_rates
from evaluation.reports.reader_readings import CaseReading, Readers, readers_of
from evaluation.reports.strata import labelled, of_studies
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.reports.validators import rates_fit
from evaluation.reports.verification import Breast, tissue_and_follow_up
from evaluation.reports.wording import in_words, sentences
from evaluation.statistics.mrmc import MrmcAnalysis, analyse_mrmc
from evaluation.statistics.mrmc_readings import readings
from evaluation.statistics.results import Estimate
from mammo.core.errors import UserError
from modeling.models import Prediction

NUMBER = 7
STAGES = ("classifier", "umicon_supervised")
# Classifiers see images, as the readers do; a fused score would borrow a colleague's report.
METHOD = "image"


@dataclass
class _Parts:
    """What the table is put together from."""

    rows: list[tuple[str, RowFigures]] = field(default_factory=list)
    sources: list[Mapping[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    simulated: bool = False


def build(options: TableOptions) -> Table:
    """Classifiers of runs and readers of a reader study, under the same columns.

    Raises:
        UserError: neither a reader study nor a run with predictions of biopsied breasts is there.
        WrongStateError: the reader study is not locked.
    """
    study = options.reader_study
    readers = readers_of(study, simulated=options.simulated) if study is not None else None
    cases = cases_read(study, {r.case for r in readers.found}) if study is not None and readers else []
    breasts: set[Breast] = {(case.study_id, case.laterality) for case in cases}
    parts = _Parts()
    if study is None or options.runs:
        for judged, side in _classifiers_beside(cases, options):
            parts.rows += [_classifier_row(part, options) for part in by_stratum(judged, options.by)]
            parts.sources += judged.sources()
            parts.notes += [*side_note([side]), *judged.notes]
            parts.simulated |= any(unit.is_simulated for unit in judged.units)
            if not cases or judged.notes:
                breasts |= {(unit.study, unit.laterality) for unit in judged.units}
    if readers is not None:
        plan = plan_of(study.protocol) if study is not None else AnalysisPlan()
        _add_readers(parts, readers, options, plan)
    if not parts.rows:
        raise UserError(_("table 7: there is nothing to tabulate; name --reader-study or --run"))
    return _table(parts, readers, options, tissue_and_follow_up(breasts))


def table_of_readers(readers: Readers, verified: tuple[int, int], plan: AnalysisPlan) -> Table:
    """The rows of the readers alone, from readings that may come from an export.

    Args:
        verified: cases with a tissue result, and with a negative follow-up alone.
        plan: of the study's protocol: the test between conditions is given at its level.
    """
    parts, options = _Parts(), TableOptions()
    _add_readers(parts, readers, options, plan)
    return _table(parts, readers, options, verified)


def _add_readers(parts: _Parts, readers: Readers, options: TableOptions, plan: AnalysisPlan) -> None:
    parts.rows += _reader_rows(readers, options)
    parts.sources += [reading.source() for reading in readers.found]
    if readers.erased:
        parts.notes.append(
            ngettext(
                "%(count)s reading of patients who withdrew is left out.",
                "%(count)s readings of patients who withdrew are left out.",
                readers.erased,
            )
            % {"count": readers.erased}
        )
    parts.notes += note_of_readings(readers.left_pictures)
    parts.notes += _mrmc_notes(readers, plan)
    parts.notes += where_the_model_was(readers.found, readers.names)
    parts.simulated |= any(reading.is_simulated for reading in readers.found)


def _table(parts: _Parts, readers: Readers | None, options: TableOptions, verified: tuple[int, int]) -> Table:
    notes = [
        *parts.notes,
        *cluster_note(row for _key, row in parts.rows),
        *(warning for _key, row in parts.rows for warning in row.warnings),
        *(_paper_notes() if options.paper else []),
        *([_paper_readers_note()] if options.paper and readers is not None and _paper_rows(readers) else []),
        verification_note(*verified),
    ]
    return Table(
        number=NUMBER,
        caption=_caption(parts, readers, options, verified),
        stub=_("Method"),
        columns=_columns(options),
        rows=[Row(key, row.label, row.cells) for key, row in parts.rows],
        method=_method(parts.rows),
        version=software_version(),
        notes=list(dict.fromkeys(notes)),
        is_simulated=parts.simulated,
        sources=parts.sources,
    )


def classifiers(options: TableOptions) -> list[tuple[Judged, str]]:
    """Biopsied breasts as the chosen runs judged them from images, with the side of the split they come from.

    Raises:
        UserError: no run has predictions.
    """
    made = []
    for run in chosen_runs(options, STAGES, NUMBER):
        units, side = units_of(
            run,
            kind="malignancy",
            method=METHOD,
            unit_kind=Prediction.UnitKind.BREAST,
            simulated=options.simulated,
        )
        truth = malignancy_of(units)
        known = [unit for unit in units if (unit.study, unit.laterality) in truth]
        if known:
            labels = np.array([truth[unit.study, unit.laterality] for unit in known], dtype=bool)
            made.append((Judged(str(run.pk), run_label(run), known, labels, run), side))
    return made


def _classifiers_beside(cases: list[ReaderStudyCase], options: TableOptions) -> list[tuple[Judged, str]]:
    """Classifiers on the readers' cases where they judged them; else on their own, with a warning."""
    if options.reader_study is None or not cases:
        return classifiers(options)
    read: set[Breast] = {(case.study_id, case.laterality) for case in cases}
    made = []
    for run in chosen_runs(options, STAGES, NUMBER):
        judged = judged_on_cases(run, cases, method=METHOD, simulated=options.simulated)
        side = ""
        if judged is None:
            alone = classifiers(replace(options, runs=(run,)))
            if not alone:
                continue
            judged, side = alone[0]
            shared = len(read & {(unit.study, unit.laterality) for unit in judged.units})
        else:
            shared = len(judged.units)
        if shared < max(len(cases), len(judged.units)):
            judged.notes.append(other_cases(judged.label, judged, shared, len(cases)))
        made.append((judged, side))
    return made


def _classifier_row(judged: Judged, options: TableOptions) -> tuple[str, RowFigures]:
    figures = RowFigures(judged.label, tuple(unit.prediction for unit in judged.units))
    put_area(figures, judged)
    put_rates(figures, judged, judged.scores >= options.threshold, prevalence=options.prevalence)
    _add_paper(figures, options)
    return judged.key, figures


def _reader_rows(readers: Readers, options: TableOptions) -> list[tuple[str, RowFigures]]:
    found, names, beside = readers.found, readers.names, _paper_rows(readers)
    strata = of_studies((r.study for r in found), options.by) if options.by else {}
    rows = []
    groups: dict[tuple[str, str, str | None], list[CaseReading]] = {}
    for reading in found:
        stratum = strata.get(reading.study) if options.by else None
        groups.setdefault((reading.reader, reading.condition, stratum), []).append(reading)
    for (reader, condition, stratum), readings_here in sorted(groups.items(), key=lambda item: str(item[0])):
        group = f" ({readings_here[0].group})" if readings_here[0].group else ""
        label = labelled(f"{reader}{group}, {names.get(condition, condition)}", options.by, stratum)
        key = f"{reader}:{condition}" + (f":{stratum}" if stratum else "")
        figures = _reader_row(label, readings_here, options)
        _put_paper(figures, beside.get((reader, condition)), options)
        rows.append((key, figures))
    return rows


# The paper's doctors by group; an assisted row has the same letter with its model.
PAPER_READERS = {"junior": ("a", "b"), "senior": ("c", "d")}
PAPER_ASSISTED = "umicon"


def _paper_rows(readers: Readers) -> dict[tuple[str, str], str]:
    """Key of the paper's row that stands beside each of ours, by reader and condition.

    The first two juniors and seniors of ours stand beside A and B, C and D; of a study of two conditions one is
    `alone`. Other readers and conditions have none.
    """
    groups = {reading.reader: reading.group for reading in readers.found}
    conditions = {reading.condition for reading in readers.found}
    assisted = {"alone": "", **dict.fromkeys(conditions - {"alone"}, PAPER_ASSISTED)}
    if len(conditions) > 2:
        return {}
    made: dict[tuple[str, str], str] = {}
    for group, letters in PAPER_READERS.items():
        own = sorted(reader for reader, of in groups.items() if of == group)
        for reader, letter in zip(own, letters, strict=False):
            made |= {(reader, condition): letter + assisted[condition] for condition in conditions}
    return made


def _reader_row(label: str, found: list[CaseReading], options: TableOptions) -> RowFigures:
    figures = RowFigures(label, tuple(reading.pk for reading in found))
    units = [Unit(r.pk, "", r.case, r.patient, r.study, "", r.likelihood, r.is_simulated) for r in found]
    truth = np.array([r.truth for r in found], dtype=bool)
    judged = Judged(label, label, units, truth)
    put_area(figures, judged)
    called = np.array([r.called for r in found], dtype=bool)
    put_rates(figures, judged, called, prevalence=options.prevalence)
    return figures


def _mrmc_notes(readers: Readers, plan: AnalysisPlan) -> list[str]:
    """Difference between conditions over readers and cases at the protocol's level, in words."""
    if len({reading.condition for reading in readers.found}) < 2:
        return []
    try:
        analysis = analyse_mrmc(readings(reading.row() for reading in readers.found), level=plan.level)
    except ValueError as error:
        return [_("Multi-reader analysis: %(error)s.") % {"error": error}]
    return [*_differences(analysis, readers.names, plan), *sentences(analysis.notes)]


def _differences(analysis: MrmcAnalysis, names: dict[str, str], plan: AnalysisPlan) -> list[str]:
    made = []
    for contrast in analysis.main.differences:
        low, high = contrast.estimate.interval or (float("nan"), float("nan"))
        made.append(
            _(
                "Mean AUC, %(first)s - %(second)s: %(value).3f [%(level)s CI %(low).3f, %(high).3f], p = %(p)s "
                "(%(model)s, %(covariance)s covariance, Hillis' degrees of freedom)."
            )
            % {
                "first": names.get(contrast.first, contrast.first),
                "second": names.get(contrast.second, contrast.second),
                "value": contrast.estimate.value,
                "level": plan.level_name,
                "low": low,
                "high": high,
                "p": "–" if contrast.p is None else f"{contrast.p:.3g}",
                "model": analysis.main.model,
                "covariance": analysis.covariance,
            }
        )
    return made


def where_the_model_was(found: list[CaseReading], names: Mapping[str, str]) -> list[str]:
    """Share of right decisions by condition, where the model's output was right and where it was wrong."""
    notes = []
    for is_right, where in ((True, _("Where the model was right")), (False, _("Where the model was wrong"))):
        here = [reading for reading in found if reading.output_right is is_right]
        if not here:
            continue
        shares = []
        for condition in dict.fromkeys(reading.condition for reading in here):
            own = [reading for reading in here if reading.condition == condition]
            right = sum(reading.called == reading.truth for reading in own)
            shares.append(f"{names.get(condition, condition)} {right}/{len(own)} ({right / len(own):.0%})")
        notes.append(
            _("%(where)s (%(cases)s), right decisions of all readers: %(shares)s.")
            % {
                "where": where,
                "cases": counted.cases(len({r.case for r in here})),
                "shares": ", ".join(sorted(shares)),
            }
        )
    return notes


def _add_paper(figures: RowFigures, options: TableOptions) -> None:
    _put_paper(figures, paper_tables.key_of(figures.label), options)


def _put_paper(figures: RowFigures, key: str | None, options: TableOptions) -> None:
    """The paper's figures of its row of this key, where they are asked for and there is one."""
    known = paper_tables.TABLE_7.get(key or "") if options.paper else None
    if known is None or options.by is not None:
        return
    (value, interval), rates = known
    figures.cells["auc_paper"] = Cell(Estimate(value, interval, "as printed in the paper"), digits=2)
    for name, rate in zip(RATES, rates, strict=True):
        figures.cells[f"{name}_paper"] = Cell(Estimate(rate, None, "as printed in the paper"), digits=2)


def _paper_readers_note() -> str:
    return _(
        "The paper's doctors A and B stand beside our first two junior readers, C and D beside our first two senior "
        "ones: other persons on other cases."
    )


def _paper_notes() -> list[str]:
    """The paper's own rows, checked as ours are."""
    notes = []
    for key, (_auc, rates) in paper_tables.TABLE_7.items():
        _acc, sen, spc, ppv, npv = rates
        notes += rates_fit(
            _("the paper's row %(row)s") % {"row": key}, paper_tables.TABLE_7_CASES, (sen, spc, ppv, npv)
        )
    return notes


def _caption(made: _Parts, readers: Readers | None, options: TableOptions, verified: tuple[int, int]) -> str:
    what = (
        _("Table 7. Malignancy of breasts with a biopsy or a negative follow-up")
        if verified[1]
        else _("Table 7. Malignancy of biopsied breasts")
    )
    caption = _("%(what)s: AUC and rates [95%% CI] of %(rows)s") % {
        "what": what,
        "rows": counted.rows(len(made.rows)),
    }
    parts = []
    if readers is None or options.runs:
        parts.append(_("classifiers call from %(threshold)s on") % {"threshold": f"{options.threshold:g}"})
    if readers is not None and readers.found:
        parts.append(
            _("%(readers)s, %(cases)s, biopsy from category %(point)s on")
            % {
                "readers": counted.readers(len({r.reader for r in readers.found})),
                "cases": counted.cases(len({r.case for r in readers.found})),
                "point": readers.operating_point,
            }
        )
    if options.prevalence is not None:
        parts.append(_("PPV and NPV also at a prevalence of %(p)s") % {"p": f"{options.prevalence:.1%}"})
    caption = f"{caption}; {'; '.join(parts)}." if parts else f"{caption}."
    return caption + (
        " " + _("Not a result: %(what)s.") % {"what": _("simulated rows")} if made.simulated else ""
    )


def _method(rows: list[tuple[str, RowFigures]]) -> str:
    names: dict[str, None] = {}
    for _key, row in rows:
        for name, cell in row.cells.items():
            if cell.estimate is not None and not name.endswith("_paper"):
                names[in_words(cell.estimate.method)] = None
    return _("Method: %(method)s.") % {"method": "; ".join(names)} if names else ""


def _columns(options: TableOptions) -> list[Column]:
    names = {
        "auc": _("AUC"),
        "accuracy": _("ACC"),
        "sensitivity": _("SEN"),
        "specificity": _("SPC"),
        "ppv": _("PPV"),
        "npv": _("NPV"),
    }
    columns: list[Column] = []
    for key, name in names.items():
        columns.append(Column(key, name))
        if options.paper and options.by is None:
            columns.append(Column(f"{key}_paper", name, from_paper=True))
    columns.append(Column("prevalence", _("Prevalence")))
    if options.prevalence is not None:
        columns += [
            Column("ppv_at", _("PPV at %(p)s") % {"p": f"{options.prevalence:.1%}"}),
            Column("npv_at", _("NPV at %(p)s") % {"p": f"{options.prevalence:.1%}"}),
        ]
    return columns
