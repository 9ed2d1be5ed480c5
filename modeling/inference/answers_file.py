"""Answers written elsewhere: by doctors, or by a model that runs on another machine."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modeling.data.snapshot import file_sha256
from modeling.inference.systems import STATED, Answer, Draw, Progress, SystemUnavailableError, sha256_of

# `study` and `malignancy` are for Table 10 (`zero_shot`), which one file may serve beside a trial.
_OPTIONAL = ("index", "seconds", "study", "malignancy")
# An answer is one text; of a dialogue the list of its answers, in the order of the patient's turns.
_WORDINGS = ("text", "turns")


class FileSystem:
    """Answers from a JSONL or CSV file with the columns question and text, and index and seconds if known.

    A dialogue's answers stand in the column turns instead of text: a list of texts, one per turn of the patient (in a
    CSV cell a JSON list).
    `question` is the question's id. Several answers to one question are told apart by index, or by their
    order in the file.
    """

    can_redraw = False
    seconds_are = STATED

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.answers = _read(self.path)
        self.revision = file_sha256(self.path)

    def write(self, draws: Sequence[Draw], progress: Progress) -> list[Answer]:
        """Answers in the order of the draws. Raises SystemUnavailableError naming a question without one."""
        answers = [self._find(draw) for draw in draws]
        progress(len(answers))
        return answers

    def _find(self, draw: Draw) -> Answer:
        row = self.answers.get((draw.question.id, draw.index))
        if row is None:
            raise SystemUnavailableError(
                f"{self.path}: no answer number {draw.index + 1} to question {draw.question.id}; add a row"
            )
        text = self._text(draw, row)
        return Answer(
            text=text.strip(),
            raw=text,
            seed=None,
            finish_reason="file",
            prompt_sha256=sha256_of([draw.question.turns, draw.question.context]),
            # Seconds of a dialogue are given for the whole of it.
            seconds=0.0 if draw.round else float(row.get("seconds") or 0.0),
            tokens=0,
            images=0,
        )

    def _text(self, draw: Draw, row: dict[str, Any]) -> str:
        where = f"{self.path} row {row['row']}: question {draw.question.id}"
        wanted, turns = draw.round + 1 + len(draw.question.following), row.get("turns")
        if wanted == 1:
            if turns is not None:
                raise SystemUnavailableError(f"{where} is no dialogue; give one answer in text, not turns")
            return str(row["text"])
        if turns is None:
            raise SystemUnavailableError(
                f"{where} is a dialogue of {wanted} turns; give its {wanted} answers as a list in turns"
            )
        if len(turns) != wanted:
            raise SystemUnavailableError(
                f"{where} has {wanted} turns of the patient, {len(turns)} answers are given; "
                f"{'add the missing' if len(turns) < wanted else 'take out the extra'} answers"
            )
        return str(turns[draw.round])


def _read(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SystemUnavailableError(
            f"answers file {path} does not exist: put it there or name another"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SystemUnavailableError(f"answers file {path} can't be read as UTF-8: {error}") from error
    rows = _csv_rows(path, text) if path.suffix.lower() == ".csv" else _json_rows(path, text)
    answers: dict[tuple[str, int], dict[str, Any]] = {}
    following: dict[str, int] = {}
    for number, row in rows:
        question, index = _place(path, number, row, following)
        if (question, index) in answers:
            raise SystemUnavailableError(
                f"{path} row {number}: question {question} has two answers of index {index}"
            )
        answers[question, index] = row
        following[question] = index + 1
    return answers


def _place(path: Path, number: int, row: dict[str, Any], following: dict[str, int]) -> tuple[str, int]:
    row["turns"], row["row"] = _turns(path, number, row.get("turns")), number
    if row["turns"] is not None and str(row.get("text") or "").strip():
        raise SystemUnavailableError(f"{path} row {number}: holds text and turns; leave one of them empty")
    for name in ("question", "text") if row["turns"] is None else ("question",):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise SystemUnavailableError(
                f"{path} row {number}: {name} is empty; each row needs question and text"
            )
    question = row["question"].strip()
    given = row.get("index")
    try:
        index = following.get(question, 0) if given in (None, "") else int(str(given))
        float(row.get("seconds") or 0.0)
    except ValueError as error:
        raise SystemUnavailableError(
            f"{path} row {number}: index and seconds must be numbers ({error})"
        ) from error
    return question, index


def _turns(path: Path, number: int, given: Any) -> list[str] | None:
    """The answers of a dialogue; None for a row of one text."""
    if given in (None, ""):
        return None
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
    if not isinstance(given, list) or not given:
        raise SystemUnavailableError(
            f'{path} row {number}: turns is no list of texts; write the answers as ["first", "second"]'
        )
    empty = next((i for i, one in enumerate(given, 1) if not isinstance(one, str) or not one.strip()), None)
    if empty is not None:
        raise SystemUnavailableError(
            f"{path} row {number}: answer {empty} of turns is empty or no text; write it, or leave the row out"
        )
    return given


def _json_rows(path: Path, text: str) -> Iterable[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SystemUnavailableError(f"{path} row {number}: not valid JSON ({error})") from error
        if not isinstance(row, dict):
            raise SystemUnavailableError(f"{path} row {number}: expected a JSON object")
        _refuse_unknown(path, row)
        yield number, row


def _csv_rows(path: Path, text: str) -> Iterable[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(keepends=True))
    _refuse_unknown(path, reader.fieldnames or ())
    for number, row in enumerate(reader, start=2):
        if None in row:
            raise SystemUnavailableError(f"{path} row {number}: more cells than columns")
        yield number, row


def _refuse_unknown(path: Path, names: Iterable[str]) -> None:
    given = list(names)
    missing = [] if "question" in given else ["question"]
    missing += [] if any(name in given for name in _WORDINGS) else ["text"]
    unknown = [name for name in given if name not in ("question", *_WORDINGS, *_OPTIONAL)]
    if missing or unknown:
        problem = f"column {missing[0]} is missing" if missing else f"unknown column {unknown[0]}"
        raise SystemUnavailableError(
            f"{path}: {problem}; columns are question, text (of a dialogue turns, a list) and, if known, index, "
            "seconds, study and malignancy"
        )
