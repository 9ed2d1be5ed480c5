"""HTML without inline styles: a whole page, and the same table as a fragment for our own pages."""

from collections.abc import Callable

from django.utils.html import escape
from django.utils.translation import get_language

from evaluation.reports.table import Column, Row, Table

Link = Callable[[Row, Column], str]


def html_fragment(table: Table, *, link: Link | None = None) -> str:
    """The `<table>` and its footnotes; every text is escaped.

    Args:
        link: address of the rows behind a cell, for cells that name rows.
    """
    marks = [" data-paper" if column.from_paper else "" for column in table.columns]
    head = "".join(
        f'<th scope="col" class="number"{mark}>{escape(column.heading)}</th>'
        for column, mark in zip(table.columns, marks, strict=True)
    )
    body = []
    for row in table.rows:
        shown = [_shown(table, row, column, link) for column in table.columns]
        cells = "".join(
            f'<td class="number"{mark}>{text}</td>' for text, mark in zip(shown, marks, strict=True)
        )
        body.append(f'<tr><th scope="row">{escape(row.label)}</th>{cells}</tr>')
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.footnotes)
    return (
        f'<table class="table table-sm" id="table-{table.number}">\n'
        f"<caption>{escape(table.caption)}</caption>\n"
        f'<thead><tr><th scope="col">{escape(table.stub)}</th>{head}</tr></thead>\n'
        f'<tbody>\n{chr(10).join(body)}\n</tbody>\n</table>\n<div class="footnotes">{notes}</div>\n'
    )


def _shown(table: Table, row: Row, column: Column, link: Link | None) -> str:
    cell = table.cell(row, column)
    text = str(escape(cell.shown))
    if link is None or not cell.sources:
        return text
    return f'<a href="{escape(link(row, column))}">{text}</a>'


def write_html(table: Table) -> bytes:
    """A page of its own."""
    return (
        f'<!doctype html>\n<html lang="{get_language() or "en"}">\n<head><meta charset="utf-8">'
        f"<title>Table {table.number}</title></head>\n<body>\n{html_fragment(table)}</body>\n</html>\n"
    ).encode()
