"""DOCX by python-docx."""

import datetime
import io

from docx import Document
from docx.shared import Pt

from evaluation.reports.table import Table

# Fixed, so that the same table says the same about itself.
CREATED = datetime.datetime(2020, 1, 1)


def write_docx(table: Table) -> bytes:
    """Caption, table, footnotes."""
    document = Document()
    document.core_properties.title = f"Table {table.number}"
    document.core_properties.created = document.core_properties.modified = CREATED
    document.core_properties.author = table.version
    document.add_paragraph(table.caption, style="Caption")
    grid = document.add_table(rows=1, cols=len(table.columns) + 1, style="Light List")
    for cell, name in zip(grid.rows[0].cells, [table.stub, *(c.heading for c in table.columns)], strict=True):
        cell.text = name
    for row in table.rows:
        texts = [row.label, *(table.cell(row, column).shown for column in table.columns)]
        for cell, text in zip(grid.add_row().cells, texts, strict=True):
            cell.text = text
    for note in table.footnotes:
        document.add_paragraph().add_run(note).font.size = Pt(8)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()
