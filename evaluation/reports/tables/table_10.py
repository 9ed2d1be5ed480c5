"""Table 10: zero-shot screening: AUC, and specificity at a sensitivity of 20 %.

The positive class is the NON-malignant one, as in the paper (section 5.4): a system that is sure that 20 % of the
benign studies are benign should call no malignant one so. A study's score is one minus its chance of malignancy.
"""

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
from evaluation.reports.tables.table_9 import BENIGN, MALIGNANT
from evaluation.reports.validators import narrower_than_one_case
from evaluation.reports.wording import in_words
from evaluation.statistics.fixed_sensitivity import specificity_at_sensitivity
from evaluation.statistics.results import Estimate
from mammo.archive.models import Study
from mammo.core.errors import UserError
from modeling.models import Prediction, Run

NUMBER = 10
STAGES = ("zero_shot", "sft", "classifier", "umicon_supervised", "umicon_unsupervised", "preferences")
KINDS = ("zero_shot_malignancy", "malignancy")
SENSITIVITY = 0.2


def build(options: TableOptions) -> Table:
    """One row per run that judged whole studies.

    Raises:
        UserError: no run judged studies whose category is known.
    """
    rows: list[tuple[str, RowFigures]] = []
    every: list[Judged] = []
    sides = set()
    for run in chosen_runs(options, STAGES, NUMBER):
        judged, side = _judged(run, options)
        if judged is None:
            continue
        sides.add(side)
        every.append(judged)
        rows += [_row(part, options) for part in by_stratum(judged, options.by)]
    if not rows:
        raise UserError(
            _("table 10: no run judged the malignancy of whole studies with a BI-RADS category")
            + ("" if options.simulated else " " + _("(rows marked as simulated count with --simulated)"))
        )
    is_simulated = any(unit.is_simulated for judged in every for unit in judged.units)
    notes = [warning for _key, row in rows for warning in row.warnings]
    return Table(
        number=NUMBER,
        caption=_caption(every, is_simulated),
        stub=_("Method"),
        columns=_columns(options),
        rows=[Row(key, row.label, row.cells) for key, row in rows],
        method=_("Method: %(method)s.") % {"method": _methods(rows)},
        version=software_version(),
        notes=[
            *side_note(sides),
            *cluster_note(row for _key, row in rows),
            *notes,
            *(_paper_notes() if options.paper else []),
        ],
        is_simulated=is_simulated,
        sources=[source for judged in every for source in judged.sources()],
    )


def _judged(run: Run, options: TableOptions) -> tuple[Judged | None, str]:
    for kind in KINDS:
        units, side = units_of(
            run, kind=kind, method=None, unit_kind=Prediction.UnitKind.STUDY, simulated=options.simulated
        )
        if units:
            break
    categories = dict(
        Study.objects.filter(pk__in=[unit.study for unit in units]).values_list("pk", "birads_overall")
    )
    known = [unit for unit in units if categories.get(unit.study) in BENIGN + MALIGNANT]
    if not known:
        return None, side
    turned = [
        Unit(u.prediction, u.run, u.unit, u.patient, u.study, u.laterality, 1 - u.value, u.is_simulated)
        for u in known
    ]
    truth = np.array([categories[unit.study] in BENIGN for unit in known], dtype=bool)
    return Judged(str(run.pk), run_label(run), turned, truth, run), side


def _row(judged: Judged, options: TableOptions) -> tuple[str, RowFigures]:
    figures = RowFigures(judged.label, tuple(unit.prediction for unit in judged.units))
    put_area(figures, judged)
    try:
        found = specificity_at_sensitivity(judged.truth, judged.scores, SENSITIVITY, clusters=judged.patients)
    except ValueError as error:
        figures.put("specificity", None, _("not defined"))
        figures.warnings.append(f"{judged.label}: {error}.")
    else:
        figures.put("specificity", found.estimate)
        malignant = int((~judged.truth).sum())
        figures.warnings += narrower_than_one_case(judged.label, found.estimate, malignant)
        figures.warnings += [f"{judged.label}: {in_words(note)}." for note in found.estimate.notes]
    known = paper_tables.TABLE_10.get(paper_tables.key_of(judged.label)) if options.paper else None
    if known is not None and options.by is None:
        for key, (value, interval) in zip(("auc", "specificity"), known, strict=True):
            figures.cells[f"{key}_paper"] = Cell(
                Estimate(value, interval, "as printed in the paper"), digits=4
            )
    return judged.key, figures


def _paper_notes() -> list[str]:
    """The paper's own intervals, checked as ours are."""
    notes = []
    for key, (_auc, (value, interval)) in paper_tables.TABLE_10.items():
        label = _("the paper's row %(row)s") % {"row": key}
        notes += narrower_than_one_case(label, Estimate(value, interval, "as printed in the paper"), 102)
    return notes


def _columns(options: TableOptions) -> list[Column]:
    names = {"auc": _("AUC"), "specificity": _("SPC at SEN = 20 %")}
    columns: list[Column] = []
    for key, name in names.items():
        columns.append(Column(key, name))
        if options.paper and options.by is None:
            columns.append(Column(f"{key}_paper", name, from_paper=True))
    return columns


def _methods(rows: list[tuple[str, RowFigures]]) -> str:
    names = {
        cell.estimate.method: None
        for _key, row in rows
        for name, cell in row.cells.items()
        if cell.estimate is not None and not name.endswith("_paper")
    }
    return "; ".join(names)


def _caption(every: list[Judged], is_simulated: bool) -> str:
    studies = {
        unit.study: truth for judged in every for unit, truth in zip(judged.units, judged.truth, strict=True)
    }
    caption = _(
        "Table 10. Zero-shot screening of %(studies)s (%(benign)s benign, %(malignant)s malignant by reported "
        "category): AUC and specificity [95%% CI]; the positive class is non-malignant."
    ) % {
        "studies": counted.studies(len(studies)),
        "benign": sum(bool(truth) for truth in studies.values()),
        "malignant": sum(not truth for truth in studies.values()),
    }
    if is_simulated:
        caption += " " + _("Not a result: %(what)s.") % {"what": _("phantom data or random-weight models")}
    return caption
