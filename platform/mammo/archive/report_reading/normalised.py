"""Text as the reader sees it: width-folded, without invisible characters, with a map back to the original."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad")
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
# Circled digits would fold into the digits beside them ("①10 o'clock" into 110).
_KEPT = frozenset("①②③④⑤⑥⑦⑧⑨⑩®")


@dataclass(frozen=True)
class NormalisedText:
    """`text` is what patterns run on; `offsets[i]` is the original position of its character i."""

    original: str
    text: str
    offsets: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that the span start..end of `text` came from."""
        if start >= end:
            raise ValueError(f"span {start}..{end} is empty")
        return self.offsets[start], self.offsets[end - 1] + 1


def normalise(original: str) -> NormalisedText:
    """Fold full-width forms, roman numeral characters and dashes; keep case.

    Zero-width characters and repeated blanks are dropped.
    """
    pieces: list[str] = []
    offsets: list[int] = []
    for position, character in enumerate(original):
        if character in _INVISIBLE:
            continue
        folded = _fold(character)
        if folded == " " and pieces and pieces[-1] == " ":
            continue  # one blank says as much as five
        pieces.append(folded)
        offsets.extend([position] * len(folded))
    return NormalisedText(original, "".join(pieces), tuple(offsets))


def _fold(character: str) -> str:
    if character in _DASHES:
        return "-"
    if character in _KEPT:
        return character
    return unicodedata.normalize("NFKC", character)
