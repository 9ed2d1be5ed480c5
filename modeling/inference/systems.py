"""What every answering system takes and gives: language models, endpoints, MammoVLM and files alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modeling.data.exchange import BadRequestError
from modeling.data.snapshot import Images, file_sha256

LATERALITIES = ("L", "R")
VIEWS = ("CC", "MLO")
LANGUAGES = ("zh", "en")
# Rows done so far.
Progress = Callable[[int], None]


class SystemUnavailableError(BadRequestError):
    """An answering system that can't be loaded or does not answer; the text says which and what to do."""


@dataclass(frozen=True)
class ImageFile:
    """A viewing copy on disk, how it was taken, and where in it the breast is (the archive's stored fit).

    `frame` (H, W) uint8 is a row of a training set in place of a file, prepared already; `path` then names it.
    """

    path: Path
    laterality: str
    view: str
    fit: Mapping[str, Any] | None = field(default=None, hash=False)
    frame: Images | None = field(default=None, compare=False, repr=False)

    @property
    def sha256(self) -> str:
        """Of the file's bytes, or of the frame's grey values."""
        return (
            file_sha256(self.path) if self.frame is None else hashlib.sha256(self.frame.tobytes()).hexdigest()
        )


@dataclass(frozen=True)
class Question:
    """A patient's question with its earlier turns, her images and what the model is told about her.

    turns alternates user and assistant texts, beginning and ending with the user. following makes it a dialogue
    with fixed user turns: what she says after the answer to `turns`, one text after each answer, whatever it was.
    """

    id: str
    turns: tuple[str, ...]
    language: str = "zh"
    images: tuple[ImageFile, ...] = ()
    context: str = ""
    following: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draw:
    """One answer to be written: the question, which of its answers it is, and the seed that decides it.

    round counts the answers of the dialogue from 0; a question of one answer has round 0 alone.
    """

    question: Question
    index: int
    seed: int
    round: int = 0


@dataclass(frozen=True)
class Answer:
    """One written answer and how it came about."""

    text: str
    raw: str
    seed: int | None
    finish_reason: str
    prompt_sha256: str
    seconds: float
    tokens: int
    images: int
    parameters: Mapping[str, Any] = field(default_factory=dict)


# What `Answer.seconds` is: an answer's part of the time of all that were written together (it is shorter than what a
# patient would wait for it alone), the time of its request (over the answers that one request brought), or what a file
# says of it.
SHARE_OF_BATCH, LATENCY, STATED = "share of batch", "latency", "stated by its file"

# Why there is no answer: the endpoint refused this question, it does not fit the model, the budget is spent, or the
# endpoint answered no more.
REFUSED, TOO_LONG, OVER_BUDGET, UNAVAILABLE = "refused", "too_long", "budget", "unavailable"
UNANSWERED = frozenset({REFUSED, TOO_LONG, OVER_BUDGET, UNAVAILABLE})


def no_answer(reason: str, prompt_sha256: str, seed: int | None, parameters: Mapping[str, Any]) -> Answer:
    """The empty answer to a question that was passed over; `finish_reason` says why."""
    return Answer("", "", seed, reason, prompt_sha256, 0.0, 0, 0, parameters)


class AnsweringSystem(Protocol):
    """What answers patients' questions."""

    @property
    def revision(self) -> str:
        """SHA-256 of the weights, or what else fixes the version of the system."""
        ...

    @property
    def seconds_are(self) -> str:
        """Which time its answers' seconds are: SHARE_OF_BATCH, LATENCY or STATED."""
        ...

    @property
    def can_redraw(self) -> bool:
        """Whether another seed can give another answer."""
        ...

    def write(self, draws: Sequence[Draw], progress: Progress) -> list[Answer]:
        """Answers in the order of the draws."""
        ...


def answer(
    system: AnsweringSystem,
    question: str,
    images: Sequence[ImageFile] = (),
    history: Sequence[str] = (),
    n: int = 1,
    seed: int = 0,
) -> list[Answer]:
    """n answers of one system to one question.

    Args:
        history: earlier user and assistant texts, alternating; empty in a first question.
    """
    asked = Question(id="question", turns=(*history, question), images=tuple(images))
    draws = [Draw(asked, index, draw_seed(seed, "", asked.id, index, 0)) for index in range(n)]
    return system.write(draws, lambda rows: None)


def draw_seed(seed: int, system: str, question: str, index: int, attempt: int) -> int:
    """The seed of one draw, from the run's seed and what it is for (31 bits: endpoints take no more)."""
    text = json.dumps([seed, system, question, index, attempt])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def sha256_of(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form; of the prompt that a system was given, for instance."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_questions(rows: Any) -> list[Question]:
    """The request's questions. Raises BadRequestError naming the question and the field that is wrong."""
    if not isinstance(rows, list):
        raise BadRequestError("questions: expected a list of objects")
    questions = [_question(row, number) for number, row in enumerate(rows)]
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise BadRequestError(
                f"questions: id {question.id!r} occurs twice; give each question its own id"
            )
        seen.add(question.id)
    return questions


def _question(row: Any, number: int) -> Question:
    where = f"questions[{number}]"
    if not isinstance(row, dict) or "id" not in row:
        raise BadRequestError(f"{where}: expected an object with the field 'id'")
    where = f"{where} ({row['id']})"
    turns = row.get("turns")
    if not isinstance(turns, list) or len(turns) % 2 == 0 or not all(isinstance(turn, str) for turn in turns):
        raise BadRequestError(f"{where}.turns: expected an odd number of texts, the last one the patient's")
    if not turns[-1].strip():
        raise BadRequestError(f"{where}.turns: the last text is empty; a question is needed")
    following = row.get("following") or []
    if not isinstance(following, list) or not all(isinstance(t, str) and t.strip() for t in following):
        raise BadRequestError(
            f"{where}.following: expected a list of the patient's further texts, none of them empty"
        )
    language = row.get("language", "zh")
    if language not in LANGUAGES:
        raise BadRequestError(f"{where}.language: {language!r} is not one of {', '.join(LANGUAGES)}")
    images = row.get("images") or []
    return Question(
        id=str(row["id"]),
        turns=tuple(turns),
        language=language,
        images=tuple(_image(image, f"{where}.images[{i}]") for i, image in enumerate(images)),
        context=str(row.get("context") or ""),
        following=tuple(following),
    )


def _image(row: Any, where: str) -> ImageFile:
    if not isinstance(row, dict) or "path" not in row:
        raise BadRequestError(f"{where}: expected an object with the fields path, laterality and view")
    for key, allowed in (("laterality", LATERALITIES), ("view", VIEWS)):
        if row.get(key) not in allowed:
            raise BadRequestError(f"{where}.{key}: {row.get(key)!r} is not one of {', '.join(allowed)}")
    return ImageFile(Path(row["path"]), row["laterality"], row["view"], row.get("fit") or None)
