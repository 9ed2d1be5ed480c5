"""A CSV file as rows of texts, with errors that name file, row and column."""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from mammo.core.errors import UserError

if TYPE_CHECKING:
    import _csv

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none"})
# A spreadsheet that separates cells by semicolons writes 3,5 for three and a half.
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class CsvRow:
    """One row: its line number in the file, and its cells by column."""

    path: Path
    line: int
    cells: dict[str, str]
    has_decimal_comma: bool = False

    def text(self, column: str) -> str:
        """Return a cell that must not be empty."""
        value = self.cells[column]
        if not value:
            raise self.error(column, "is empty")
        return value

    def number(self, column: str) -> float:
        """Return a cell that must be a finite number."""
        value = self.optional_number(column)
        if value is None:
            held = self.cells[column]
            raise self.error(
                column, f"holds no number ({held!r}: missing)" if held else "is empty; give a number"
            )
        return value

    def optional_number(self, column: str) -> float | None:
        """Return a cell as a finite number, or None when it is empty or says NA."""
        value = self.cells[column]
        if value.lower() in MISSING:
            return None
        if self.has_decimal_comma and DECIMAL_COMMA.fullmatch(value):
            value = value.replace(",", ".")
        try:
            if "_" in value:  # Python's own 1_000 is no number of a table
                raise ValueError
            number = float(value)
        except ValueError:
            raise self.error(column, f"{value!r} is not a number") from None
        if not math.isfinite(number):
            raise self.error(column, f"{value!r} is not a finite number")
        return number

    def count(self, column: str) -> int:
        """Return a cell that must be a whole number of at least 0."""
        value = self.number(column)
        if value < 0 or value != int(value):
            raise self.error(column, f"{self.cells[column]!r} is not a count (0, 1, 2, …)")
        return int(value)

    def error(self, column: str, problem: str) -> UserError:
        """An error that names file, line and column."""
        return UserError(
            _("%(path)s, line %(line)s, column %(column)s: %(problem)s")
            % {"path": self.path, "line": self.line, "column": column, "problem": problem}
        )


@dataclass(frozen=True)
class CsvTable:
    """A file that was read whole."""

    path: Path
    columns: tuple[str, ...]
    rows: list[CsvRow]

    def require(self, columns: Iterable[str]) -> None:
        """Refuse a file that lacks a column.

        Raises:
            UserError: names the missing column and those that exist.
        """
        for column in columns:
            if column not in self.columns:
                raise UserError(
                    _("%(path)s: column %(column)r is missing; found: %(known)s")
                    % {"path": self.path, "column": column, "known": ", ".join(self.columns)}
                )

    def __iter__(self) -> Iterator[CsvRow]:
        return iter(self.rows)


def read_csv(path: Path) -> CsvTable:
    """Read a CSV file (UTF-8, with or without BOM; comma, semicolon or tab).

    Raises:
        UserError: the file is missing, not UTF-8 or empty, or a row is longer or shorter than the header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            _("%(path)s: not UTF-8 text (byte %(place)s); save it as CSV UTF-8")
            % {"path": path, "place": error.start}
        ) from None
    except OSError as error:
        raise UserError(
            _("%(path)s: cannot be read (%(reason)s); give an existing CSV file")
            % {"path": path, "reason": error.strerror}
        ) from None
    if "\0" in text:
        raise UserError(
            _("%(path)s: not a CSV file (it holds zero bytes); save it as CSV UTF-8") % {"path": path}
        )
    if not text.strip():
        raise UserError(_("%(path)s: the file is empty; give a CSV file with a header line") % {"path": path})
    text = text.lstrip("\r\n")
    delimiter = max(",;\t", key=text.splitlines()[0].count)
    # The reader itself splits lines: a quoted cell may hold a line break.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return _table(path, reader, has_decimal_comma=delimiter == ";")
    except csv.Error as error:
        raise UserError(
            _("%(path)s, line %(line)s: no CSV (%(error)s)")
            % {"path": path, "line": reader.line_num, "error": error}
        ) from None


def _table(path: Path, reader: "_csv.Reader", *, has_decimal_comma: bool) -> CsvTable:
    header = tuple(name.strip() for name in next(reader))
    if len(set(header)) != len(header):
        double = next(name for name in header if header.count(name) > 1)
        raise UserError(
            _("%(path)s: column %(double)r is there twice; rename one") % {"path": path, "double": double}
        )
    rows = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise UserError(
                _("%(path)s, line %(line)s: %(cells)s cells where the header has %(expected)s")
                % {"path": path, "line": reader.line_num, "cells": len(cells), "expected": len(header)}
            )
        values = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        rows.append(CsvRow(path, reader.line_num, values, has_decimal_comma))
    if not rows:
        raise UserError(_("%(path)s: there are no rows under the header") % {"path": path})
    return CsvTable(path, header, rows)
