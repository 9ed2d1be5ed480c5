"""Workbooks as a broken transfer or a broken program leaves them."""

import io
import zipfile
from collections.abc import Callable, Sequence

from openpyxl import Workbook
from openpyxl.chart import BarChart

Rows = Sequence[Sequence[str]]
SHEET = "xl/worksheets/sheet1.xml"
# An XLSX is a ZIP: a local header's fixed part, with the lengths of name and extra field in its last four bytes.
LOCAL_HEADER = 30


def book(rows: Rows) -> bytes:
    """A workbook in order."""
    made, written = Workbook(), io.BytesIO()
    for row in rows:
        made.active.append(list(row))
    made.save(written)
    return written.getvalue()


def broken_xml(rows: Rows) -> bytes:
    """The sheet ends in the middle of its last row."""
    return _with_sheet(book(rows), lambda sheet: sheet[: sheet.rindex(b"<c ")])


def flipped_bit(rows: Rows) -> bytes:
    """One bit of the packed sheet is another, near its end: the rows before it can be read."""
    data = bytearray(book(rows))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        member = packed.getinfo(SHEET)
    at = member.header_offset
    begins = at + LOCAL_HEADER + sum(int.from_bytes(data[at + i : at + i + 2], "little") for i in (26, 28))
    data[begins + member.compress_size - 6] ^= 0x10
    return bytes(data)


def charts_only(_rows: Rows) -> bytes:
    """A workbook of charts, without a sheet of cells."""
    made, written = Workbook(), io.BytesIO()
    made.remove(made.active)
    made.create_chartsheet("Chart").add_chart(BarChart())
    made.save(written)
    return written.getvalue()


def cut_short(rows: Rows) -> bytes:
    """The transfer broke off."""
    whole = book(rows)
    return whole[: len(whole) * 2 // 3]


def locked(rows: Rows) -> bytes:
    """The sheet is marked as encrypted under a password."""
    data = bytearray(book(rows))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        at = packed.getinfo(SHEET).header_offset
    data[at + 6] |= 1
    central = data.rindex(SHEET.encode()) - 46
    data[central + 8] |= 1
    return bytes(data)


DAMAGES: tuple[Callable[[Rows], bytes], ...] = (broken_xml, flipped_bit, charts_only, cut_short, locked)


def _with_sheet(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, change(part) if name == SHEET else part)
    return made.getvalue()
