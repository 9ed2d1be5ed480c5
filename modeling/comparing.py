"""Runs side by side: settings that differ, curves of one measure in one chart, figures of their checkpoints."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from mammo.core.charts import Point, line_chart
from modeling.curves import measure_name
from modeling.models import Run
from modeling.services.code_at_work import GPUS


def side_by_side(runs: Sequence[Run]) -> dict[str, Any]:
    """What the page shows of them.

    Returns:
        labels: one per run. settings: (field, values) where the runs differ. figures: (name, values). curves: charts
        with one line per run.
    """
    labels = [_label(number, run) for number, run in enumerate(runs, start=1)]
    return {
        "labels": labels,
        "settings": _settings(runs),
        "figures": _figures(runs),
        "curves": _curves(runs, labels),
    }


def _label(number: int, run: Run) -> str:
    return f"{number}: {run.name or run.get_stage_display()}"


def _settings(runs: Sequence[Run]) -> list[tuple[str, list[Any]]]:
    told = [
        {
            **run.config,
            _("Seed"): run.seed,
            _("Training set"): run.snapshot.content_hash[:16] if run.snapshot else "",
            _("Code version"): run.code_version,
            _("GPUs"): run.environment.get(GPUS, "–"),
            **{name: told for name, told in run.environment.items() if name not in (GPUS, "code")},
        }
        for run in runs
    ]
    names = list(dict.fromkeys(name for each in told for name in each))
    rows = [(name, [each.get(name, "–") for each in told]) for name in names]
    return [(name, values) for name, values in rows if any(value != values[0] for value in values)]


def _figures(runs: Sequence[Run]) -> list[tuple[str, list[Any]]]:
    newest = [run.checkpoints.order_by("-created_at").first() for run in runs]
    told = [checkpoint.metrics if checkpoint is not None else {} for checkpoint in newest]
    names = sorted({name for each in told for name in each})
    return [(name, [each.get(name) for each in told]) for name in names]


def _curves(runs: Sequence[Run], labels: Sequence[str]) -> list[Any]:
    measures: dict[str, dict[str, list[Point]]] = defaultdict(dict)
    for run, label in zip(runs, labels, strict=True):
        for point in run.metric_points.order_by("step"):
            measures[point.name].setdefault(label, []).append((point.step, point.value))
    return [
        line_chart(measure_name(name), series, x_label=_("Optimiser steps"))
        for name, series in sorted(measures.items())
    ]
