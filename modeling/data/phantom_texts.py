"""Chinese and English texts about phantoms: findings of a report, patients' questions, true answers.

Everything is invented. Questions and answers form a closed family, small enough for a language model of one
million parameters; `facts.read_facts` reads an answer back.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from modeling.data import phantom_wordings as words
from modeling.data.phantom_anatomy import DENSITIES, Density, Laterality, LesionKind

Language = words.Language
QuestionKind = words.QuestionKind
AnswerStyle = Literal["brief", "plain", "full"]
Category = Literal["1", "2", "3", "4"]

LANGUAGES: tuple[Language, ...] = ("zh", "en")
STYLES: tuple[AnswerStyle, ...] = ("brief", "plain", "full")
CATEGORIES: tuple[Category, ...] = ("1", "2", "3", "4")
# Every second question asks about density, the one fact that all four images show.
KIND_WEIGHTS: dict[QuestionKind, int] = {"density": 5, "category": 2, "next": 2, "finding": 1}


@dataclass(frozen=True)
class Finding:
    """A lesion in words; `suspicious` is what the writer thinks of it."""

    laterality: Laterality
    kind: LesionKind
    suspicious: bool
    quadrant: Literal["UO", "UI", "LO", "LI"]
    size_mm: int


@dataclass(frozen=True)
class ImageFacts:
    """What a study's images show: the truth that answers are held against."""

    density: Density
    category: Category
    finding: Finding | None = None


@dataclass(frozen=True)
class PatientQuestion:
    """Turns alternate user, assistant, ..., user; the assistant's turns hold no fact about the patient."""

    kind: QuestionKind
    language: Language
    turns: tuple[str, ...]


class Dialogue(TypedDict):
    """One line of a text corpus."""

    turns: list[str]
    answer: str
    language: Language


def findings_text(
    density: Density, findings: Sequence[Finding], language: Language, rng: random.Random
) -> str:
    """The description part of a report: density, findings, what is normal. It holds no category."""
    letter = density if rng.random() < 0.5 else density.lower()
    name = words.DENSITY_NAMES[language][density]
    sentences = [rng.choice(words.DENSITY_SENTENCES[language]).format(letter=letter, name=name)]
    described = {finding.laterality for finding in findings}
    sentences += [_finding_sentence(finding, language, rng) for finding in findings]
    for side in ("L", "R"):
        if side not in described and described:
            sentence = rng.choice(words.OTHER_SIDE_NORMAL[language])
            sentences.append(_capital(sentence.format(side=words.SIDES[language][side]), language))
    if not described:
        sentences.append(rng.choice(words.BOTH_NORMAL[language]))
    sentences.append(rng.choice(words.SKIN_AND_NODES[language]))
    return ("" if language == "zh" else " ").join(sentences)


def _finding_sentence(finding: Finding, language: Language, rng: random.Random) -> str:
    templates = words.FINDING_SENTENCES[language][finding.kind][finding.suspicious]
    sentence = rng.choice(templates).format(
        side=words.SIDES[language][finding.laterality],
        place=words.QUADRANTS[language][finding.quadrant],
        a=finding.size_mm,
        b=max(2, round(finding.size_mm * rng.uniform(0.65, 0.9))),
    )
    return _capital(sentence, language)


def _capital(sentence: str, language: Language) -> str:
    return sentence if language == "zh" else sentence[0].upper() + sentence[1:]


def draw_question(kind: QuestionKind, language: Language, rng: random.Random) -> PatientQuestion:
    """A question of one kind in one of its wordings; a third are the end of a longer conversation."""
    core = rng.choice(words.QUESTIONS[language][kind])
    if rng.random() < 0.33:
        opening, reply = rng.choice(words.EARLIER_TURNS[language])
        return PatientQuestion(kind, language, (opening, reply, core))
    return PatientQuestion(kind, language, (rng.choice(words.OPENINGS[language]) + core,))


def draw_kind(rng: random.Random) -> QuestionKind:
    """A kind of question, by KIND_WEIGHTS."""
    return rng.choices(list(KIND_WEIGHTS), weights=list(KIND_WEIGHTS.values()))[0]


def question_language(text: str) -> Language:
    """zh when the text holds a Chinese character."""
    return "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"


def question_kind(turns: Sequence[str]) -> QuestionKind | None:
    """Kind of a question of this family, read from its last turn; None for any other question."""
    last = turns[-1]
    for kind, wordings in words.QUESTIONS[question_language(last)].items():
        if any(last.endswith(wording) for wording in wordings):
            return kind
    return None


def true_answer(
    question: PatientQuestion | Sequence[str], facts: ImageFacts, style: AnswerStyle = "plain"
) -> str:
    """The correct answer to a question of this family about a study with these facts.

    question: a PatientQuestion or its turns. Raises ValueError for a question outside the family.
    """
    turns = question.turns if isinstance(question, PatientQuestion) else question
    kind = question_kind(turns)
    if kind is None:
        raise ValueError(f"no true answer is known to the question {turns[-1]!r}: it is not of this family")
    language = question_language(turns[-1])
    index = STYLES.index(style)
    if kind == "finding":
        return _finding_answer(facts, language, index)
    template: str = words.ANSWERS[language][kind][index]
    return template.format(
        density=facts.density,
        name=words.DENSITY_NAMES[language][facts.density],
        dense=words.DENSITY_ADVICE[language][facts.density],
        category=facts.category,
        meaning=words.CATEGORY_MEANINGS[language][facts.category],
        advice=words.CATEGORY_ADVICE[language][facts.category],
    )


def _finding_answer(facts: ImageFacts, language: Language, index: int) -> str:
    finding = facts.finding
    if finding is None:
        return words.NO_FINDING_ANSWERS[language][index]
    template = words.FINDING_ANSWERS[language][finding.kind][finding.suspicious][index]
    return _capital(template.format(side=words.SIDES[language][finding.laterality]), language)


def wrong_answers(
    question: PatientQuestion, facts: ImageFacts, rng: random.Random, count: int = 2
) -> list[str]:
    """Answers of the same family with wrong facts: what a corrector would reject; all differ."""
    truth = true_answer(question, facts)
    found: list[str] = []
    for _ in range(40):
        wrong = draw_facts(rng)
        if true_answer(question, wrong) == truth:
            continue
        candidate = true_answer(question, wrong, rng.choice(STYLES))
        if candidate not in found:
            found.append(candidate)
        if len(found) == count:
            break
    return found


def draw_facts(rng: random.Random) -> ImageFacts:
    """Facts drawn at random, for corpora from which no fact about a patient can be learnt."""
    category = rng.choice(CATEGORIES)
    finding = None
    if category != "1":
        kind: LesionKind = "calcifications" if category == "2" or rng.random() < 0.3 else "mass"
        side: Laterality = rng.choice(("L", "R"))
        finding = Finding(
            side, kind, category == "4", rng.choice(("UO", "UI", "LO", "LI")), rng.randint(8, 30)
        )
    return ImageFacts(rng.choice(DENSITIES), category, finding)


def _draw_quadrant(rng: random.Random) -> Literal["UO", "UI", "LO", "LI"]:
    return rng.choice(("UO", "UI", "LO", "LI"))


def dialogues(seed: int, size: int = 4000, english_share: float = 0.3) -> Iterator[Dialogue]:
    """Conversations with random facts that cover every wording and every answer of the family.

    A language model trained on them writes fluent answers and cannot know any patient's facts.
    """
    rng = random.Random(f"dialogues {seed}")  # noqa: S311 (texts, not secrets)
    for _ in range(size):
        language: Language = "en" if rng.random() < english_share else "zh"
        question = draw_question(draw_kind(rng), language, rng)
        answer = true_answer(question, draw_facts(rng), rng.choice(STYLES))
        yield {"turns": list(question.turns), "answer": answer, "language": language}
