"""Tables of patients' questions: CSV, JSON lines or XLSX with the columns of the data contract."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mammo.core.choices import Language
from mammo.core.errors import UserError
from mammo.core.jsonlines import read_jsonlines

COLUMNS = ("patient", "accession", "language", "turns", "text", "source", "consent")
LONGEST_QUESTION = 4000
SUFFIXES = (".csv", ".jsonl", ".xlsx")


@dataclass(frozen=True)
class QuestionRow:
    """One question as it was asked: turns alternate patient and answer and end with the patient."""

    number: int
    patient: str
    accession: str
    language: str
    turns: tuple[str, ...]
    source: str
    consent: str


def read_question_table(path: Path) -> list[QuestionRow]:
    """Read and check a whole table.

    Args:
        path: .csv, .jsonl or .xlsx with the columns patient, accession, language, turns or text, source,
            consent; `turns` is a JSON list of texts; patient and accession may be empty (no study).

    Raises:
        UserError: names the file and the column or row that is wrong, and the mend.
    """
    rows = [_checked(path, number, row) for number, row in _raw_rows(path)]
    if not rows:
        raise UserError(
            f"{path}: holds no questions; give a table with at least one row under its column names"
        )
    return rows


def _raw_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: tables of questions end in {', '.join(SUFFIXES)}")
    if suffix == ".jsonl":
        for number, row in enumerate(read_jsonlines(path), start=1):
            _check_columns(path, row)
            yield number, row
        return
    header, rows = _csv_cells(path) if suffix == ".csv" else _xlsx_cells(path)
    _check_columns(path, header)
    for number, cells in rows:
        if len(cells) > len(header):
            raise UserError(f"{path}, row {number}: more cells than columns; quote cells that hold commas")
        if any(str(cell or "").strip() for cell in cells):
            yield number, dict(zip(header, cells, strict=False))


def _csv_cells(path: Path) -> tuple[list[str], Iterable[tuple[int, Sequence[Any]]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give an existing table") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save the table as “CSV UTF-8”") from None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV table ({error}); mend the quotes") from None
    header = [name.strip() for name in rows[0]] if rows else []
    return header, list(enumerate(rows[1:], start=2))


def _xlsx_cells(path: Path) -> tuple[list[str], Iterable[tuple[int, Sequence[Any]]]]:
    from openpyxl import load_workbook

    if not path.exists():
        raise UserError(f"{path}: cannot be read (no such file); give an existing table")
    try:
        sheet = load_workbook(path, read_only=True, data_only=True).worksheets[0]
        rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    except Exception as error:  # openpyxl raises many kinds on a broken file
        raise UserError(f"{path}: not an XLSX table ({error}); save it again from the spreadsheet") from None
    header = [str(name or "").strip() for name in rows[0]] if rows else []
    while header and not header[-1]:
        header.pop()
    return header, [(number, row[: len(header)]) for number, row in enumerate(rows[1:], start=2)]


def _check_columns(path: Path, names: Iterable[str]) -> None:
    given = list(names)
    unknown = [name for name in given if name not in COLUMNS]
    if unknown:
        raise UserError(f"{path}: unknown column {unknown[0]!r}; known: {', '.join(COLUMNS)}")
    if ("turns" in given) == ("text" in given):
        raise UserError(f"{path}: give one of the columns 'turns' (several rounds) and 'text' (one question)")
    if "source" not in given:
        raise UserError(f"{path}: column 'source' is missing; it says where the questions were asked")
    doubled = sorted({name for name in given if given.count(name) > 1})
    if doubled:
        raise UserError(f"{path}: column {doubled[0]!r} occurs twice; keep one")


def _checked(path: Path, number: int, row: Mapping[str, Any]) -> QuestionRow:
    where = f"{path}, row {number}"
    cells = {name: str(row.get(name) or "").strip() for name in COLUMNS if name != "turns"}
    turns = _turns(where, row)
    language = cells["language"] or language_of(" ".join(turns[::2]))
    if language not in Language.values:
        raise UserError(f"{where}: language {language!r} is unknown; known: {', '.join(Language.values)}")
    if not cells["source"]:
        raise UserError(f"{where}: source is empty; say where the question was asked")
    for name, limit in (("source", 60), ("consent", 120)):
        if len(cells[name]) > limit:
            raise UserError(f"{where}: {name} is longer than {limit} characters; shorten it")
    return QuestionRow(
        number, cells["patient"], cells["accession"], language, turns, cells["source"], cells["consent"]
    )


def _turns(where: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    given = row.get("turns") if "turns" in row else [row.get("text")]
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            raise UserError(
                f"{where}: turns is not a JSON list; write [\"question\"] or use the column 'text'"
            ) from None
    if not isinstance(given, list) or not all(isinstance(turn, str) and turn.strip() for turn in given):
        raise UserError(f"{where}: the question is empty or not a text; write it, or leave the row out")
    if len(given) % 2 == 0:
        raise UserError(
            f"{where}: {len(given)} turns; they alternate patient and answer and end with the patient"
        )
    if sum(len(turn) for turn in given) > LONGEST_QUESTION:
        raise UserError(f"{where}: the question is longer than {LONGEST_QUESTION} characters; shorten it")
    return tuple(turn.replace("\r\n", "\n").strip() for turn in given)


def language_of(text: str) -> str:
    """`zh`, `en` or `mix`, by the share of Chinese characters among the letters."""
    letters = [character for character in text if unicodedata.category(character).startswith("L")]
    chinese = sum(0x3400 <= ord(character) <= 0x9FFF for character in letters)
    if not letters or chinese == 0:
        return Language.ENGLISH.value
    # A Chinese sentence with terms such as BI-RADS stays Chinese.
    return Language.CHINESE.value if chinese / len(letters) >= 0.3 else Language.MIXED.value
