"""Table 6: how well each encoder tells each density from the others."""

import numpy as np
from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.reports import paper_tables
from evaluation.reports.options import TableOptions
from evaluation.reports.predictions import (
    Judged,
    Unit,
    by_stratum,
    chosen_runs,
    run_label,
    side_note,
    units_of,
)
from evaluation.reports.rates import RowFigures, cluster_note, put_area
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.statistics.results import Estimate
from mammo.archive.models import Study
from mammo.core.choices import Density
from mammo.core.errors import UserError
from modeling.models import Prediction, Run

NUMBER = 6
STAGES = ("encoder_probe", "density")


def build(options: TableOptions) -> Table:
    """One-vs-rest AUC per density and run.

    Raises:
        UserError: no run has density predictions of studies whose density is known.
    """
    figures: list[tuple[str, RowFigures, list[Judged]]] = []
    sides, notes = set(), []
    for run in chosen_runs(options, STAGES, NUMBER):
        judged, side = _judged(run, options)
        if not judged:
            notes.append(_("%(run)s has no density predictions.") % {"run": run_label(run)})
            continue
        sides.add(side)
        figures += _rows(run, judged, options)
    if not figures:
        raise UserError(
            _("table 6: the runs hold no density predictions of studies with a known density")
            + ("" if options.simulated else " " + _("(rows marked as simulated count with --simulated)"))
        )
    every = [judged for _key, _row, parts in figures for judged in parts]
    is_simulated = any(unit.is_simulated for judged in every for unit in judged.units)
    studies = {unit.study for judged in every for unit in judged.units}
    caption = _("Table 6. AUC [95%% CI] of each density against the others, %(rows)s, %(studies)s.") % {
        "rows": counted.rows(len(figures)),
        "studies": counted.studies(len(studies)),
    }
    if is_simulated:
        caption += " " + _("Not a result: %(what)s.") % {"what": _("phantom data or random-weight models")}
    return Table(
        number=NUMBER,
        caption=caption,
        stub=_("Encoder"),
        columns=_columns(options),
        rows=[Row(key, row.label, row.cells) for key, row, _parts in figures],
        method=_("Method: %(method)s.") % {"method": _method(figures)},
        version=software_version(),
        notes=[
            *notes,
            *side_note(sides),
            *cluster_note(row for _k, row, _p in figures),
            *(warning for _k, row, _p in figures for warning in row.warnings),
        ],
        is_simulated=is_simulated,
        sources=[
            source
            for _k, _r, parts in figures
            for judged in parts
            for source in judged.sources(column=judged.key)
        ],
    )


def _judged(run: Run, options: TableOptions) -> tuple[dict[str, list[Unit]], str]:
    """Units of each density column of one run."""
    found: dict[str, list[Unit]] = {}
    last = ""
    for density in Density.values:
        units, side = units_of(
            run,
            kind=f"density_{density}",
            method=None,
            unit_kind=Prediction.UnitKind.STUDY,
            simulated=options.simulated,
        )
        if units:
            found[density], last = units, side
    return found, last


def _rows(
    run: Run, judged: dict[str, list[Unit]], options: TableOptions
) -> list[tuple[str, RowFigures, list[Judged]]]:
    studies = {unit.study for units in judged.values() for unit in units}
    truths = dict(Study.objects.filter(pk__in=studies).exclude(density="").values_list("pk", "density"))
    rows: dict[str, tuple[RowFigures, list[Judged]]] = {}
    for density, units in judged.items():
        known = [unit for unit in units if unit.study in truths]
        truth = np.array([truths[unit.study] == density for unit in known], dtype=bool)
        for part in by_stratum(Judged(str(run.pk), run_label(run), known, truth, run), options.by):
            figures, parts = rows.setdefault(part.key, (RowFigures(part.label, ()), []))
            figures.sources = tuple(unit.prediction for unit in part.units)
            put_area(figures, part, density)
            parts.append(Judged(density, part.label, part.units, part.truth, run))
    if options.paper and options.by is None:
        _add_paper(run, rows)
    return [(key, figures, parts) for key, (figures, parts) in rows.items()]


def _add_paper(run: Run, rows: dict[str, tuple[RowFigures, list[Judged]]]) -> None:
    paper = paper_tables.TABLE_6.get(paper_tables.key_of(run_label(run)))
    for figures, _parts in rows.values() if paper else ():
        for density, value in zip(Density.values, paper or (), strict=True):
            figures.cells[f"{density}_paper"] = Cell(
                Estimate(value, None, "as printed in the paper"), digits=2
            )


def _method(figures: list[tuple[str, RowFigures, list[Judged]]]) -> str:
    names = {
        cell.estimate.method: None
        for _key, row, _parts in figures
        for name, cell in row.cells.items()
        if cell.estimate is not None and not name.endswith("_paper")
    }
    return "; ".join(names)


def _columns(options: TableOptions) -> list[Column]:
    columns: list[Column] = []
    for density in Density.values:
        columns.append(Column(density, density))
        if options.paper and options.by is None:
            columns.append(Column(f"{density}_paper", density, from_paper=True))
    return columns
