"""What a mention refers to: which breast, this exam or another, affirmed or negated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.mentions import Mention, Side, Status

_SENTENCE_END = re.compile(r"[。\n;!?]|\.(?=\s|$)(?<!lt\.)(?<!rt\.)")
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DATE_BEHIND = re.compile(r"\s*类?\s*(?:on|in|at|\(|,|于)?\s*(?:\d\d?[/-])?(?:19|20)\d\d", lx.FLAGS)
_SIDE = re.compile(lx.SIDE, lx.FLAGS)
_SIDE_HEADER = re.compile(
    rf"(?:^|(?<=[.。;\n:>|]))\s*(?:[0-9①-⑨]+[.、)]?\s*)?(?P<side>{lx.BOTH}|{lx.LEFT}|"
    rf"{lx.RIGHT})\s*(?:breast|mama|brust)?\s*:",
    lx.FLAGS,
)
_SUFFIX = re.compile(
    rf"[^\S\n]*{lx.CLASS_WORD}?[^\S\n]*\)?(?:[\s:,\-(]{{1,3}}(?:probably )?(?:benign|negative|suspicious|"
    rf"良性|阴性|可疑)\)?)?"
    r"[^\S\n]*[,\-(\[]?[^\S\n]*(?:(?:lesion|mass|finding|nodule|calcification|asymmetry)s?\s+)?"
    r"(?:(?:in|for|of|on|der|de la|à|a)\s+)?(?:the\s+)?"
    rf"(?P<side>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breast|mama|side)?(?P<rest>[^\n]{{0,14}})",
    lx.FLAGS,
)
_VALUE_FOLLOWS = re.compile(
    rf"\s*(?:[:=\-]|乳|侧|breast|\s)*(?:{lx.LABEL}|categor|{lx.RANGE}\s*(?:{lx.CLASS_WORD}|[,;.。/)]|$)|"
    rf"[^,.;。)\]]{{1,10}}$)",
    lx.FLAGS,
)


@dataclass(frozen=True)
class Placed:
    """A mention with its side settled; `inferred` when the side stands elsewhere in the text."""

    mention: Mention
    side: Side | None
    inferred: bool
    revised: bool  # in an addendum, a correction or a senior's revision
    side_at: int | None = None  # where a side behind the value stands


def place_mentions(text: str, mentions: Sequence[Mention]) -> list[Placed]:
    """Settle status and side of every mention of a text."""
    only = _only_side(text)
    placed: list[Placed] = []
    for index, mention in enumerate(mentions):
        following = mentions[index + 1].start if index + 1 < len(mentions) else len(text)
        settled = replace(mention, status=_status(text, mention))
        side_at: int | None = None
        side, inferred = mention.side, False
        if side is None:
            side, side_at = _suffix_side(text, mention, following)
        if side is None:
            side, inferred = _side_before(text, mention, {item.side_at for item in placed}, only)
        revised = _is_revised(text, mention.anchor)
        placed.append(Placed(settled, side, inferred, revised, side_at))
    return _distribute(text, placed)


def _distribute(text: str, placed: list[Placed]) -> list[Placed]:
    """Two values for two sides, in order: "左、右乳分别为3类、2类", "left, right: 3 and 2 respectively"."""
    for word in re.finditer(r"分别|respectively", text, lx.FLAGS):
        start = clause_start(text, word.start())
        stop = _SENTENCE_END.search(text, word.end())
        end = stop.start() if stop else len(text)
        within = [i for i, item in enumerate(placed) if start <= item.mention.start < end]
        sides = [m.lastgroup for m in _SIDE.finditer(text, start, end) if m.lastgroup != "B"]
        named = any(placed[i].side_at is not None or placed[i].mention.side for i in within)
        if len(within) == 2 and sorted(map(str, sides)) == ["L", "R"] and not named:
            for index, side in zip(within, sides, strict=True):
                placed[index] = replace(placed[index], side=side, inferred=False)  # type: ignore[arg-type]
    return placed


def clause_start(text: str, position: int) -> int:
    """Where the sentence around `position` begins (full stops, semicolons and line ends bound it)."""
    start = 0
    for match in _SENTENCE_END.finditer(text, 0, position):
        start = match.end()
    return start


def _sentence_start(text: str, position: int) -> int:
    """As `clause_start`, but a semicolon does not end the sentence."""
    start = clause_start(text, position)
    while start > 0 and text[start - 1] == ";":
        start = clause_start(text, start - 1)
    return start


def _status(text: str, mention: Mention) -> Status:
    start = clause_start(text, mention.anchor)
    before = text[start : mention.start]
    if re.search(lx.NEGATION, text[start : mention.anchor], lx.FLAGS):
        return "negated"
    if _last(lx.PRIOR, before) > _last(lx.CURRENT, before):
        return "prior"
    dated = _DATE.search(before) or _DATE_BEHIND.match(text, mention.end)
    if dated and _last(lx.CURRENT, before) < 0 and _last(lx.CURRENT, text[mention.end :]) >= 0:
        return "prior"  # a dated value in a text that goes on to what is found now
    label = text[mention.anchor : mention.start]
    if re.search(r"-\s?(?:us|mri)\b|超声|mri", label, lx.FLAGS):
        return "other_modality"
    if _last(lx.OTHER_MODALITY, before) > _last(rf"{lx.MAMMOGRAPHY}|{lx.CURRENT}", before):
        return "other_modality"
    return "current"


def _last(pattern: str, text: str) -> int:
    """Start of the last match, -1 without one."""
    return max((match.start() for match in re.finditer(pattern, text, lx.FLAGS)), default=-1)


def _side_before(
    text: str, mention: Mention, used: set[int | None], only: Side | None
) -> tuple[Side | None, bool]:
    """Nearest side before the value in its sentence, else a header's, else the only one (then inferred).

    used: positions of sides that stand behind an earlier value and belong to it.
    """
    clause = clause_start(text, mention.anchor)
    for start in (clause, _sentence_start(text, mention.anchor)):
        near = [match for match in _SIDE.finditer(text, start, mention.anchor) if match.start() not in used]
        # Beyond a semicolon "both breasts" no longer says whose category this is.
        if near and (start == clause or near[-1].lastgroup != "B"):
            return near[-1].lastgroup, False  # type: ignore[return-value]
    header = list(_SIDE_HEADER.finditer(text, 0, mention.anchor))
    if header and _header_holds(text, header[-1].end(), mention.anchor):
        match = _SIDE.fullmatch(header[-1]["side"])
        if match is not None:
            return match.lastgroup, False  # type: ignore[return-value]
    return (only, True) if only is not None else (None, False)


def _suffix_side(text: str, mention: Mention, following: int) -> tuple[Side | None, int | None]:
    """A side behind the value and its place: "BI-RADS 3 (left)", "category 4 for the right breast"."""
    match = _SUFFIX.match(text, mention.end)
    if match is None or match.end("side") > following:
        return None, None
    bracketed = "(" in text[mention.end : match.start("side")]
    if not bracketed and _VALUE_FOLLOWS.match(match["rest"]) and following - match.end("side") < 14:
        return None, None
    if match["rest"].lstrip().startswith(":"):
        return None, None  # the heading of the next section
    closes = re.match(r"\s*(?:[.。;]|$)", match["rest"])
    if not bracketed and not closes and re.search(r"[\u4e00-\u9fff]", match["side"]):
        return None, None  # in Chinese a bare side opens the next statement
    named = _SIDE.fullmatch(match["side"].strip())
    if named is None:
        return None, None
    return named.lastgroup, match.start("side")  # type: ignore[return-value]


def _header_holds(text: str, end: int, position: int) -> bool:
    """A header such as "RIGHT BREAST:" holds until another side is named at the start of a sentence."""
    between = text[end:position]
    return "\n\n" not in between and not any(
        match.start() in {0} | {m.end() for m in re.finditer(r"[.。;\n]\s*", between)}
        for match in _SIDE.finditer(between)
    )


def _only_side(text: str) -> Side | None:
    """The one side that a report with findings in one breast names; None when it names both or none."""
    named = {match.lastgroup for match in _SIDE.finditer(text)}
    if "L" in named and "R" in named:
        return None
    return "L" if "L" in named else "R" if "R" in named else None


def _is_revised(text: str, position: int) -> bool:
    """Does the mention stand behind a word of revision that no word of the original report follows?"""
    before = text[:position]
    return _last(lx.ADDENDUM, before) > _last(lx.ORIGINAL, before)
