"""`python -m modeling.inference.answer REQUEST.json ANSWER.jsonl`: answers of systems to patients' questions.

One process answers for several systems and many questions, since loading torch and a model costs more than
most answers. The request holds systems, questions, n, seed, parameters, distinct and most_draws; the answer file has one
row for each system, question and index, with everything needed to write that row again. A question with
`following` is a dialogue: the system answers its turns one after the other, each time with its own earlier answers.
A system may name the `questions` that it is asked, by their ids; all, when it names none. With `keep_going` a system
that fails costs the others nothing: they answer, their rows are kept beside the answer file as each ends, and the
command fails at its end with what failed.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

from modeling.data.exchange import (
    EXIT_BAD_REQUEST,
    EXIT_STOPPED,
    EXIT_SUCCESS,
    AnswerWriter,
    BadRequestError,
    complain,
    complain_of_system,
    is_full,
    read_request,
    report_progress,
)
from modeling.data.model_folders import located, model_folder
from modeling.inference.dialogues import answered_rounds
from modeling.inference.distinct import repeated
from modeling.inference.model_folders import licence_of
from modeling.inference.spec_files import KINDS, without_description
from modeling.inference.systems import (
    UNANSWERED,
    Answer,
    AnsweringSystem,
    Draw,
    Question,
    draw_seed,
    read_questions,
)

# Draws after which a question's answers are handed over as they are, marked as not distinct (most_draws).
MOST_ATTEMPTS = 12
# What the answer file keeps of each answer of a dialogue.
ROUND_FIELDS = ("text", "raw", "seed", "finish_reason", "prompt_sha256", "seconds", "tokens")


@dataclass(frozen=True)
class WrittenAnswer:
    """One answer with its place, the draws it took, and whether it differs from those before it.

    rounds holds every answer of a dialogue, the last one (`answer`) included; it is empty for a single question.
    seconds are those of all its draws; None where it is the only one.
    """

    question: str
    index: int
    answer: Answer
    attempts: int
    distinct: bool
    rounds: tuple[Answer, ...] = ()
    seconds: float | None = None


def build_system(spec: Mapping[str, Any], parameters: Mapping[str, Any]) -> AnsweringSystem:
    """The system that a spec describes. Raises BadRequestError naming the field or file that is wrong.

    Args:
        spec: {"kind": "transformers|vision_language|mammovlm|file", "path": ...} or {"kind": "openai",
            "base_url", "model", ...}; its own "parameters" are laid over the request's. `path` of a model is a folder,
            or the hub name of what `fetch_weights` stored. `cache` "static" gives every step the same shapes, and
            `compile` true compiles it (on a GPU); both are off when not given.
        parameters: temperature, top_p, max_new_tokens.
    """
    kind = spec.get("kind")
    if kind not in KINDS:
        raise BadRequestError(f"spec.kind: {kind!r} is not one of {', '.join(KINDS)}")
    chosen = {**parameters, **dict(spec.get("parameters") or {})}
    if kind == "openai":
        from modeling.inference.endpoint import EndpointSpec, EndpointSystem

        return EndpointSystem(EndpointSpec.from_mapping(without_description(spec)), chosen)
    if not isinstance(spec.get("path"), str):
        raise BadRequestError(f"spec.path: a system of kind {kind} needs the path of its files")
    if kind == "file":
        from modeling.inference.answers_file import FileSystem

        return FileSystem(located(spec["path"]))
    path = model_folder(spec["path"])
    from modeling.nn.generation import Decoding, Sampling

    try:
        sampling = Sampling(**chosen)
    except (TypeError, ValueError) as error:
        raise BadRequestError(f"parameters: {error}") from error
    try:
        decoding = Decoding(cache=spec.get("cache", "dynamic"), compile=spec.get("compile", False))
    except ValueError as error:
        raise BadRequestError(f"spec: {error}") from error
    if kind == "transformers":
        from modeling.inference.native import TransformersSystem

        passes_over = bool(spec.get("pass_over_refused", False))
        return TransformersSystem(
            path, sampling, spec.get("batch_size"), pass_over_refused=passes_over, decoding=decoding
        )
    if kind == "vision_language":
        from modeling.inference.vision_language import VisionLanguageSystem

        return VisionLanguageSystem(path, sampling, spec.get("layout", "each"), decoding=decoding)
    from modeling.inference.mammovlm_system import MammoVLMSystem

    return MammoVLMSystem(path, sampling, spec.get("batch_size"), decoding=decoding)


def write_answers(
    system: AnsweringSystem,
    questions: Sequence[Question],
    *,
    key: str,
    n: int,
    seed: int,
    distinct: bool,
    most_draws: int = MOST_ATTEMPTS,
    progress: Callable[[int], None] = lambda rows: None,
) -> list[WrittenAnswer]:
    """n answers to each question, drawn again while they repeat each other if `distinct`.

    Answers are the same where only greetings, closings and punctuation tell them apart. After `most_draws`
    draws of an answer a repetition is handed over with distinct = False; so it is where a further draw brings none.
    """
    draws = [
        Draw(question, index, draw_seed(seed, key, question.id, index, 0))
        for question in questions
        for index in range(n)
    ]
    rounds = answered_rounds(system, draws, key=key, seed=seed, progress=progress)
    first = [given[-1] for given in rounds]
    dialogues = {
        (draw.question.id, draw.index): given
        for draw, given in zip(draws, rounds, strict=True)
        if draw.question.following
    }
    answers = {(draw.question.id, draw.index): (answer, 1) for draw, answer in zip(draws, first, strict=True)}
    seconds = {place: answer.seconds for place, (answer, _) in answers.items()}
    for attempt in range(1, most_draws if distinct and system.can_redraw else 1):
        again = [
            Draw(question, index, draw_seed(seed, key, question.id, index, attempt))
            for question in questions
            for index in repeated([answers[question.id, i][0].text for i in range(n)])
            if answers[question.id, index][0].finish_reason not in UNANSWERED
        ]
        if not again:
            break
        drawn = system.write(again, lambda rows: None)
        for draw, answer in zip(again, drawn, strict=True):
            seconds[draw.question.id, draw.index] += answer.seconds
            if answer.finish_reason not in UNANSWERED:
                answers[draw.question.id, draw.index] = (answer, attempt + 1)
        if all(answer.finish_reason in UNANSWERED for answer in drawn):
            break
    rows = [row for question in questions for row in _rows_of(question, answers, n)]
    return [
        replace(row, rounds=dialogues.get(place, ()), seconds=None if place in dialogues else seconds[place])
        for row in rows
        for place in [(row.question, row.index)]
    ]


def _rows_of(
    question: Question, answers: Mapping[tuple[str, int], tuple[Answer, int]], n: int
) -> Iterable[WrittenAnswer]:
    again = repeated([answers[question.id, index][0].text for index in range(n)])
    for index in range(n):
        answer, attempts = answers[question.id, index]
        yield WrittenAnswer(question.id, index, answer, attempts, index not in again)


class Spending:
    """What the systems of a run that cost something have cost so far, by their keys."""

    def __init__(self) -> None:
        self._systems: dict[str, Any] = {}

    def watch(self, key: str, system: AnsweringSystem | None) -> None:
        """Count what this system spends, if it does."""
        if hasattr(system, "spent"):
            self._systems[key] = system

    def told(self) -> dict[str, Any]:
        """For the line of progress: requests and tokens in all, and `spent` with both for each key."""
        spent = {key: system.spent for key, system in self._systems.items()}
        if not spent:
            return {}
        total = {name: sum(one[name] for one in spent.values()) for name in ("requests", "tokens")}
        return {**total, "spent": spent}


@dataclass(frozen=True)
class _Asked:
    """A system with the questions that it is asked."""

    key: str
    spec: Mapping[str, Any]
    questions: Sequence[Question]


@dataclass(frozen=True)
class _Terms:
    """What holds for every system of a request."""

    n: int
    seed: int
    distinct: bool
    most_draws: int
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, request: Mapping[str, Any], questions: Sequence[Question]) -> _Terms:
        """The terms of a request. Raises BadRequestError naming the field that is wrong."""
        n, seed = _whole(request, "n", 1), _whole(request, "seed", 0)
        distinct = bool(request.get("distinct", False))
        if (n > 1 or distinct) and any(question.following for question in questions):
            # Systems read a question once for all its draws, and each draw of a dialogue goes its own way.
            raise BadRequestError(
                "n, distinct: a dialogue is answered once; give n = 1 and leave distinct out"
            )
        most = _whole(request, "most_draws", MOST_ATTEMPTS)
        return cls(n, seed, distinct, most, dict(request.get("parameters") or {}))


class _Failures:
    """What failed while the other systems went on."""

    def __init__(self) -> None:
        self._refused: list[str] = []
        self._told: list[str] = []
        self._crash: Exception | None = None

    def add(self, key: str, error: Exception) -> None:
        """Note the failure of one system; the log gets the whole of what nobody foresaw."""
        if isinstance(error, BadRequestError):
            self._refused.append(str(error))
            self._told.append(str(error))
            return
        traceback.print_exception(error)
        # A model that is still held by the frames of its failure would leave no room for the next one.
        traceback.clear_frames(error.__traceback__)
        self._crash = self._crash or error
        # Its message may hold a patient's text.
        self._told.append(f"system {key}: {type(error).__name__}; the log tells more")

    def tell(self) -> None:
        """Raise what failed, if anything did.

        Raises:
            BadRequestError: a system was refused; its message names every system that failed.
            Exception: none was refused and one met an error that may pass: that error, to be tried again.
        """
        if self._refused:
            raise BadRequestError("; another system failed too: ".join(self._told))
        if self._crash is not None:
            raise self._crash


def run(request: Mapping[str, Any], writer: AnswerWriter) -> None:
    """Answer a whole request into the writer.

    Raises:
        BadRequestError: the request, or with `keep_going` at the end a system of it, can't be served.
    """
    questions = read_questions(request["questions"])
    terms = _Terms.of(request, questions)
    systems = _asked(request["systems"], questions)
    total, done = sum(len(asked.questions) for asked in systems) * terms.n, 0
    spending, failures = Spending(), _Failures()
    for asked in systems:
        try:
            rows = _answers_of(asked, terms, spending, done, total)
        except Exception as error:
            if not request.get("keep_going"):
                raise
            failures.add(asked.key, error)
            continue
        for row in rows:
            writer.write(row)
        done += len(rows)
        if request.get("keep_going"):
            writer.keep()
    report_progress(done, total, "done", **spending.told())
    failures.tell()


def _answers_of(
    asked: _Asked, terms: _Terms, spending: Spending, done: int, total: int
) -> list[dict[str, Any]]:
    """The rows of one system.

    Args:
        done, total: answers of the systems before it, and of all.

    Raises:
        BadRequestError: naming the system and what is wrong with it.
    """
    key = asked.key
    report_progress(done, total, f"loading {key}", **spending.told())

    def tell(rows: int) -> None:
        report_progress(done + rows, total, f"answers of {key}", **spending.told())

    try:
        system = build_system(asked.spec, terms.parameters)
        spending.watch(key, system)
        licence = licence_of(asked.spec)
        written = write_answers(
            system,
            asked.questions,
            key=key,
            n=terms.n,
            seed=terms.seed,
            distinct=terms.distinct,
            most_draws=terms.most_draws,
            progress=tell,
        )
    except BadRequestError as error:
        # What was spent is spent, though no answer comes of it.
        report_progress(done, total, f"answers of {key}", **spending.told())
        raise BadRequestError(f"system {key}: {error}") from error
    return [to_row(key, system, row) | {"licence": licence} for row in written]


def to_row(key: str, system: AnsweringSystem, written: WrittenAnswer) -> dict[str, Any]:
    """One line of the answer file; of a dialogue it holds the last answer, and `rounds` with every one.

    seconds and tokens of a dialogue are those of all its answers together, seconds of an answer that was drawn again
    those of all its draws; `seconds_are` among the parameters says which time the system measures.
    """
    answer = written.answer
    made = written.rounds or (answer,)
    row: dict[str, Any] = {
        "system": key,
        "question": written.question,
        "index": written.index,
        "text": answer.text,
        "raw": answer.raw,
        "seed": answer.seed,
        "finish_reason": answer.finish_reason,
        "prompt_sha256": answer.prompt_sha256,
        "revision": system.revision,
        "parameters": {**answer.parameters, "seconds_are": system.seconds_are},
        "seconds": sum(one.seconds for one in made) if written.seconds is None else written.seconds,
        "tokens": sum(one.tokens for one in made),
        "images": answer.images,
        "attempts": written.attempts,
        "distinct": written.distinct,
    }
    if written.rounds:
        row["rounds"] = [{name: getattr(one, name) for name in ROUND_FIELDS} for one in written.rounds]
    return row


def _whole(request: Mapping[str, Any], name: str, default: int) -> int:
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < (0 if name == "seed" else 1):
        raise BadRequestError(f"{name}: {value!r} is not a whole number that makes sense here")
    return value


def _asked(rows: Any, questions: Sequence[Question]) -> list[_Asked]:
    if not isinstance(rows, list) or not rows:
        raise BadRequestError("systems: expected a list with at least one system")
    found: list[_Asked] = []
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("spec"), dict) or not row.get("key"):
            raise BadRequestError(f"systems[{number}]: expected an object with key and spec")
        wanted = row.get("questions")
        own = questions if wanted is None else [one for one in questions if one.id in set(wanted)]
        found.append(_Asked(str(row["key"]), row["spec"], own))
    if len({asked.key for asked in found}) < len(found):
        raise BadRequestError("systems: two systems have the same key")
    return found


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(EXIT_STOPPED)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 with the answer file whole, 2 for a bad request, 75 when stopped."""
    if len(arguments) != 2:
        print("use: python -m modeling.inference.answer REQUEST.json ANSWER.jsonl", file=sys.stderr)  # noqa: T201
        return EXIT_BAD_REQUEST
    # Before anything of Hugging Face is imported: a model is a folder on this machine or it is not there.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    signal.signal(signal.SIGTERM, _stop)
    try:
        request = read_request(arguments[0], required=("systems", "questions"))
        with AnswerWriter(arguments[1]) as writer:
            run(request, writer)
    except BadRequestError as error:
        return complain(str(error), EXIT_BAD_REQUEST)
    except OSError as error:
        if not is_full(error):
            raise  # the log gets the whole of what nobody foresaw
        return complain_of_system(error, arguments[1])
    return EXIT_SUCCESS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
