"""Reads the breast density (ACR A to D) of a report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.context import clause_start
from mammo.archive.report_reading.mentions import Mention

_WORDS = {
    "A": r"脂肪型|几乎(?:全部|全|完全)(?:为|是|由)?脂肪|脂肪性|"
    r"(?:almost\s+)?entirely\s+(?:of\s+)?fat(?:ty)?|fatty(?:[- ]replaced)?\b|"
    r"predominantly\s+fat(?:ty)?|脂肪置換|graisseu[xs]e?s?|adipos[aeo]s?|fettreich",
    "B": r"散在(?:的)?(?:纤维)?腺体|散在(?:纤维|型)|少量(?:纤维)?腺体|腺体少量|(?:纤维)?腺体散在|"
    r"scattered\s+(?:areas\s+of\s+)?(?:fibro\w+|density|densities|"
    r"tissue)|乳腺散在|density\s*[:\-]?\s*scattered|esparsas?|dispersas?|散在性",
    "C": r"不均(?:匀|一|质)(?:性)?(?:致密|高濃度|高密度)|多量(?:纤维)?腺体|致密(?:混合|不均)|"
    r"heterogen(?:e?ous(?:ly)?|ously)\s+dens\w*|"
    r"hétérogène\w*\s+dense|heterog[eé]ne\w*|inhomogen\s+dicht",
    "D": r"(?:极度|极其|极为|非常|高度)致密|(?<!不)均匀致密型|extremely\s+dens\w*|極めて高濃度|"
    r"extrêmement\s+dense|extrem(?:a|ada)mente\s+dens\w*|"
    r"extrem\s+dicht",
}
_CONTEXT = (
    r"(?:密度|构成|致密|腺体|腺體|乳腺|型|分型|分类|类型|类别|densit\w*|densidad\w*|composi\w+|dichte|"
    r"parenchym\w*|tissue|"
    r"type|tip[oe]|typ|acr|fatty|dense|fibroglandular|pattern|高濃度|濃度|散在)"
)
_LINK = (
    r"(?:[\s:=\-(\[\"'*|]|</?[a-z][^<>]{0,40}>|分型|分类|分布|类型|为|是|属|呈|"
    r"type|tip[oe]|typ|categor\w*|class|grade|density|is|are|of|acr|birads|bi-rads){0,6}?"
)
_LETTER_AFTER = re.compile(
    rf"{_CONTEXT}{_LINK}(?<![a-z])(?P<letter>[b-d]|a(?!\s+[a-z]))"
    r"(?:\s*[-/~]\s*(?P<higher>[a-d]))?(?![a-z0-9]|[-/]\d)",
    lx.FLAGS,
)
_LETTER_FIRST = re.compile(r"(?<![a-z0-9类级類級])(?P<letter>[a-d])\s*(?:型|类|類|级)(?!题)", lx.FLAGS)
_FOURTH_EDITION = re.compile(
    r"(?:腺体|乳腺密度|致密度|密度|构成|致密[,，]?\s*acr|density|composition|dichte)\s*(?:分型|分类|分级|"
    r"category|grade|class|type|类型|acr|[:\s(为是]){0,4}"
    r"(?:[1-3]\s*[-/]\s*)?(?P<number>[1-4]|iv|i{1,3})(?![a-z0-9.%]|\s*(?:mm|cm|点|类钙化))\s*(?:型|类|级|[(,.;。)]|$)",
    lx.FLAGS,
)
_ACR_NUMBER = re.compile(r"(?<![a-z])acr\s?:?\s?(?P<number>[1-4])(?=\s*[,.;。)\n]|$)", lx.FLAGS)
_FOURTH = {"1": "A", "2": "B", "3": "C", "4": "D", "i": "A", "ii": "B", "iii": "C", "iv": "D"}


@dataclass(frozen=True)
class DensityReading:
    """Density A to D or None, and how it was written."""

    value: str | None
    source: str  # letter | words | fourth edition | none


def read_density(text: str, mentions: Sequence[Mention] = ()) -> DensityReading:
    """Density of this exam in a normalised text; where the breasts differ, the denser one (5th edition).

    mentions: the text's category values, so that "4 B" is not read as density B.
    """
    for mention in mentions:
        text = text[: mention.start] + "#" * (mention.end - mention.start) + text[mention.end :]
    for source, letters in (
        ("letter", _letters(text)),
        ("fourth edition", _fourth_edition(text)),
        ("words", _words(text)),
    ):
        if letters:
            return DensityReading(max(letters), source)
    return DensityReading(None, "none")


def _letters(text: str) -> set[str]:
    found: set[str] = set()
    for pattern in (_LETTER_AFTER, _LETTER_FIRST):
        for match in pattern.finditer(text):
            if not _is_prior(text, match.start()):
                found.add(max(match["letter"], match.groupdict().get("higher") or "").upper())
    return found


def _fourth_edition(text: str) -> set[str]:
    matches = list(_FOURTH_EDITION.finditer(text))
    if re.search(lx.LABEL, text, lx.FLAGS):
        matches += _ACR_NUMBER.finditer(text)
    return {_FOURTH[match["number"].lower()] for match in matches if not _is_prior(text, match.start())}


def _words(text: str) -> set[str]:
    return {
        letter
        for letter, pattern in _WORDS.items()
        for match in re.finditer(pattern, text, lx.FLAGS)
        if not _is_prior(text, match.start())
    }


def _is_prior(text: str, position: int) -> bool:
    before = text[clause_start(text, position) : position]
    prior = [match.end() for match in re.finditer(lx.PRIOR, before, lx.FLAGS)]
    current = [match.end() for match in re.finditer(lx.CURRENT, before, lx.FLAGS)]
    return bool(prior) and max(prior) > max(current, default=-1)
