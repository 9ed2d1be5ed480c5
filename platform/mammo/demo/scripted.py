"""What the scripted people do. They see what a person would see: question, images' truth, texts; no arm.

Every draw comes from (seed, question, person), so that a repeated run does the same.
"""

import hashlib
import math
import random
from dataclasses import dataclass, field

from evaluation.services.readings import Assessment
from mammo.demo.questions import STYLES, AnswerStyle, ImageFacts, question_kind, true_answer
from modeling.data.facts import read_facts
from modeling.data.phantom_texts import Finding, draw_facts

ASPECTS = ("correctness", "rationality", "helpfulness", "professionalism", "completeness")


def draw(*names: object) -> random.Random:
    """A generator of its own for each (seed, …)."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 (a simulation, not a secret)


@dataclass(frozen=True)
class Settled:
    """A junior's version of one proposal."""

    text: str
    no_change: bool
    error_tags: list[str] = field(default_factory=list)


def correct_answers(turns: list[str], facts: ImageFacts) -> dict[AnswerStyle, str]:
    """The right answer in every style."""
    return {style: true_answer(turns, facts, style) for style in STYLES}


def junior_settles(
    turns: list[str], facts: ImageFacts, proposals: list[str], rng: random.Random
) -> list[Settled]:
    """Correct three proposals: a right one stays, a wrong one becomes right, one in twelve is overlooked."""
    right = correct_answers(turns, facts)
    settled: list[Settled] = []
    for text, style in zip(proposals, rng.sample(STYLES, len(STYLES)), strict=False):
        if text in right.values() or (rng.random() < 1 / 12 and text.strip()):
            settled.append(Settled(text, no_change=True))
        else:
            settled.append(Settled(right[style], no_change=False, error_tags=error_tags(turns, facts, text)))
    return settled


def error_tags(turns: list[str], facts: ImageFacts, text: str) -> list[str]:
    """What is wrong with a proposal, in the tags of the correct page."""
    stated, tags = read_facts(text), []
    if stated.density is not None and stated.density != facts.density:
        tags.append("wrong_fact")
    if stated.birads is not None and stated.birads[:1] != facts.category:
        tags.append("wrong_category")
    return tags or ["other"]


def senior_picks(turns: list[str], facts: ImageFacts, corrected: list[str], rng: random.Random) -> int | None:
    """Index of the best corrected answer: true first, then complete; None when none is acceptable."""
    right = correct_answers(turns, facts)
    acceptable = [i for i, text in enumerate(corrected) if text in right.values()]
    if not acceptable:
        return None
    fullest = [i for i in acceptable if corrected[i] == right["full"]]
    return rng.choice(fullest or acceptable)


def author_answers(turns: list[str], facts: ImageFacts, *, senior: bool, rng: random.Random) -> str:
    """A doctor's own answer: the senior's is full and nearly always right, the junior's shorter."""
    seen = facts if rng.random() < (0.97 if senior else 0.88) else draw_facts(rng)
    return true_answer(turns, seen, "full" if senior else "plain")


def reads(
    malignant: bool,
    side: str,
    rng: random.Random,
    *,
    senior: bool,
    output: float | None,
    finding: Finding | None,
) -> Assessment:
    """A scripted reading of a proven breast.

    What a reader sees is the truth with noise (a normal deviate, 1.6 apart for a senior, 1.0 for a junior, drawn first:
    the same alone and with the output); an output moves it by half of its own log-odds. Where and what the lesion is
    are taken from the phantom's facts, the click from the middle of the view.
    """
    suspicion = rng.gauss(0.0, 1.0) + (1 if malignant else -1) * (0.8 if senior else 0.5)
    if output is not None:
        chance = min(max(output, 0.01), 0.99)
        suspicion += 0.5 * math.log(chance / (1 - chance))
    likelihood = round(100 / (1 + math.exp(-1.5 * suspicion)))
    bounds = ((3, "2"), (20, "3"), (45, "4A"), (70, "4B"), (93, "4C"), (101, "5"))
    category = next(name for bound, name in bounds if likelihood < bound)
    if category == "2":
        return Assessment("2", likelihood)
    seen = finding.kind if finding is not None and finding.laterality == side else "asymmetry"
    point = {"view": f"{side}CC", "across": 0.5, "down": 0.5}
    return Assessment(category, likelihood, side=side, finding=seen, point=point)


def rater_scores(
    turns: list[str], facts: ImageFacts, shown: str, rng: random.Random, leniency: float
) -> dict[str, int]:
    """Scores of 1 to 100 from what the text says against what the images show, with a rater's noise."""
    right = correct_answers(turns, facts)
    stated = read_facts(shown)
    wrong = (stated.density is not None and stated.density != facts.density) or (
        stated.birads is not None and stated.birads[:1] != facts.category
    )
    if shown in right.values():
        quality = 92.0
    elif wrong:
        quality = 48.0
    elif question_kind(turns) == "density" and stated.density == facts.density:
        quality = 86.0
    else:
        quality = 68.0
    fullness = min(1.0, len(shown) / max(1, len(right["full"])))
    means = {
        "correctness": quality,
        "rationality": quality - 3,
        "helpfulness": 0.6 * quality + 36 * fullness,
        "professionalism": 0.7 * quality + 26,
        "completeness": 0.35 * quality + 60 * fullness,
    }
    return {
        aspect: max(1, min(100, round(mean + leniency + rng.gauss(0, 5)))) for aspect, mean in means.items()
    }
