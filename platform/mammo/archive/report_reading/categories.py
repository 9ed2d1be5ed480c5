"""BI-RADS values: how they are written, how they are ordered, what they make of an exam."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from mammo.core.patterns import compiled_when_used

# Most severe last; 0 (incomplete) is placed by `overall_category`.
ORDER = ("1", "2", "3", "4", "4A", "4B", "4C", "5", "6")
# ACR BI-RADS, frequently asked questions: a known cancer asks for less than an incomplete examination.
ACR_ORDER = ("1", "2", "3", "6", "0", "4", "4A", "4B", "4C", "5")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}
_CHINESE = {"零": "0", "〇": "0", "一": "1", "二": "2", "三": "3", "四": "4", "五": "5", "六": "6"}
_WORDS = {"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
_CIRCLED = {mark: str(number) for number, mark in enumerate("①②③④⑤⑥", start=1)}
_RANGE_MARK = compiled_when_used(
    r"(?<=[\w)])\s*(?:[类級级類]\s*)?(?:~|/|至|到|或|\bto\b|\bor\b|-(?=\s*[0-6ivIV一二三四五六]))\s*"
)


def parse_category(written: str) -> str:
    """Canonical value ("0".."6", "4A".."4C") of one written form; of a range the higher.

    Raises ValueError when the text is no category.
    """
    return most_severe(_parse_one(part) for part in _RANGE_MARK.split(written) if part.strip())


def _parse_one(written: str) -> str:
    text = written.strip().casefold()
    number, rest = _number_of(text)
    sub = re.search(r"(?<![a-z])([abc])(?![a-z])", rest)
    return f"4{sub.group(1).upper()}" if number == "4" and sub else number


def _number_of(text: str) -> tuple[str, str]:
    for table in (_WORDS, _CIRCLED, _CHINESE):
        for mark, number in table.items():
            if text.startswith(mark):
                return number, text[len(mark) :]
    if text[:1].isdigit() and text[0] <= "6":
        return text[0], text[1:]
    roman = re.match(r"(?:iv|vi|v|i{1,3})(?=[^a-z]|[abc](?![a-z])|$)", text)
    if roman:
        return _ROMAN[roman.group()], text[roman.end() :]
    raise ValueError(f"{text!r} is no BI-RADS category")


def most_severe(values: Iterable[str]) -> str:
    """Most severe of several values of one breast; 0 wins unless another is 4 or above."""
    found = list(values)
    if not found:
        raise ValueError("no value was given")
    graded = [value for value in found if value != "0"]
    worst = max(graded, key=ORDER.index) if graded else "0"
    if "0" in found and (worst == "0" or ORDER.index(worst) < ORDER.index("4")):
        return "0"
    return worst


def most_urgent(values: Iterable[str]) -> str:
    """First of several values in the hierarchy of the ACR: what is to be done first decides."""
    return max(values, key=ACR_ORDER.index)


# How the exam's category follows from those of its breasts; the name is stored with every result.
OVERALL_RULES: Mapping[str, Callable[[Iterable[str]], str]] = {
    "zero-unless-4": most_severe,
    "acr-hierarchy": most_urgent,
}


def overall_category(values: Iterable[str | None], rule: str = "zero-unless-4") -> str | None:
    """The exam's category from those of its breasts, by a rule of OVERALL_RULES (None: not stated)."""
    found = [value for value in values if value is not None]
    return OVERALL_RULES[rule](found) if found else None
