"""Results of an analysis: the object that `--json` prints, and lines for a person."""

import math
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from evaluation.statistics.results import Estimate, Interval
from evaluation.statistics.score_cube import MOST_CELLS, TooSparseError
from mammo.core.errors import UserError


@dataclass(frozen=True)
class AnalysisResult:
    """Attributes:
    data: a JSON object; no NaN or infinity in it.
    lines: the same for a terminal.
    """

    data: dict[str, Any]
    lines: list[str] = field(default_factory=list)


def number(value: float | None) -> float | None:
    """A number JSON can hold: None for NaN and infinity."""
    return value if value is not None and math.isfinite(value) else None


def limits(interval: Interval | None) -> list[float] | None:
    """An interval as a JSON list; None where there is none or a limit is not finite."""
    if interval is None or not all(map(math.isfinite, interval)):
        return None
    return [float(interval[0]), float(interval[1])]


def shown(estimate: Estimate, digits: int = 4) -> str:
    """`0.8237 [0.7485, 0.8988]`; `no interval` where there is none, `not defined` where there is no value."""
    if not math.isfinite(estimate.value):
        return "not defined"
    value = f"{estimate.value:.{digits}f}"
    if estimate.interval is None or not all(map(math.isfinite, estimate.interval)):
        return f"{value} (no interval)"
    return f"{value} [{estimate.interval[0]:.{digits}f}, {estimate.interval[1]:.{digits}f}]"


def unfit(path: object, error: ValueError) -> UserError:
    """What the statistics say of a file's rows, as the error of the file."""
    if not isinstance(error, TooSparseError):
        return UserError(f"{path}: {error}")
    return UserError(
        _(
            "%(path)s: its labels hardly ever meet: they have %(cells)s combinations, and at most %(most)s can be "
            "analysed; check the columns of labels, or analyse a part of the file"
        )
        % {"path": path, "cells": error.cells, "most": MOST_CELLS}
    )


def columns(rows: list[list[str]]) -> list[str]:
    """Rows as aligned text; the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
