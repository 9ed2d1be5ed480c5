"""Tables of patients' questions: CSV, JSON lines or XLSX with the columns of the data contract."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from annotation.field_names import field_name
from mammo.archive.tables import Columns, read_table
from mammo.core.choices import Language
from mammo.core.errors import UserError
from mammo.core.jsonlines import read_jsonlines
from mammo.core.outside_json import parsed

# Read for a campaign and for a trial alike.
_SHARED = ("patient", "accession", "language", "turns", "text", "consent", "date")
# A campaign also knows pools: groups of its people, each with questions of its own.
COLUMNS = Columns(required=("source",), optional=(*_SHARED, "pool"))
# For a trial, where every arm answers each turn: the patient's turns alone, without the answers that she got.
DIALOGUE_COLUMNS = Columns(required=COLUMNS.required, optional=(*_SHARED, "rounds"))
WORDINGS = ("turns", "text", "rounds")
LONGEST_QUESTION = 4000
# Wrong rows that one refusal names; the others are counted.
MOST_NAMED = 20
LONGEST_POOL = 40
# PostgreSQL stores no NUL, and no file holds a lone surrogate, half of a character.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
SUFFIXES = (".csv", ".jsonl", ".xlsx")


@dataclass(frozen=True)
class QuestionRow:
    """One question as it was asked: turns alternate patient and answer and end with the patient.

    The answers are empty where the patient's turns came alone. `pool` names the people it waits for; empty: all.
    """

    number: int
    patient: str
    accession: str
    language: str
    turns: tuple[str, ...]
    source: str
    consent: str
    asked_on: date | None = None
    pool: str = ""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "QuestionRow":
        """The row that `dataclasses.asdict` gave, after a passage through JSON."""
        day = values.get("asked_on")
        return cls(
            **{
                **values,
                "turns": tuple(values["turns"]),
                "asked_on": date.fromisoformat(day) if day else None,
            }
        )


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with one row: its number, and words that name the row, the field and the mend."""

    row: int
    said: str


class WrongRowsError(UserError):
    """Rows of a table are wrong; all of them are known, the first `MOST_NAMED` are named.

    Attributes:
        problems: one per wrong row.
        rows: those that can be read.
    """

    def __init__(self, problems: Sequence[RowProblem], rows: Sequence[QuestionRow] = ()) -> None:
        self.problems, self.rows = sorted(problems, key=lambda one: one.row), list(rows)
        said = "; ".join(one.said for one in self.problems[:MOST_NAMED])
        more = len(self.problems) - MOST_NAMED
        super().__init__(said + (_("; and %(count)s more rows") % {"count": more} if more > 0 else ""))


def read_question_table(path: Path, *, dialogues: bool = False) -> list[QuestionRow]:
    """Read and check a whole table.

    Args:
        path: .csv, .jsonl or .xlsx with the columns patient, accession, language, turns or text, source,
            consent, date (when it was asked), pool (for which of the campaign's people); `turns` is a JSON list of
            texts; patient and accession may be empty (no study).
        dialogues: a trial's table, which knows no pool: the column `rounds` may stand instead of turns or text, a
            JSON list of two or more texts of the patient, without answers.

    Raises:
        UserError: names the file and the column that is wrong, and the mend.
        WrongRowsError: names every wrong row (bounded) so.
    """
    columns = DIALOGUE_COLUMNS if dialogues else COLUMNS
    rows, problems = [], []
    for number, row in _raw_rows(path, columns):
        try:
            rows.append(_checked(path, number, row))
        except UserError as wrong:
            problems.append(RowProblem(number, str(wrong)))
    if problems:
        raise WrongRowsError(problems, rows)
    if not rows:
        raise UserError(
            _("%(path)s: holds no questions; give a table with at least one row under its column names")
            % {"path": path}
        )
    return rows


def _raw_rows(path: Path, columns: Columns) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            _("%(path)s: tables of questions end in %(known)s") % {"path": path, "known": ", ".join(SUFFIXES)}
        )
    if path.suffix.lower() == ".jsonl":
        # Read here: `turns` is a list there, and text in the cells of a table.
        for number, row in enumerate(read_jsonlines(path), start=1):
            unknown = [name for name in row if name not in columns.known]
            if unknown:
                raise UserError(
                    _("%(path)s: unknown column %(unknown)r; known: %(known)s")
                    % {"path": path, "unknown": unknown[0], "known": ", ".join(columns.known)}
                )
            _check_wording(path, row)
            yield number, row
        return
    for found in read_table(path, columns, "questions"):
        _check_wording(path, found.cells)
        yield found.number, dict(found.cells)


def _check_wording(path: Path, names: Iterable[str]) -> None:
    given = list(names)
    if sum(name in given for name in WORDINGS) != 1:
        raise UserError(
            _("%(path)s: give one of the columns 'turns' (several rounds) and 'text' (one question)")
            % {"path": path}
        )


def _checked(path: Path, number: int, row: Mapping[str, Any]) -> QuestionRow:
    where = _("%(path)s, row %(row)s") % {"path": path, "row": number}
    cells = {name: _cell(where, name, row.get(name)) for name in COLUMNS.known if name not in WORDINGS}
    turns = _turns(where, row)
    language = cells["language"] or language_of(" ".join(turns[::2]))
    if language not in Language.values:
        raise UserError(
            _("%(where)s: language %(language)r is unknown; known: %(known)s")
            % {"where": where, "language": language, "known": ", ".join(Language.values)}
        )
    if not cells["source"]:
        raise UserError(_("%(where)s: source is empty; say where the question was asked") % {"where": where})
    for name, limit in (("source", 60), ("consent", 120), ("pool", LONGEST_POOL)):
        if len(cells[name]) > limit:
            raise UserError(
                _("%(where)s: %(name)s is longer than %(limit)s characters; shorten it")
                % {"where": where, "name": field_name(name), "limit": limit}
            )
    return QuestionRow(
        number=number,
        patient=cells["patient"],
        accession=cells["accession"],
        language=language,
        turns=turns,
        source=cells["source"],
        consent=cells["consent"],
        asked_on=_day(where, cells["date"]),
        pool=cells["pool"],
    )


def _cell(where: str, name: str, value: Any) -> str:
    if isinstance(value, list | dict):
        raise UserError(
            _("%(where)s: %(name)s holds a list or an object; give one text")
            % {"where": where, "name": field_name(name)}
        )
    return _storable(where, name, str(value or "")).strip()


def _storable(where: str, name: str, text: str) -> str:
    if UNSTORABLE.search(text):
        raise UserError(
            _("%(where)s: %(name)s holds a character that can't be stored (NUL, or half of one); take it out")
            % {"where": where, "name": field_name(name)}
        )
    return text


def _day(where: str, written: str) -> date | None:
    if not written:
        return None
    try:
        return date.fromisoformat(written[:10].replace("/", "-"))
    except ValueError:
        raise UserError(
            _("%(where)s: date %(written)r is no day such as 2027-01-31")
            % {"where": where, "written": written}
        ) from None


def _turns(where: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    column = next(name for name in WORDINGS if name in row)
    given = [row["text"]] if column == "text" else row[column]
    if isinstance(given, str):
        try:
            given = parsed(given)
        except ValueError as error:
            raise UserError(
                _(
                    '%(where)s: %(column)s is not a JSON list (%(error)s); write ["question"] or use the column '
                    "'text'"
                )
                % {"where": where, "column": column, "error": error}
            ) from None
    if not isinstance(given, list) or not all(isinstance(turn, str) and turn.strip() for turn in given):
        raise UserError(
            _("%(where)s: the question is empty or not a text; write it, or leave the row out")
            % {"where": where}
        )
    if column == "rounds":
        if len(given) < 2:
            raise UserError(
                _("%(where)s: rounds holds one turn; give two or more, or use the column 'text'")
                % {"where": where}
            )
        # The answers in between are nobody's yet.
        given = [text for said in given for text in (said, "")][:-1]
    elif len(given) % 2 == 0:
        raise UserError(
            _("%(where)s: %(count)s turns; they alternate patient and answer and end with the patient")
            % {"where": where, "count": len(given)}
        )
    if sum(len(turn) for turn in given) > LONGEST_QUESTION:
        raise UserError(
            _("%(where)s: the question is longer than %(limit)s characters; shorten it")
            % {"where": where, "limit": LONGEST_QUESTION}
        )
    return tuple(_storable(where, column, turn).replace("\r\n", "\n").strip() for turn in given)


def language_of(text: str) -> str:
    """`zh`, `en` or `mix`, by the share of Chinese characters among the letters."""
    letters = [character for character in text if unicodedata.category(character).startswith("L")]
    chinese = sum(0x3400 <= ord(character) <= 0x9FFF for character in letters)
    if not letters or chinese == 0:
        return Language.ENGLISH.value
    # A Chinese sentence with terms such as BI-RADS stays Chinese.
    return Language.CHINESE.value if chinese / len(letters) >= 0.3 else Language.MIXED.value
