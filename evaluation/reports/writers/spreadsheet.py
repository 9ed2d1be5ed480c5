"""XLSX: numbers as numbers, no formulas, no links."""

import datetime
import io

import xlsxwriter

from evaluation.reports.table import Table
from evaluation.reports.writers.flat import flat_header, flat_rows

# Fixed, so that the same table gives the same file.
CREATED = datetime.datetime(2020, 1, 1)
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_xlsx(table: Table) -> bytes:
    """One sheet: the table, then caption and footnotes."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, OPTIONS)
    book.set_properties({"title": f"Table {table.number}", "created": CREATED})
    sheet = book.add_worksheet(f"Table {table.number}")
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    number = book.add_format({"num_format": "0.00"})
    whole = book.add_format({"num_format": "0"})
    for place, name in enumerate(flat_header(table)):
        sheet.write_string(0, place, name, bold)
    rows = flat_rows(table)
    for line, values in enumerate(rows, start=1):
        for place, value in enumerate(values):
            if isinstance(value, str):
                sheet.write_string(line, place, value)
            elif value is not None:
                sheet.write_number(line, place, value, whole if isinstance(value, int) else number)
    for line, text in enumerate((table.caption, *table.footnotes), start=len(rows) + 2):
        sheet.write_string(line, 0, text)
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, max(1, len(flat_header(table)) - 1), 12)
    sheet.freeze_panes(1, 1)
    book.close()
    return stream.getvalue()
