"""CSV for spreadsheets: UTF-8 with BOM, no text that a spreadsheet would compute."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from evaluation.reports.table import Table
from evaluation.reports.writers.flat import flat_header, flat_rows, safe_text

BOM = "\ufeff"


def write_csv(table: Table) -> bytes:
    """The table, an empty line, then caption and footnotes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(flat_header(table))
    writer.writerows([["" if value is None else value for value in row] for row in flat_rows(table)])
    writer.writerow([])
    for line in (table.caption, *table.footnotes):
        writer.writerow([safe_text(line)])
    return (BOM + text.getvalue()).encode()


def write_sources(sources: Iterable[Mapping[str, Any]]) -> bytes:
    """The companion file: one line per database row behind the table."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    header: list[str] = []
    for row in sources:
        if not header:
            header = list(row)
            writer.writerow(header)
        writer.writerow([safe_text(v) if isinstance(v, str) else v for v in (row[name] for name in header)])
    if not header:
        writer.writerow(["score"])
    return (BOM + text.getvalue()).encode()
