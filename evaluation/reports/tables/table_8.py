"""Table 8: what each part of UMiCon adds: images alone, report alone and both together."""

import numpy as np
from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.reports import paper_tables
from evaluation.reports.options import TableOptions
from evaluation.reports.predictions import (
    Judged,
    by_stratum,
    chosen_runs,
    malignancy_of,
    run_label,
    side_note,
    units_of,
)
from evaluation.reports.rates import RATE_NAMES, RowFigures, cluster_note, put_area
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.reports.validators import narrower_than_one_case
from evaluation.statistics.clustered_shares import rates_of_units
from evaluation.statistics.results import Estimate
from mammo.core.errors import UserError
from modeling.models import Prediction, Run

NUMBER = 8
STAGES = ("umicon_supervised",)
METHODS = ("image", "report", "fused")


def build(options: TableOptions) -> Table:
    """One row per run (its variant), AUC and accuracy by what the model saw.

    Raises:
        UserError: no run has predictions of biopsied breasts.
    """
    rows: dict[str, RowFigures] = {}
    every: list[Judged] = []
    sides = set()
    for run in chosen_runs(options, STAGES, NUMBER):
        for method in METHODS:
            judged, side = _judged(run, method, options)
            if judged is None:
                continue
            sides.add(side)
            for part in by_stratum(judged, options.by):
                figures = rows.setdefault(part.key, RowFigures(part.label, ()))
                _put(figures, part, method, options)
            every.append(judged)
    if not rows:
        raise UserError(
            _("table 8: the runs hold no predictions of biopsied breasts")
            + ("" if options.simulated else " " + _("(rows marked as simulated count with --simulated)"))
        )
    if options.paper and options.by is None:
        for figures in rows.values():
            _add_paper(figures)
    is_simulated = any(unit.is_simulated for judged in every for unit in judged.units)
    return Table(
        number=NUMBER,
        caption=_caption(every, options, is_simulated),
        stub=_("Method"),
        columns=_columns(options),
        rows=[Row(key, figures.label, figures.cells) for key, figures in rows.items()],
        method=_("Method: %(method)s.") % {"method": _methods(rows)},
        version=software_version(),
        notes=[
            _(
                "A fused AUC says nothing by itself: the report was written by a radiologist who saw the images."
            ),
            *side_note(sides),
            *cluster_note(rows.values()),
            *(warning for figures in rows.values() for warning in figures.warnings),
        ],
        is_simulated=is_simulated,
        sources=[source for judged in every for source in judged.sources()],
    )


def _judged(run: Run, method: str, options: TableOptions) -> tuple[Judged | None, str]:
    units, side = units_of(
        run,
        kind="malignancy",
        method=method,
        unit_kind=Prediction.UnitKind.BREAST,
        simulated=options.simulated,
    )
    truth = malignancy_of(units)
    known = [unit for unit in units if (unit.study, unit.laterality) in truth]
    if not known:
        return None, side
    labels = np.array([truth[unit.study, unit.laterality] for unit in known], dtype=bool)
    return Judged(str(run.pk), run_label(run), known, labels, run), side


def _put(figures: RowFigures, judged: Judged, method: str, options: TableOptions) -> None:
    figures.sources = tuple(unit.prediction for unit in judged.units)
    put_area(figures, judged, f"auc_{method}")
    found = rates_of_units(judged.truth, judged.scores >= options.threshold, judged.patients)
    accuracy = found.get("accuracy")
    figures.put(f"accuracy_{method}", accuracy)
    # One case alone says nothing of its width.
    if accuracy is not None and len(judged.units) > 1:
        label = f"{figures.label}, {_what_is_seen()[method]} ({RATE_NAMES['accuracy']})"
        figures.warnings += narrower_than_one_case(label, accuracy, len(judged.units))


def _what_is_seen() -> dict[str, str]:
    """What the model saw, by method."""
    return {"image": _("images alone"), "report": _("report alone"), "fused": _("images and report")}


def _add_paper(figures: RowFigures) -> None:
    known = paper_tables.TABLE_8.get(paper_tables.key_of(figures.label))
    if known is not None:
        for key, value in zip(("auc", "accuracy"), known, strict=True):
            figures.cells[f"{key}_paper"] = Cell(Estimate(value, None, "as printed in the paper"), digits=2)


def _columns(options: TableOptions) -> list[Column]:
    columns = [
        Column(f"{key}_{method}", f"{name}, {what}")
        for key, name in (("auc", _("AUC")), ("accuracy", _("ACC")))
        for method, what in _what_is_seen().items()
    ]
    if options.paper and options.by is None:
        columns += [
            Column("auc_paper", _("AUC"), from_paper=True),
            Column("accuracy_paper", _("ACC"), from_paper=True),
        ]
    return columns


def _methods(rows: dict[str, RowFigures]) -> str:
    names = {
        cell.estimate.method: None
        for figures in rows.values()
        for name, cell in figures.cells.items()
        if cell.estimate is not None and not name.endswith("_paper")
    }
    return "; ".join(names)


def _caption(every: list[Judged], options: TableOptions, is_simulated: bool) -> str:
    breasts = {unit.unit for judged in every for unit in judged.units}
    patients = {unit.patient for judged in every for unit in judged.units}
    caption = _(
        "Table 8. Parts of UMiCon: AUC and accuracy [95%% CI] on %(breasts)s of %(patients)s; called "
        "malignant from %(threshold)s on."
    ) % {
        "breasts": counted.biopsied_breasts(len(breasts)),
        "patients": counted.patients(len(patients)),
        "threshold": f"{options.threshold:g}",
    }
    if is_simulated:
        caption += " " + _("Not a result: %(what)s.") % {"what": _("phantom data or random-weight models")}
    return caption
