"""Curves of a run: one chart per measure; a measure on training and on validation data share theirs."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mammo.core.charts import Point, line_chart
from modeling.figure_names import figure_name
from modeling.models import Metric, Run

# Beside the run's checkpoints; modeling.training.curves writes it.
METRICS_FILE = "metrics.jsonl"

# Names of measures as the trainer writes them; a stage's own are named as its figures are.
NAMES = {
    "loss": gettext_lazy("Loss"),
    "learning_rate": gettext_lazy("Learning rate"),
    "grad_norm": gettext_lazy("Gradient norm"),
}
ON_VALIDATION = ("eval_", "validation_", "val_")
# What is read first stands first.
FIRST = ("loss", "perplexity", "collapse", "macro_auc", "image_auc", "fused_auc", "report_auc")


def curves_of(metrics: Iterable[Metric]) -> list[SafeString]:
    """The charts of a run's metrics: losses first, then by name."""
    measures: dict[str, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    for metric in metrics:
        measure, part = _split(metric.name)
        measures[measure][part].append((metric.step, metric.value))
    ordered = sorted(measures, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    return [line_chart(measure_name(name), measures[name], x_label=_("Optimiser steps")) for name in ordered]


def measure_name(name: str) -> str:
    """What a curve is called; one without a name is shown as written."""
    return str(NAMES.get(name) or figure_name(name) or name)


def latest_curves(run: Run) -> list[Metric]:
    """Points of a run that trains on this machine, as its process has written them by now; none elsewhere."""
    try:
        lines = (
            (Path(settings.MAMMO_HOME) / "runs" / str(run.pk) / METRICS_FILE).read_text("utf-8").split("\n")
        )
    except OSError:
        return []
    rows = [json.loads(line) for line in lines[:-1]]  # the last one may be half-written
    return [
        Metric(run=run, step=row["step"], epoch=row["epoch"], name=row["name"], value=row["value"])
        for row in rows
    ]


def _split(name: str) -> tuple[str, str]:
    """A metric's name -> the measure and the part of the data it was taken on."""
    for prefix in ON_VALIDATION:
        if name.startswith(prefix):
            return name.removeprefix(prefix), _("validation")
    return name.removeprefix("train_"), _("training")
