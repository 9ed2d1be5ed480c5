"""Values that no label stands with, in a text that names the scale elsewhere.

"CURRENT: right 3 / left 2", "the mass is given a four B and the right breast a two, using BI-RADS", "4B calcifications",
"1为4B类，2为2类" for numbered findings, "B4a" where the text says that B is BI-RADS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mammo.archive.report_reading import lexicon as lx
from mammo.core.patterns import compiled_when_used

_YEAR = r"(?:19|20)\d\d"
_TO_VALUE = (
    r"(?:[\s:=\-]|乳腺|乳房|乳|侧|側|为|是|属|(?<![a-z])(?:breast|side|is|was|an?|category)(?![a-z])){0,6}"
)
_ENDS = rf"(?=\s*(?:[.,;。()\[\]|\n/]|{lx.CLASS_WORD}|$|(?:and|using|by|on|in)(?![a-z])))"
_FIRST = rf"(?P<one>{lx.LEFT}|{lx.RIGHT}){_TO_VALUE}(?P<first>{lx.RANGE})\s*{lx.CLASS_WORD}?"
_SECOND = rf"(?P<two>{lx.LEFT}|{lx.RIGHT}){_TO_VALUE}(?P<second>{lx.RANGE}){_ENDS}"
# Both breasts behind a heading of time or of the assessment, or behind a year.
_HEADED_PAIR = compiled_when_used(
    rf"(?:(?:{lx.PRIOR}|{lx.CURRENT}|assessment|impression|conclusion|category|结论|诊断|评估|印象|分类|{_YEAR})"
    rf"[^:\n]{{0,24}}:[^\S\n]*(?:{_YEAR}\S{{0,6}}\s+)?|(?<=(?:19|20)\d\d)\s+)"
    rf"{_FIRST}\s*(?:[/,;、&+|]|and(?![a-z])|和)\s*{_SECOND}",
    lx.FLAGS,
)
# "右乳4B、左乳2（BI-RADS分级）", "R 4A L 2 (BI-RADS)": the label stands behind the values and has none of its own.
_LABEL_BEHIND = compiled_when_used(
    rf"{_FIRST}(?:\s*(?:[/,;、&+|]|and(?![a-z])|和|及)?\s*(?P<two>{lx.LEFT}|{lx.RIGHT}){_TO_VALUE}(?P<second>{lx.RANGE})\s*{lx.CLASS_WORD}?)?"
    rf"[\s,]*(?:[(\[]|(?:by|per|using|按|依|据|采用)\s*)\s*(?:{lx.LABEL})\s*"
    r"(?:分类|分级|类别|评估|标准|categor(?:y|ies)|assessments?|class(?:es)?|atlas|第?[45五]版|5th\s+ed(?:ition)?|\s){0,3}"
    r"[)\]]?(?=\s*(?:[.,;。()\n]|$))",
    lx.FLAGS,
)
# What a reader gives: "is assigned a four B and the right breast a two".
_GIVEN = compiled_when_used(
    rf"(?<![a-z])(?:assigned|given|graded|rated|scored|classified|categori[sz]ed)\s+(?:as\s+)?(?:an?\s+)?(?P<value>{lx.RANGE}){_ENDS}"
    rf"(?:\s*,?\s*(?:and|while|but)\s+(?:the\s+)?(?:{_SECOND}))?",
    lx.FLAGS,
)
# A letter tells the scale: "the right 4B calcifications were biopsied".
_LESION = compiled_when_used(
    r"(?<![a-z0-9./])(?<!\d )(?P<value>4\s?[abc])\s+(?:grouped\s+|amorphous\s+|new\s+)?(?:lesion|mass|nodule|finding|"
    r"calc|(?:micro)?calcification|asymmetr|distortion)(?:s|es|y|ies)?(?![a-z])",
    lx.FLAGS,
)
_NUMBERED = compiled_when_used(
    r"(?:^|(?<=[\n。;；:]))\s*(?P<number>[1-9])\s*[.、)](?!\d)(?P<said>[^\n。;；]*)", lx.FLAGS
)
_OF_NUMBER = compiled_when_used(
    rf"[\s:,，;；、]*(?:病灶|病变|结节|第|no\.?|item|lesion|finding|#)?\s*(?P<number>[1-9])\s*(?:号|个|项|条)?\s*(?:为|是|评|属|is)\s*"
    rf"(?P<value>{lx.RANGE})\s*{lx.CLASS_WORD}?",
    lx.FLAGS,
)
_SIDE = compiled_when_used(lx.SIDE, lx.FLAGS)
_ABBREVIATED = compiled_when_used(
    rf"(?<![a-z])(?P<short>[a-z]{{1,4}})\s*(?:=|:|即|代表|指|表示|stands\s+for)\s*(?:{lx.LABEL})", lx.FLAGS
)


def unlabelled_values(text: str) -> Iterator[tuple[int, int, str | None]]:
    """(start, end, the side's word where one stands with it) of every value without a label of its own."""
    for match in _HEADED_PAIR.finditer(text):
        if _side(match["one"]) != _side(match["two"]):
            yield *match.span("first"), match["one"]
            yield *match.span("second"), match["two"]
    for match in _LABEL_BEHIND.finditer(text):
        yield *match.span("first"), match["one"]
        if match["second"]:
            yield *match.span("second"), match["two"]
    for match in _GIVEN.finditer(text):
        yield *match.span("value"), None
        if match["second"]:
            yield *match.span("second"), match["two"]
    for match in _LESION.finditer(text):
        yield *match.span("value"), None


def items_of_a_list(text: str, position: int) -> list[tuple[int, int, str | None]]:
    """As `unlabelled_values`, of numbered findings that a label is followed by: "1为4B类，2为2类"."""
    said = {match["number"]: match["said"] for match in _NUMBERED.finditer(text, 0, position)}
    found: list[tuple[int, int, str | None]] = []
    while (match := _OF_NUMBER.match(text, position)) and match["number"] in said:
        sides = {_side(side[0]): side[0] for side in _SIDE.finditer(said[match["number"]])}
        found.append((*match.span("value"), next(iter(sides.values())) if len(sides) == 1 else None))
        position = match.end()
    return found if len(found) > 1 else []


def abbreviations(text: str) -> list[tuple[int, int]]:
    """Spans of what the text itself says is short for BI-RADS, where a value stands right behind it."""
    found: list[tuple[int, int]] = []
    for short in {match["short"] for match in _ABBREVIATED.finditer(text)}:
        for match in re.finditer(rf"(?<![a-z0-9]){short}[\s:-]?(?={lx.VALUE})", text, lx.FLAGS):
            found.append(match.span())
    return found


def _side(word: str) -> str | None:
    match = _SIDE.match(word)
    return match.lastgroup if match else None
