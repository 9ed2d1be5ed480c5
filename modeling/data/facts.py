"""What an answer states about the breasts: a small reader of Chinese and English sentences.

It reads model answers, so that "does the answer state the density that the images have?" can be counted. It
is not the reader of radiology reports. An answer that states two different densities states none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# ACR BI-RADS 5th edition wording, and the wording usual in Chinese reports.
_DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "A": (
        r"almost entirely fat(?:ty)?",
        r"entirely fatty",
        r"(?:几乎|基本)(?:全部|完全|都)?(?:为|是|由)?脂肪",
        r"脂肪型",
    ),
    "B": (r"scattered (?:areas of )?fibroglandular", r"散在(?:的)?(?:纤维)?腺体", r"少量腺体型"),
    "C": (r"heterogeneously dense", r"不均匀(?:性)?致密", r"多量腺体型"),
    "D": (r"extremely dense", r"(?:极度|非常|极其)致密", r"(?<!不均匀)(?<!不均匀性)致密型"),
}
_LETTER = (
    r"(?:ACR|density|densities|category|type|class|grade|致密度|密度|腺体类型|腺体分型|分型|类型|构成)"
    # A lone "a" behind a comma or before a word is an article: "category 2, a benign finding".
    r"[^。.;；!?！？\n]{0,16}?(?<![A-Za-z0-9])([A-Db-d]|(?<![,，] )(?<![,，])a(?![ \t]+[A-Za-z]))(?![A-Za-z0-9])"
)
_LETTER_FIRST = r"(?<![A-Za-z0-9])([A-Da-d])\s*(?:类|型|级)"
_BIRADS = re.compile(
    r"BI-?RADS[^0-9A-Za-z]{0,8}(?:category|class|分类|分级)?[^0-9A-Za-z]{0,8}"
    r"([0-6][ABCabc]?)(?![0-9A-Za-z])",
    re.IGNORECASE,
)

_SIDES = {
    "L": re.compile(r"左(?:侧|乳|边)|\bleft\b", re.IGNORECASE),
    "R": re.compile(r"右(?:侧|乳|边)|\bright (?:breast|side)\b|\bin the right\b", re.IGNORECASE),
}


@dataclass(frozen=True)
class StatedFacts:
    """What one answer states: density A-D and BI-RADS category, None where nothing or two things are said."""

    density: str | None
    birads: str | None


def read_facts(answer: str) -> StatedFacts:
    """The facts that an answer states, in Chinese or English."""
    return StatedFacts(density=read_density(answer), birads=read_birads(answer))


def read_density(answer: str) -> str | None:
    """The ACR density letter that the answer states, by letter or by description."""
    found: set[str] = set()
    for pattern in (_LETTER, _LETTER_FIRST):
        # A hedge such as "type A, not C" is rare in these answers; it counts as two statements.
        found.update(match.upper() for match in re.findall(pattern, answer))
    for letter, descriptions in _DESCRIPTIONS.items():
        if any(re.search(description, answer, re.IGNORECASE) for description in descriptions):
            found.add(letter)
    return found.pop() if len(found) == 1 else None


def read_laterality(answer: str) -> str | None:
    """The one breast ("L" or "R") that the answer speaks of; None for neither or both."""
    found = {side for side, pattern in _SIDES.items() if pattern.search(answer)}
    return found.pop() if len(found) == 1 else None


def read_birads(answer: str) -> str | None:
    """The BI-RADS category ("0".."6", "4A".."4C") that the answer states."""
    found = {match.upper() for match in _BIRADS.findall(answer)}
    return found.pop() if len(found) == 1 else None
