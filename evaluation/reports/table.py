"""A table of a report, whatever its number: rows of cells, a computed caption, sources of each number."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from evaluation.statistics.results import Estimate

DISTRIBUTION = "mammovlm-platform"


def software_version() -> str:
    """Version of the platform that computed a table."""
    try:
        return f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}"
    except metadata.PackageNotFoundError:
        return f"{DISTRIBUTION} (not installed)"


@dataclass(frozen=True)
class Cell:
    """One cell: a number with its interval, or a text.

    Attributes:
        estimate: the number; None for a text or an empty cell.
        text: shown where there is no number.
        digits: decimals shown.
        sources: ids of the database rows behind the number.
    """

    estimate: "Estimate | None" = None
    text: str = ""
    digits: int = 1
    sources: Collection[str] = ()

    @property
    def shown(self) -> str:
        """`86.7 [83.4, 90.1]`, or the text, or a dash; a dash also where nothing could be estimated."""
        if self.estimate is None or math.isnan(self.estimate.value):
            return self.text or "–"
        value = f"{self.estimate.value:.{self.digits}f}"
        if self.estimate.interval is None:
            return value
        low, high = self.estimate.interval
        return f"{value} [{low:.{self.digits}f}, {high:.{self.digits}f}]"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: name in JSON.
        name: heading.
        from_paper: holds the paper's figures, not ours; headings say so.
    """

    key: str
    name: str
    from_paper: bool = False

    @property
    def heading(self) -> str:
        """The heading as printed."""
        return _("%(name)s (paper)") % {"name": self.name} if self.from_paper else self.name


@dataclass(frozen=True)
class Row:
    """One row: its label (first column) and its cells by column key."""

    key: str
    label: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Table:
    """A finished table.

    Attributes:
        number: of the paper.
        caption: computed from the data, with the table's number.
        stub: heading of the first column.
        method: names of the estimators and intervals.
        version: of the software.
        is_simulated: some of the numbers rest on simulated rows (the caption says so).
        sources: one mapping per database row behind the table, for the companion file.
    """

    number: int
    caption: str
    stub: str
    columns: list[Column]
    rows: list[Row]
    method: str
    version: str
    notes: list[str] = field(default_factory=list)
    is_simulated: bool = False
    sources: Collection[Mapping[str, Any]] = field(default_factory=list)

    @property
    def footnotes(self) -> list[str]:
        """Method, notes and version, as printed under the table."""
        lines = [self.method] if self.method else []
        return [*lines, *self.notes, self.version]

    def cell(self, row: Row, column: Column) -> Cell:
        """The cell at row and column; an empty one where there is none."""
        return row.cells.get(column.key, Cell())

    def as_json(self) -> dict[str, Any]:
        """The table as a JSON object."""
        return {
            "table": self.number,
            "caption": self.caption,
            "columns": [{"key": c.key, "name": c.heading, "paper": c.from_paper} for c in self.columns],
            "rows": [
                {
                    "key": row.key,
                    "label": row.label,
                    "cells": {c.key: _cell_json(self.cell(row, c)) for c in self.columns},
                }
                for row in self.rows
            ],
            "method": self.method,
            "notes": self.notes,
            "version": self.version,
            "simulated": self.is_simulated,
        }


def finite(value: float | None) -> float | None:
    """A number that JSON and spreadsheets have: what could not be estimated (an arm without scores) is None."""
    return value if value is not None and math.isfinite(value) else None


def _cell_json(cell: Cell) -> dict[str, Any] | str | None:
    if cell.estimate is None:
        return cell.text or None
    estimate = cell.estimate
    return {
        "value": finite(estimate.value),
        "ci": [finite(limit) for limit in estimate.interval] if estimate.interval else None,
        "n": estimate.n,
        "method": estimate.method,
        "rows": len(cell.sources),
    }
