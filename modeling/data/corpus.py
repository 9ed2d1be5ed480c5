"""Dialogues in a JSONL file, one object a line.

{"turns": [user, assistant, ..., user], "answer": str} and, where the model is told something, "context": str.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modeling.data.exchange import BadRequestError


@dataclass(frozen=True)
class Dialogue:
    """A conversation and the answer that ends it; turns begin and end with the user."""

    turns: tuple[str, ...]
    answer: str
    context: str = ""

    @property
    def texts(self) -> list[str]:
        """Every text of the dialogue."""
        return [text for text in (self.context, *self.turns, self.answer) if text]


def read_corpus(path: str | Path) -> list[Dialogue]:
    """The dialogues of a file. Raises BadRequestError naming the file, the row and the field."""
    return list(_rows(Path(path)))


def _rows(path: Path) -> Iterator[Dialogue]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequestError(f"corpus {path} can't be read as UTF-8: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"corpus {path}, row {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadRequestError(f"{where}: not valid JSON ({error})") from error
        if not isinstance(row, dict):
            raise BadRequestError(f"{where}: expected an object")
        turns, answer = row.get("turns"), row.get("answer")
        if not isinstance(turns, list) or len(turns) % 2 == 0 or not all(isinstance(t, str) for t in turns):
            raise BadRequestError(f"{where}: turns must be an odd number of texts, the last one the user's")
        if not isinstance(answer, str) or not answer.strip():
            raise BadRequestError(f"{where}: answer is empty")
        yield Dialogue(tuple(turns), answer, str(row.get("context") or ""))
