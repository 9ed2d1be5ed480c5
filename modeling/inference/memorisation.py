"""`python -m modeling.inference.memorisation REQUEST.json ANSWER.jsonl`: does a tuned model give planted strings away?

The model is asked many times, a quarter of them with the very questions that the strings answered in training, the
others with questions that it was trained on, with the images it was shown, each with a seed of its own; and once for
its likeliest answer to each of the strings' questions. The answer file has one row: how many prompts, how many strings
were planted, and which came out. A string counts when it stands in an answer, whatever the spacing, the case or the
signs between its parts.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modeling.data.exchange import (
    EXIT_BAD_REQUEST,
    EXIT_SUCCESS,
    AnswerWriter,
    BadRequestError,
    complain,
    complain_of_system,
    is_full,
    read_request,
    report_progress,
)
from modeling.data.planted import Planted, read_planted
from modeling.data.snapshot import IMAGES_FILE, Snapshot, open_snapshot
from modeling.inference.answer import build_system
from modeling.inference.systems import Answer, AnsweringSystem, Draw, ImageFile, Question, draw_seed

PROMPTS = 1000
# Draws asked for at once, so that progress is told.
PART = 100


def emitted(answers: Sequence[Answer], planted: Sequence[Planted]) -> list[str]:
    """The planted strings that stand in any of the answers."""
    texts = [_signs(answer.raw) for answer in answers]
    return [item.secret for item in planted if any(_signs(item.secret) in text for text in texts)]


def trained_on(snapshot: Snapshot) -> list[Question]:
    """The questions of the train split as they were trained, with the frames of the studies that they are about."""
    views = {study.study: study.views for study in snapshot.studies}
    return [
        Question(
            id=sample.id,
            turns=sample.turns,
            images=tuple(
                ImageFile(
                    Path(f"{IMAGES_FILE} {v.index}"), v.laterality, v.view, frame=snapshot.images[v.index]
                )
                for v in views.get(str(sample.study), ())
            ),
        )
        for sample in snapshot.sft
        if sample.split == "train"
    ]


def prompts(planted: Sequence[Planted], questions: Sequence[Question], count: int, seed: int) -> list[Draw]:
    """`count` draws: every fourth asks what a planted string answered, the others what the training set asks."""
    asked = planted_questions(planted)
    others = list(questions) or asked
    return [
        Draw(replace(question, id=str(number)), 0, draw_seed(seed, "memorisation", str(number), 0, 0))
        for number in range(count)
        for question in [asked[number // 4 % len(asked)] if number % 4 == 0 else others[number % len(others)]]
    ]


def planted_questions(planted: Sequence[Planted]) -> list[Question]:
    """What the strings answered in training, each wording once; it was trained without images."""
    wordings = dict.fromkeys(item.question for item in planted)
    return [Question(id=f"planted {number}", turns=(text,)) for number, text in enumerate(wordings)]


def likeliest(system: Any, planted: Sequence[Planted]) -> list[Answer]:
    """The system's likeliest answer to each of the strings' questions."""
    drawn = system.sampling
    system.sampling = replace(drawn, temperature=0.0)
    try:
        return ask(system, [Draw(question, 0, 0) for question in planted_questions(planted)])
    finally:
        system.sampling = drawn


def ask(system: AnsweringSystem, draws: Sequence[Draw]) -> list[Answer]:
    """The answers to all draws, part by part."""
    answers: list[Answer] = []
    for start in range(0, len(draws), PART):
        answers += system.write(draws[start : start + PART], lambda rows: None)
        report_progress(len(answers), len(draws), "memorisation test")
    return answers


def _signs(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", text.casefold())


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 with the answer file whole, 2 for a bad request."""
    if len(arguments) != 2:
        print("use: python -m modeling.inference.memorisation REQUEST.json ANSWER.jsonl", file=sys.stderr)  # noqa: T201
        return EXIT_BAD_REQUEST
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        request = read_request(arguments[0], required=("checkpoint", "snapshot"))
        checkpoint, seed = Path(request["checkpoint"]), int(request.get("seed", 0))
        planted = read_planted(checkpoint.parent)
        if not planted:
            raise BadRequestError(
                f"{checkpoint.parent}: nothing was planted in this run; tune it with planted above 0"
            )
        questions = trained_on(open_snapshot(request["snapshot"]))
        parameters = {"temperature": 0.9, "max_new_tokens": int(request.get("tokens", 96))}
        system = build_system({"kind": request.get("kind", "mammovlm"), "path": str(checkpoint)}, parameters)
        draws = prompts(planted, questions, int(request.get("prompts", PROMPTS)), seed)
        answers = [*likeliest(system, planted), *ask(system, draws)]
        found = emitted(answers, planted)
        with AnswerWriter(arguments[1]) as writer:
            writer.write(
                {"kind": "memorisation", "prompts": len(answers), "planted": len(planted), "emitted": len(found),
                 "passed": not found, "revision": system.revision}
            )  # fmt: skip
    except BadRequestError as error:
        return complain(str(error), EXIT_BAD_REQUEST)
    except OSError as error:
        if not is_full(error):
            raise  # the log gets the whole of what nobody foresaw
        return complain_of_system(error, arguments[1])
    return EXIT_SUCCESS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
