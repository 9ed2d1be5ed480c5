"""Dialogues of a trial: the patient's turns are fixed, every arm answers them in its own way, the whole is scored."""

import json
from dataclasses import dataclass

from annotation.models import Question
from evaluation.answers.dialogue import parts_of
from evaluation.models import Answer, TrialQuestion
from evaluation.services.answers import shown_hash
from mammo.core.encryption import ErasedText


@dataclass(frozen=True)
class Line:
    """What one side says; `is_patient` tells which."""

    is_patient: bool
    text: str


def patients_turns(question: Question) -> list[str]:
    """What the patient says, turn by turn, without the answers she got."""
    return [] if isinstance(question.turns, ErasedText) else list(question.turns[::2])


def joins_as_dialogue(question: Question, *, dialogues: bool) -> bool:
    """Whether a question joins a trial as a dialogue.

    Args:
        dialogues: whether questions of several turns are to be answered turn by turn. Without the answers that the
            patient got (they came as her turns alone) there is no other way.
    """
    if len(patients_turns(question)) < 2:
        return False
    return dialogues or not all(question.turns)


def rounds_of(question: Question) -> tuple[list[str], str]:
    """The fixed turns of a dialogue, and their keyed hash for the frozen design."""
    rounds = patients_turns(question)
    return rounds, shown_hash(json.dumps(rounds, ensure_ascii=False))


def conversation(question: TrialQuestion, shown: str) -> list[Line]:
    """A dialogue as raters read it, oldest first; of an erased one what stands in its place."""
    if isinstance(question.rounds, ErasedText):
        return [Line(False, shown)]
    pairs = zip(question.rounds, parts_of(shown), strict=False)
    return [line for said, given in pairs for line in (Line(True, said), Line(False, given))]


def raw_answers(answer: Answer) -> list[str]:
    """The arm's raw answers: of a dialogue all of them, else the one."""
    if answer.turns is None or isinstance(answer.turns, ErasedText):
        return [str(answer.raw_text)]
    return [str(text) for text in answer.turns[1::2]]
