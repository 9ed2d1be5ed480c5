"""Dialogues with fixed user turns: what the patient says is given, every answer is the system's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modeling.inference.systems import Answer, AnsweringSystem, Draw, Progress, draw_seed


def answered_rounds(
    system: AnsweringSystem, draws: Sequence[Draw], *, key: str, seed: int, progress: Progress
) -> list[tuple[Answer, ...]]:
    """Every draw's answers: one, and one more for each text of the question's `following`.

    The patient's next text is put after the system's own answer to the one before, images and context staying with
    the first; all draws that go on are written together.

    Args:
        key: of the system; seed: of the run. Each further answer is drawn with a seed of its own.
        progress: is told of answers to first turns, as for single questions.
    """
    rounds: list[tuple[Answer, ...]] = [(answer,) for answer in system.write(draws, progress)]
    going = {place: draw for place, draw in enumerate(draws) if draw.question.following}
    while going:
        going = {place: _next(draw, rounds[place][-1], key, seed) for place, draw in going.items()}
        answers = system.write(list(going.values()), lambda rows: None)
        for place, answer in zip(going, answers, strict=True):
            rounds[place] = (*rounds[place], answer)
        going = {place: draw for place, draw in going.items() if draw.question.following}
    return rounds


def _next(draw: Draw, answer: Answer, key: str, seed: int) -> Draw:
    said, *following = draw.question.following
    turns = (*draw.question.turns, answer.text, said)
    question = replace(draw.question, turns=turns, following=tuple(following))
    place = draw.round + 1
    # Another seed than that of the first answer, and of a later attempt at it.
    drawn = draw_seed(seed, key, f"{question.id} round {place}", draw.index, 0)
    return Draw(question, draw.index, drawn, place)
