"""Table 5: training settings of the stages, as the runs recorded them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.reports.options import TableOptions
from evaluation.reports.strata import labelled, of_studies
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.services.leakage import patients_trained_on
from evaluation.statistics.results import Estimate
from mammo.archive.models import Study
from mammo.core.errors import UserError
from modeling.models import Run, Stage

NUMBER = 5
STAGES = (Stage.DENSITY, Stage.UMICON_UNSUPERVISED, Stage.UMICON_SUPERVISED, Stage.SFT)
# As printed; the paper's column of GPUs is damaged and stays out.
PAPER = {
    "density": (6, 2e-4),
    "umicon_unsupervised": (12, 2e-5),
    "umicon_supervised": (24, 1e-5),
    "sft": (24, 1e-5),
}


def build(options: TableOptions) -> Table:
    """One row per run: batch size, devices, learning rate, epochs, seed, version of the code.

    A run has one setting for all it saw, so strata are those of what it was trained on: one row per run and stratum
    with the number of studies there.

    Raises:
        UserError: there is no finished run of any stage.
    """
    runs = list(options.runs) or _latest(options)
    if not runs:
        raise UserError(
            _("table 5: there is no run with weights of %(stages)s; train one, or name runs with --run")
            % {"stages": ", ".join(STAGES)}
            + ("" if options.simulated else " " + _("(rows marked as simulated count with --simulated)"))
        )
    strata = {run.pk: _strata(run, options) for run in runs}
    is_simulated = any(run.is_simulated for run in runs)
    caption = _("Table 5. Training settings of %(count)s, as recorded.") % {"count": counted.runs(len(runs))}
    if is_simulated:
        caption += " " + _("Not a result: %(what)s.") % {"what": _("phantom data or random-weight models")}
    return Table(
        number=NUMBER,
        caption=caption,
        stub=_("Training settings"),
        columns=_columns(options),
        rows=[row for run in runs for row in _rows(run, strata[run.pk], options)],
        method="",
        version=software_version(),
        notes=_notes(options),
        is_simulated=is_simulated,
        sources=[source for run in runs for source in _sources(run, strata[run.pk], options)],
    )


def _latest(options: TableOptions) -> list[Run]:
    found = []
    for stage in STAGES:
        rows = Run.objects.filter(stage=stage, checkpoints__isnull=False)
        rows = rows if options.simulated else rows.filter(is_simulated=False)
        rows = rows if options.sites is None else rows.filter(site__in=options.sites)
        latest = rows.order_by("-created_at").first()
        found += [latest] if latest is not None else []
    return found


def _columns(options: TableOptions) -> list[Column]:
    columns = [
        Column("batch_size", _("Batch size")),
        Column("devices", _("GPUs")),
        Column("learning_rate", _("Initial learning rate")),
        Column("epochs", _("Epochs")),
        Column("seed", _("Seed")),
        Column("code_version", _("Code version")),
    ]
    if options.by is not None:
        return [Column("studies", _("Studies trained on")), *columns]
    if options.paper:
        columns.insert(1, Column("batch_size_paper", _("Batch size"), from_paper=True))
        columns.insert(4, Column("learning_rate_paper", _("Initial learning rate"), from_paper=True))
    return columns


def _notes(options: TableOptions) -> list[str]:
    if options.by is not None:
        return [
            _(
                "A run has one setting for all its studies; a stratum counts the studies of its training and "
                "validation patients."
            )
        ]
    return [_("The paper's column of GPUs is damaged in print and left out.")] if options.paper else []


def _strata(run: Run, options: TableOptions) -> dict[str, list[str]]:
    """Studies that a run was trained on, by stratum; none without `by`."""
    found: dict[str, list[str]] = {}
    if options.by is None or run.snapshot is None:
        return found
    studies = Study.objects.filter(patient__in=patients_trained_on(run.snapshot))
    if options.sites is not None:
        studies = studies.filter(site__in=options.sites)
    for study, stratum in of_studies(studies.values_list("pk", flat=True), options.by).items():
        found.setdefault(stratum, []).append(str(study))
    return dict(sorted(found.items()))


def _sources(run: Run, strata: Mapping[str, list[str]], options: TableOptions) -> list[Mapping[str, Any]]:
    own = {"run": str(run.pk), "stage": run.stage, "variant": run.variant, "code_version": run.code_version}
    if options.by is None:
        return [own]
    studies = [{"study": study, "stratum": name} for name, members in strata.items() for study in members]
    return [own | study for study in studies or [{"study": "", "stratum": ""}]]


def _rows(run: Run, strata: Mapping[str, list[str]], options: TableOptions) -> list[Row]:
    """The row of a run, or one per stratum of the studies that it was trained on."""
    row = _row(run, options)
    if options.by is None:
        return [row]
    if not strata:
        return [replace(row, cells={**row.cells, "studies": Cell(text=_("not recorded"))})]
    return [
        Row(
            f"{row.key}:{stratum}",
            labelled(row.label, options.by, stratum),
            {**row.cells, "studies": _number(len(studies), 0, tuple(studies), "count")},
        )
        for stratum, studies in strata.items()
    ]


def _row(run: Run, options: TableOptions) -> Row:
    devices = run.environment.get("gpus", run.environment.get("devices", ""))
    sources = (str(run.pk),)
    cells = {
        "batch_size": _number(run.config.get("batch_size"), 0, sources),
        "devices": Cell(text=str(devices) or _("not recorded"), sources=sources),
        "learning_rate": Cell(text=_rate(run.config.get("learning_rate")), sources=sources),
        "epochs": _number(run.config.get("epochs"), 0, sources),
        "seed": Cell(text=str(run.seed), sources=sources),
        "code_version": Cell(text=run.code_version or _("not recorded"), sources=sources),
    }
    if options.paper and options.by is None and run.stage in PAPER:
        batch, rate = PAPER[run.stage]
        cells["batch_size_paper"] = Cell(Estimate(float(batch), None, "as printed in the paper"), digits=0)
        cells["learning_rate_paper"] = Cell(text=_rate(rate))
    return Row(str(run.pk), f"{run.get_stage_display()}{f' ({run.variant})' if run.variant else ''}", cells)


def _number(value: Any, digits: int, sources: tuple[str, ...], method: str = "setting") -> Cell:
    if value is None:
        return Cell(text=_("not recorded"), sources=sources)
    return Cell(Estimate(float(value), None, method), digits=digits, sources=sources)


def _rate(value: Any) -> str:
    return _("not recorded") if value is None else f"{float(value):.0e}".replace("e-0", "e-")
