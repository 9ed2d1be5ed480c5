"""Numbers and stretches of time, in digits, Chinese numerals or English words."""

import re

from annotation.text_safety.clauses import FLAGS

_CHINESE = {**{sign: value for value, sign in enumerate("零一二三四五六七八九十")}, "两": 2, "半": 0.5}
_ENGLISH = {
    **{
        word: float(value)
        for value, word in enumerate(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=0
        )
    },
    "a": 1.0,
    "an": 1.0,
    "twelve": 12.0,
    "fifteen": 15.0,
    "eighteen": 18.0,
    "twenty": 20.0,
    "fifty": 50.0,
    "half": 0.5,
    "half a": 0.5,
    "a couple of": 2.0,
    "a few": 3.0,
}
_ENGLISH_WORDS = "|".join(sorted(map(re.escape, _ENGLISH), key=len, reverse=True))
NUMBER = (
    rf"(?:(?<![\d.])\d{{1,6}}(?:\.\d{{1,3}})?|[零一二三四五六七八九十两半]{{1,4}}|\b(?:{_ENGLISH_WORDS})\b)"
)
_MONTHS = {"月": 1.0, "month": 1.0, "年": 12.0, "year": 12.0, "week": 0.25, "周": 0.25}
_STRETCH = re.compile(
    rf"(?P<number>{NUMBER})\s*(?:个|-)?\s*(?P<unit>月|年|周|months?|years?|weeks?)(?!前|来|以来|内|级|份|\s+ago"
    rf"|\s*-?old)"
    r"|(?P<next>明年|来年|\bnext year)",
    FLAGS,
)


def value_of(words: str) -> float | None:
    """The number that the words say; None where they say none we know."""
    words = words.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", words):
        return float(words)
    if words in _ENGLISH:
        return _ENGLISH[words]
    if len(words) == 1:
        return _CHINESE.get(words)
    if re.fullmatch(r"[一二两三四五六七八九]{2}", words):  # "two or three"
        return _CHINESE[words[1]]
    if re.fullmatch(r"[一二三四五六七八九]?十[一二三四五六七八九]?", words):
        tens, ones = words.split("十")
        return _CHINESE.get(tens, 1) * 10 + (_CHINESE[ones] if ones else 0)
    return None


def stretches(text: str) -> list[tuple[int, int, float]]:
    """Begin, end and length in months of every stretch of time ahead."""
    found = []
    for match in _STRETCH.finditer(text):
        if match["next"]:
            found.append((match.start(), match.end(), 12.0))
            continue
        number = value_of(match["number"])
        if number is not None:
            found.append((match.start(), match.end(), number * _MONTHS[match["unit"].lower().rstrip("s")]))
    return found
