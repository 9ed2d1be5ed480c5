"""Patients' questions of the demo's hospital, the truth they are held against, and the text corpus."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from modeling.data.phantom_texts import (
    STYLES,
    AnswerStyle,
    Dialogue,
    Finding,
    ImageFacts,
    Language,
    PatientQuestion,
    QuestionKind,
    dialogues,
    draw_question,
    question_kind,
    true_answer,
)

__all__ = [
    "COLUMNS",
    "STYLES",
    "AnswerStyle",
    "ImageFacts",
    "PatientQuestion",
    "corpus",
    "draw_study_questions",
    "question_kind",
    "question_row",
    "read_truth",
    "true_answer",
]

COLUMNS = ("patient", "accession", "language", "turns", "source", "consent")
_SOURCES = ("outpatient desk", "hospital app", "telephone", "health lecture")


def draw_study_questions(rng: random.Random, language: Language, count: int) -> list[PatientQuestion]:
    """`count` different questions about one study; the first half, rounded up, asks about density."""
    others: tuple[QuestionKind, ...] = ("category", "next", "finding")
    drawn: list[PatientQuestion] = []
    while len(drawn) < count:
        kind: QuestionKind = "density" if len(drawn) < (count + 1) // 2 else rng.choice(others)
        # One Chinese patient in ten writes in English, as staff of international clinics do.
        asked: Language = "en" if rng.random() < 0.1 else language
        question = draw_question(kind, asked, rng)
        if all(question.turns[-1] != earlier.turns[-1] for earlier in drawn):
            drawn.append(question)
    return drawn


def question_row(
    rng: random.Random, question: PatientQuestion, *, patient: str, accession: str, number: int
) -> dict[str, str]:
    """One line of questions.csv; `turns` is a JSON list that alternates user and assistant."""
    return {
        "patient": patient,
        "accession": accession,
        "language": question.language,
        "turns": json.dumps(list(question.turns), ensure_ascii=False),
        "source": rng.choice(_SOURCES),
        "consent": f"IC-{2019 + number % 3}-{number:05d}",
    }


def corpus(seed: int, size: int = 4000) -> Iterator[Dialogue]:
    """Conversations with random facts for text-only training: `{"turns", "answer", "language"}`."""
    return dialogues(seed, size)


def read_truth(folder: Path | str) -> dict[str, ImageFacts]:
    """What the images of each study show, by accession number, from a hospital folder's truth.json."""
    studies: Sequence[dict[str, object]] = json.loads(
        (Path(folder) / "truth.json").read_text(encoding="utf-8")
    )["studies"]
    return {str(study["accession"]): _facts(study) for study in studies}


def _facts(study: dict[str, object]) -> ImageFacts:
    finding = study["finding"]
    return ImageFacts(
        density=study["density"],  # type: ignore[arg-type]
        category=study["category"],  # type: ignore[arg-type]
        finding=Finding(**finding) if isinstance(finding, dict) else None,
    )
