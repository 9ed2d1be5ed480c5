"""Table 5: training settings of the stages, as the runs recorded them."""

from typing import Any

from django.utils.translation import gettext as _

from evaluation.reports.options import TableOptions
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.statistics.results import Estimate
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
    """One row per run: batch size, devices, learning rate, epochs, seed.

    Raises:
        UserError: there is no finished run of any stage, or strata were asked for.
    """
    if options.by is not None:
        raise UserError(_("table 5: settings of runs have no strata; leave out --by"))
    runs = list(options.runs) or _latest(options)
    if not runs:
        raise UserError(
            _("table 5: there is no run with weights of %(stages)s; train one, or name runs with --run")
            % {"stages": ", ".join(STAGES)}
            + ("" if options.simulated else " " + _("(rows marked as simulated count with --simulated)"))
        )
    is_simulated = any(run.is_simulated for run in runs)
    caption = _("Table 5. Training settings of %(count)s runs, as recorded.") % {"count": len(runs)}
    if is_simulated:
        caption += " " + _("Not a result: %(what)s.") % {"what": _("phantom data or random-weight models")}
    return Table(
        number=NUMBER,
        caption=caption,
        stub=_("Training settings"),
        columns=_columns(options),
        rows=[_row(run, options) for run in runs],
        method="",
        version=software_version(),
        notes=[_("The paper's column of GPUs is damaged in print and left out.")] if options.paper else [],
        is_simulated=is_simulated,
        sources=[
            {"run": str(run.pk), "stage": run.stage, "variant": run.variant, "code_version": run.code_version}
            for run in runs
        ],
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
    ]
    if options.paper:
        columns.insert(1, Column("batch_size_paper", _("Batch size"), from_paper=True))
        columns.insert(4, Column("learning_rate_paper", _("Initial learning rate"), from_paper=True))
    return columns


def _row(run: Run, options: TableOptions) -> Row:
    devices = run.environment.get("gpus", run.environment.get("devices", ""))
    sources = (str(run.pk),)
    cells = {
        "batch_size": _number(run.config.get("batch_size"), 0, sources),
        "devices": Cell(text=str(devices) or _("not recorded"), sources=sources),
        "learning_rate": Cell(text=_rate(run.config.get("learning_rate")), sources=sources),
        "epochs": _number(run.config.get("epochs"), 0, sources),
        "seed": Cell(text=str(run.seed), sources=sources),
    }
    if options.paper and run.stage in PAPER:
        batch, rate = PAPER[run.stage]
        cells["batch_size_paper"] = Cell(Estimate(float(batch), None, "as printed in the paper"), digits=0)
        cells["learning_rate_paper"] = Cell(text=_rate(rate))
    return Row(str(run.pk), f"{run.get_stage_display()}{f' ({run.variant})' if run.variant else ''}", cells)


def _number(value: Any, digits: int, sources: tuple[str, ...]) -> Cell:
    if value is None:
        return Cell(text=_("not recorded"), sources=sources)
    return Cell(Estimate(float(value), None, "setting"), digits=digits, sources=sources)


def _rate(value: Any) -> str:
    return _("not recorded") if value is None else f"{float(value):.0e}".replace("e-0", "e-")
