"""Markdown with pipe tables."""

import re

from evaluation.reports.table import Table

# A `<` that could begin a tag or an address; before a blank or a number it is a sign of comparison.
_TAG = re.compile(r"<(?=[^\s\d=.])")


def _cell(text: str) -> str:
    return _TAG.sub("&lt;", text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " "))


def write_markdown(table: Table) -> bytes:
    """Caption in bold, the table, footnotes."""
    head = [table.stub, *(column.heading for column in table.columns)]
    lines = [f"**{_cell(table.caption)}**", "", "| " + " | ".join(map(_cell, head)) + " |"]
    lines.append("|" + "---|" * len(head))
    for row in table.rows:
        cells = [row.label, *(table.cell(row, column).shown for column in table.columns)]
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    lines += ["", *(f"{_cell(note)}  " for note in table.footnotes)]
    return ("\n".join(lines) + "\n").encode()
