"""Reads the breast density (ACR A to D) of a report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.grids import grid_densities
from mammo.archive.report_reading.mention import Mention
from mammo.archive.report_reading.sentences import clause_start
from mammo.core.patterns import compiled_when_used

_WORDS = {
    "A": r"脂肪(?:为主)?型|脂肪化|지방형|主要(?:由|为)脂肪|(?:mostly|mainly)\s+fat(?:ty)?|几乎(?:全部|全|"
    r"完全)(?:为|是|由)?脂肪|脂肪性|"
    r"(?:almost\s+)?entirely\s+(?:of\s+)?fat(?:ty)?|fatty(?:[- ]replaced)?\b|"
    r"predominantly\s+fat(?:ty)?|脂肪置換|graisseu[xs]e?s?|adipos[aeo]s?|fettreich",
    "B": r"散在(?:的|性)?(?:少量)?(?:纤维)?腺体|(?:少许|部分)(?:纤维)?腺体|산재|散在(?:纤维|型)|"
    r"少量(?:纤维)?腺体|腺体少量|(?:纤维)?腺体散在|"
    r"scattered\s+(?:areas\s+of\s+)?(?:fibro\w+|density|densities|"
    r"tissue)|乳腺散在|density\s*[:\-]?\s*scattered|esparsas?|dispersas?|散在性",
    "C": r"不均(?:匀|一|质|勻)(?:性|的|地)?(?:致密|緻密|高濃度|高密度)|致密不均(?:匀)?|"
    r"密度(?:增高)?不均匀(?:增高|致密)|不均?[일질]\s?치밀|불균[일질]\s?(?:하게\s?)?치밀|多量(?:纤维)?腺体|"
    r"致密(?:混合|不均)|"
    r"het(?:erogen(?:e?ous(?:ly)?|ously)|ero(?:g\.?)?|\.)?[\s,]+dens\w*|dens\w*,?\s+heterogen\w*|"
    r"hétérogène\w*\s+dense|heterog[eé]ne\w*|inhomogen\s+dicht",
    "D": r"(?:极度|極度|极其|极为|非常|高度)(?:的)?(?:致密|緻密)|(?<!不)均匀致密型|"
    r"(?<![匀质一度其常在合])(?<!极为)致密型|"
    r"매우\s?치밀|고도\s?치밀|極めて高濃度|extremely\s+dens\w*|"
    r"extrêmement\s+dense|extrem(?:a|ada)mente\s+dens\w*|"
    r"extrem\s+dicht",
}
_CONTEXT = (
    r"(?:유방|밀도|실질|yoğunlu\w*|mật\s+độ|loại|gęstość|плотност\w*|緻密|densiteit|密度|构成|致密|腺体|腺體|"
    r"乳腺|型|分型|分类|类型|类别|densit\w*|densidad\w*|composi\w+|dichte|"
    r"parenchym\w*|tissue|"
    r"type|tip[oe]|typ|acr|fatty|dense|dens(?![a-z])|fibroglandular|pattern|高濃度|濃度|散在)"
)
_LINK = (
    r"(?:[\s:=\-(\[\"'*|>]|breasts?(?=\s*\()|</?[a-z][^<>]{0,40}>|分型|分类|分布|类型|为|是|属|呈|"
    r"type|tip[oe]?|typ|loại|mô\s+vú|categor\w*|class|grade|density|code|is|are|of|acr|birads|bi-rads){0,6}?"
)
_LETTER_AFTER = compiled_when_used(
    rf"{_CONTEXT}{_LINK}(?<![a-z])(?P<letter>[b-d]|a(?!\s+[a-z]))"
    r"(?:\s*[-/~]\s*(?P<higher>[a-d]))?(?![a-z0-9]|[-/]\d)",
    lx.FLAGS,
)
_LETTER_BEFORE = compiled_when_used(
    r"(?:(?:categor\w*|type|class|acr|grade)\s+(?P<letter>[a-d])|(?<![\w.])(?P<bare>[b-d]))[\s-]+(?:breast\s+)?"
    r"(?:density|composition|parenchym\w*|tissue)",
    lx.FLAGS,
)
# "双乳c。", "b - scattered fibroglandular tissue", "(c: heterogeneously dense)"
_LETTER_ALONE = compiled_when_used(
    r"(?:[双两左右]侧?乳(?:腺|房)?(?P<breast>[a-d])(?=\s*(?:[。,;(、]|$))|"
    r"(?<![\w.])(?P<letter>[a-d])\s*(?:[-:=(,/]|\s)\s*(?:acr\s*)?"
    r"(?:(?:the\s+)?(?:breasts?\s+(?:are|is)\s+)?(?:almost\s+|entirely|scattered|hetero\w*|extremely|mostly|fatty)|"
    r"散在|不均匀|极度|脂肪|多量|少量))",
    lx.FLAGS,
)
_LETTER_IN_BRACKETS = compiled_when_used(
    r"(?:scattered|dens[ei]\w*|fatty|fibroglandular|parenchym\w*|composition|tissue|腺体|致密|脂肪|密度|构成)"
    r"[^.;,。\n()]{0,40}\((?:acr|type|category|birads|类型|分型)?\s*(?P<letter>[a-d])\s*(?:型|类)?\)",
    lx.FLAGS,
)
_LETTER_FIRST = compiled_when_used(
    r"(?<![a-z0-9类级類級])(?P<letter>[a-d])\s*(?:型|类|類|级)(?!题)", lx.FLAGS
)
_FOURTH_EDITION = compiled_when_used(
    r"(?:腺体|乳腺密度|致密度|密度|构成|致密[,，]?\s*acr|density|composition|dichte|"
    r"acr(?:\s+(?:breast\s+)?density)?)\s*(?:分型|分类|分级|"
    r"category|grade|class|type|类型|acr|[:\s(为是]){0,4}"
    r"(?:[1-3]\s*-\s*)?(?P<number>[1-4]|iv|i{1,3})(?![a-z0-9%]|[./]\d|\s*(?:mm|cm|点|类钙化))\s*(?:型|类|级|"
    r"[(,.;。)]|$)",
    lx.FLAGS,
)
_ACR_NUMBER = compiled_when_used(r"(?<![a-z])acr\s?:?\s?(?P<number>[1-4])(?=\s*[,.;。)\n]|$)", lx.FLAGS)
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
    found = {letter for start, letter in grid_densities(text) if not _is_prior(text, start)}
    for match in _LETTER_BEFORE.finditer(text):
        if not _is_prior(text, match.start()):
            found.add((match["letter"] or match["bare"]).upper())
    for match in _LETTER_ALONE.finditer(text):
        if not _is_prior(text, match.start()):
            found.add((match["breast"] or match["letter"]).upper())
    for pattern in (_LETTER_AFTER, _LETTER_FIRST, _LETTER_IN_BRACKETS):
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
