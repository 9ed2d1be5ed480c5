"""Tables beside the images: CSV, TSV, JSON lines or XLSX; columns that are unknown and not mapped are refused by name."""

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from mammo.core.errors import UserError
from mammo.core.words import gettext as _

# Tried in this order; GB18030 decodes almost anything, so it comes last.
ENCODINGS = ("utf-8-sig", "gb18030")
MAX_FIELD = 1_000_000
# Of an XLSX file.
MAX_UNPACKED, MAX_PARTS = 400 * 1024**2, 2_000


@dataclass(frozen=True)
class Columns:
    """Columns of one kind of table.

    Attributes:
        required: must all be there.
        optional: may be there.
        one_of: at least one whole group must be there (join keys).
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Every column, in order."""
        return tuple(
            dict.fromkeys(
                (*(name for group in self.one_of for name in group), *self.required, *self.optional)
            )
        )


REPORTS = Columns(
    required=("text",),
    optional=("age", "vendor", "symptom", "indication", "history", "doctor"),
    one_of=(("patient", "accession"), ("study_uid",), ("patient", "date")),
)
LABELS = Columns(
    required=("file",),
    optional=(
        "patient",
        "study",
        "laterality",
        "view",
        "mirrored",
        "density",
        "birads",
        "birads_left",
        "birads_right",
    ),
)
PATHOLOGY = Columns(
    required=("patient", "side", "method", "class"),
    optional=("accession", "date", "lesion", "follow_up_months"),
)


@dataclass(frozen=True)
class Row:
    """One row: its number in the file (as an editor counts lines of a CSV file), and its cells as stripped text."""

    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


Mapping = dict[str, str]
Check = Callable[[list[str]], None]


def read_table(path: Path, columns: Columns, option: str, mapping: Mapping | None = None) -> list[Row]:
    """Read a whole table.

    Args:
        option: how the user named it (`--reports`), for messages.
        mapping: the table's own column names -> ours; '' leaves a column out. Others keep their names.

    Raises:
        UserError: the file is missing or unreadable, a column is unknown or missing, a row is malformed.
    """
    if not path.is_file():
        raise UserError(f"{option} {path}: {_not_a_file(path)}")
    named = mapping or {}
    rows = []
    for number, written in _rows(
        path, lambda names: _check_columns(path, _mapped(path, names, named), columns)
    ):
        cells = {named.get(name, name): value for name, value in written.items() if named.get(name, name)}
        if any(cells.values()):
            rows.append(Row(number, cells))
    if not rows:
        raise UserError(
            _("%(option)s %(path)s: holds no rows; known columns: %(known)s")
            % {"option": option, "path": path, "known": ", ".join(columns.known)}
        )
    return rows


def header_and_rows(path: Path, count: int = 5) -> tuple[list[str], list[list[str]]]:
    """The columns of a table as it names them, and its first rows, for a preview.

    Raises:
        UserError: the file is missing or unreadable.
    """
    if not path.is_file():
        raise UserError(f"{path}: {_not_a_file(path)}")
    first = list(islice(_rows(path, lambda names: None), count))
    header = list(dict.fromkeys(name for _, cells in first for name in cells))
    return header, [[cells.get(name, "") for name in header] for _, cells in first]


def every_row(path: Path) -> list[Row]:
    """Every row under the table's own column names, also one without a value.

    Raises:
        UserError: it can't be read to the end.
    """
    return [Row(number, cells) for number, cells in _rows(path, lambda names: None)]


def _not_a_file(path: Path) -> str:
    return _("a folder; name the file in it") if path.is_dir() else _("no such file; check the path")


def _rows(path: Path, check: Check) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows by number; `check` sees the columns before any row is read."""
    readers = {".jsonl": _jsonl_rows, ".json": _jsonl_rows, ".xlsx": _xlsx_rows}
    return readers.get(path.suffix.lower(), _csv_rows)(path, check)


def _mapped(path: Path, found: list[str], mapping: Mapping) -> list[str]:
    names = [named for name in found if (named := mapping.get(name, name))]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(
            _("%(path)s: two columns are mapped to %(twice)r; leave one out") % {"path": path, "twice": twice}
        )
    return names


def _check_columns(path: Path, found: list[str], columns: Columns) -> None:
    unknown = [name for name in found if name not in columns.known]
    if unknown:
        named = ", ".join(repr(name) for name in unknown)
        raise UserError(
            _("%(path)s: unknown column %(named)s; known: %(known)s. Rename or remove it")
            % {"path": path, "named": named, "known": ", ".join(columns.known)}
        )
    missing = [name for name in columns.required if name not in found]
    if missing:
        raise UserError(
            _("%(path)s: column %(missing)r is missing; needed: %(known)s")
            % {"path": path, "missing": missing[0], "known": ", ".join(columns.required)}
        )
    if columns.one_of and not any(set(group) <= set(found) for group in columns.one_of):
        groups = _(" or ").join(_(" and ").join(group) for group in columns.one_of)
        raise UserError(
            _("%(path)s: nothing to match rows by; it needs %(groups)s") % {"path": path, "groups": groups}
        )


def decoded_text(path: Path) -> str:
    """The text of a table, UTF-8 or GB18030.

    Raises:
        UserError: it is empty or neither of the two.
    """
    raw = path.read_bytes()
    if not raw.strip():
        raise UserError(
            _("%(path)s: empty; it needs a line of column names and a row below it") % {"path": path}
        )
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(_("%(path)s: neither UTF-8 nor GB18030; save it as UTF-8") % {"path": path})


def _delimiter(path: Path, text: str) -> str:
    """Of a table of text: tabs where the name or the first line says so, semicolons as some spreadsheets write."""
    first = text.split("\n", 1)[0]
    if path.suffix.lower() in (".tsv", ".tab") or ("\t" in first and "," not in first):
        return "\t"
    return ";" if ";" in first and "," not in first else ","


def _csv_rows(path: Path, check: Check) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(MAX_FIELD)
    text = decoded_text(path)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(path, text))
    try:
        names = [(name or "").strip() for name in reader.fieldnames or []]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(
                _("%(path)s: column %(twice)r stands in it twice; rename one")
                % {"path": path, "twice": twice}
            )
        check(names)
        for cells in reader:
            if None in cells:
                raise UserError(
                    _("%(path)s, line %(line)s: more cells than columns; quote cells that hold commas")
                    % {"path": path, "line": reader.line_num}
                )
            yield (
                reader.line_num,
                {(name or "").strip(): (value or "").strip() for name, value in cells.items()},
            )
    except csv.Error as error:
        raise UserError(
            _("%(path)s, line %(line)s: %(error)s; mend this line")
            % {"path": path, "line": reader.line_num, "error": error}
        ) from None


def _jsonl_rows(path: Path, check: Check) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(decoded_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(
                _("%(path)s, line %(number)s: not JSON (%(error)s); mend this line")
                % {"path": path, "number": number, "error": error}
            ) from None
        if not isinstance(row, dict):
            raise UserError(
                _("%(path)s, line %(number)s: expected one JSON object per line")
                % {"path": path, "number": number}
            )
        check(list(row))
        yield number, {name: "" if value is None else str(value).strip() for name, value in row.items()}


def _xlsx_rows(path: Path, check: Check) -> Iterator[tuple[int, dict[str, str]]]:
    _refuse_bomb(path)
    rows = _xlsx_cells(path)
    names = [str(cell or "").strip() for cell in next(rows, ())]
    check([name for name in names if name])
    for number, cells in enumerate(rows, start=2):
        yield number, {name: _cell(cell) for name, cell in zip(names, cells, strict=False) if name}


def _xlsx_cells(path: Path) -> Iterator[tuple[Any, ...]]:
    """Rows of a workbook's first sheet. Its parts are unpacked and read row by row, so damage may come late."""
    from openpyxl import load_workbook  # imported where it is needed: it costs a second
    from openpyxl.utils.exceptions import InvalidFileException

    # A ParseError of XML is a SyntaxError; a book without a sheet of cells has no first one; what asks for a password
    # is a RuntimeError, and so is what a later ZIP is said to need.
    damaged = (BadZipFile, zlib.error, EOFError, SyntaxError, InvalidFileException, LookupError, OSError,
               ValueError, TypeError, AttributeError, RuntimeError)  # fmt: skip
    try:
        with closing(load_workbook(path, read_only=True, data_only=True)) as book:
            yield from book.worksheets[0].iter_rows(values_only=True)
    except damaged:
        raise UserError(
            _("%(path)s: not a readable XLSX file; save it again or give a CSV file") % {"path": path}
        ) from None


def _refuse_bomb(path: Path) -> None:
    """A workbook is a zip archive: what it says it unpacks to must be possible for a table."""
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        return  # load_workbook says what is wrong with it
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED or len(members) > MAX_PARTS:
        raise UserError(
            _("%(path)s: unpacks to more than a table can hold; save it again or give a CSV file")
            % {"path": path}
        )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a spreadsheet's numbers are floats; hospital numbers are not
    return str(value).strip()
