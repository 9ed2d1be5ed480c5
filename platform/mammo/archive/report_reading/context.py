"""What a mention refers to: which breast, this exam or another, affirmed or negated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.mention import Mention, Side, Status
from mammo.archive.report_reading.mentions import leads_sided_list, side_of_word
from mammo.archive.report_reading.past import is_of_a_removed_lesion
from mammo.archive.report_reading.sections import Section, find_sections, legends
from mammo.archive.report_reading.sentences import SENTENCE_END, clause_start, sentence_start
from mammo.archive.report_reading.statuses import status_of
from mammo.core.patterns import compiled_when_used

# A side close behind its value: "BI-RADS 3类：右乳结节", "BIRADS 3 left".
_CLOSE_BEHIND = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?[\s:,(\[\-=]*(?:mama|sein|brust|乳腺|(?:for|in|of|on)?\s*(?:the)?)\s*"
    rf"(?P<side>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})",
    lx.FLAGS,
)
_SIDE = compiled_when_used(lx.SIDE, lx.FLAGS)
# "RIGHT BREAST:", "**Left**:", or a line of its own; "右乳：" too.
_SIDE_HEADER = compiled_when_used(
    rf"(?:^|(?<=[.。;\n:>|]))[\s#*\-•【\[]*(?:[0-9①-⑨]+[.、)]?\s*)?(?P<side>{lx.BOTH}|{lx.LEFT}|"
    rf"{lx.RIGHT})\s*(?:breasts?|mama|brust|sein|side|乳腺|乳房|유방)?[\s*】\]]*?(?::|[ \t*】\]]*(?=\n))",
    lx.FLAGS,
)
_SUFFIX = compiled_when_used(
    rf"[^\S\n]*{lx.CLASS_WORD}?[^\S\n]*[)\]]?(?:[\s:,\-(]{{1,3}}(?:probably )?(?:benign|negative|suspicious|"
    rf"良性|阴性|可疑)\)?)?"
    r"[^\S\n]*[,\-(\[]?[^\S\n]*[以按指即]?(?:(?:lesion|mass|finding|nodule|calcification|asymmetry)s?\s+)?"
    r"(?:(?:for|of|in)\s+(?:the\s+|this\s+|an?\s+)?(?:(?!bi|cat|left|right|both|lt|rt)[a-z'-]+\s+){1,6}?)??"
    r"(?:(?:in|for|of|on|at|der|de la|à|a)\s+)?(?:the\s+)?"
    rf"(?P<side>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breast|mama|side)?(?P<rest>[^\n]{{0,14}})",
    lx.FLAGS,
)
_VALUE_FOLLOWS = compiled_when_used(
    rf"\s*(?:[:=\-]|乳|侧|breast|\s)*(?:{lx.LABEL}|categor|{lx.RANGE}\s*(?:{lx.CLASS_WORD}|[,;.。/)]|$)|"
    rf"[^,.;。)\]]{{1,10}}$)",
    lx.FLAGS,
)


_ABSENT = compiled_when_used(r"[^.;,。\n()]{0,20}(?:mastectom|缺如|全切|根治术|乳房切除)", lx.FLAGS)
_VERB = compiled_when_used(
    r"\s*(?:breast\s+)?(?:shows?|demonstrat\w+|has|have|is|are|was|contains?|reveals?|there|no)(?![a-z])",
    lx.FLAGS,
)
# "Overall assessment: 4A" is of the examination, whatever breast was spoken of before; what is final is so only
# where the text speaks of both.
_OF_WHOLE = (
    r"(?<![a-z])(?:overall|exam(?:ination)?[- ]level|combined)(?![a-z])|总体|综合|总评|整体|总分类|总的"
)
_OF_WHOLE_EXAM = compiled_when_used(_OF_WHOLE, lx.FLAGS)
_OF_EXAM = compiled_when_used(rf"{_OF_WHOLE}|(?<![a-z])final(?![a-z])|最终", lx.FLAGS)
# "左乳综合评估：4A", "right breast overall assessment": the breast's own.
_OWN_OVERALL = compiled_when_used(
    rf"(?P<side>{lx.LEFT}|{lx.RIGHT})\s*(?:breast|乳腺|乳)?的?\s*[:-]?\s*$", lx.FLAGS
)
_ONE_BREAST_EXAMINED = compiled_when_used(
    r"unilateral|(?:left|right)\s+(?:breast\s+)?(?:only|mammogra\w+)|单侧|mammogra\w+\s+(?:of\s+(?:the\s+)?)?(?:left|right)",
    lx.FLAGS,
)
# Nothing but a word stands between a side and the next label: the side is the next statement's.
_OPENS_NEXT = compiled_when_used(r"(?!\s+(?:and|und|et|y|e|en|ve|и)\s)[^,;。.、()\n/|]{0,14}", lx.FLAGS)


# "This was given BI-RADS 3": the side stands in the sentence before.
_POINTS_BACK = compiled_when_used(
    r"\s*(?:(?:this|it|these|the\s+(?:mass|lesion|finding|nodule))(?![a-z])|该|此|上述)", lx.FLAGS
)
_OPENS_PART = compiled_when_used(r"(?:^|[\n。.;!】\])])[\s【\[(*#=_>\-\d.]*$")
# Opens a statement about the breast that was not named before; "denser than the other side" does not.
_OTHER_BREAST = compiled_when_used(
    r"(?:^|[,，;。.、\n(]|而|但|\band\b|\bwhile\b|\bbut\b|\bwhereas\b)\s*"
    r"(?:(?:in|on|for|of)\s+)?(?:the|your|her|其|您的?)?\s*"
    r"(?:对侧|另外?一?[侧边](?!都)|contralateral|opposite\s+(?:breast|side)|other\s+(?:breast|side|one))",
    lx.FLAGS,
)
_FARTHEST_OTHER = 80
_WIDEST_ITEM = 20


@dataclass(frozen=True)
class Placed:
    """A mention with its side settled; `inferred` when the side stands elsewhere in the text."""

    mention: Mention
    side: Side | None
    inferred: bool
    revised: int  # 0 in the original report, else the number of the addendum, correction or senior's revision
    side_at: int | None = None  # where a side behind the value stands
    doubtful: bool = False  # it counts although the text speaks of a lesion that is gone


def place_mentions(text: str, mentions: Sequence[Mention]) -> list[Placed]:
    """Settle status and side of every mention of a text."""
    sections = find_sections(text)
    placed = _placed(text, mentions, sections)
    if sections and not any(item.mention.status == "current" for item in placed):
        # Nothing but history would be strange: the headings mislead.
        return _placed(text, mentions, [])
    return placed


@dataclass(frozen=True)
class _Surroundings:
    """What a text says once for all its values."""

    only: Side | None
    sections: Sequence[Section]
    keys: Sequence[tuple[int, int]]
    headers: Sequence[re.Match[str]]
    addenda: Sequence[int]  # words of revision
    generations: Sequence[int]  # those that open a line or a sentence
    originals: Sequence[int]


def _surroundings(text: str, sections: Sequence[Section]) -> _Surroundings:
    addenda = [match.start() for match in re.finditer(lx.ADDENDUM, text, lx.FLAGS)]
    return _Surroundings(
        only=_only_side(text),
        sections=sections,
        keys=[(start, end) for start, end, _ in legends(text)],
        headers=list(_SIDE_HEADER.finditer(text)),
        addenda=addenda,
        generations=[start for start in addenda if _OPENS_PART.search(text[max(0, start - 12) : start])],
        originals=[match.start() for match in re.finditer(lx.ORIGINAL, text, lx.FLAGS)],
    )


def _placed(text: str, mentions: Sequence[Mention], sections: Sequence[Section]) -> list[Placed]:
    around = _surroundings(text, sections)
    placed: list[Placed] = []
    used: set[int | None] = set()
    behind = _all_behind(text, mentions)
    before = 0
    for index, mention in enumerate(mentions):
        is_last = index + 1 == len(mentions)
        following = len(text) if is_last else mentions[index + 1].start
        anchor = following if is_last else mentions[index + 1].anchor
        status: Status = "legend" if any(a <= mention.start < b for a, b in around.keys) else "current"
        if status == "current" and mention.settled:
            status = mention.status
        elif status == "current":
            # Dates in a row lead to this examination; one behind what was found now leads back.
            is_newest = is_last and not any(item.mention.status == "current" for item in placed)
            status = status_of(text, mention, before, sections, is_last=is_newest)
        side_at: int | None = None
        side, inferred = mention.side, False
        if side is None and index in behind:
            side, side_at = behind[index]
        elif side is None and not is_last and leads_sided_list(text, mentions, index):
            placed.append(
                Placed(replace(mention, status=status), None, False, _revision(mention.anchor, around))
            )
            before = mention.end
            continue
        elif side is None:
            side, side_at = _suffix_side(text, mention, following, anchor)
            if side_at is not None and (
                _has_own_side(text, mention, before, side_at, used)
                or (not is_last and _is_side_of(text, side_at, mentions[index + 1]))
            ):
                side, side_at = None, None
        if side is None:
            side = _other_than_named(text, mention, before)
        if side is None:
            side, inferred = _side_before(text, mention, used, around)
            if side is None:
                side = _side_of_item(
                    text, mention, max(before, text.rfind("\n", 0, mention.anchor) + 1), used
                )
                inferred = side is not None
        revised = _revision(mention.anchor, around)
        placed.append(Placed(replace(mention, status=status), side, inferred, revised, side_at))
        used.add(side_at)
        before = mention.end
    return _without_removed(text, _distribute(text, placed))


def _without_removed(text: str, placed: list[Placed]) -> list[Placed]:
    """The value of a lesion that is gone is of then, where another value tells what its breast shows now."""
    gone = [
        item.mention.status == "current" and is_of_a_removed_lesion(text, item.mention.end) for item in placed
    ]
    left = [item for item, is_gone in zip(placed, gone, strict=True) if not is_gone]
    known = {item.side for item in left if item.mention.status == "current"}
    for index, item in enumerate(placed):
        if gone[index]:
            is_prior = bool(known & {item.side, "B", None}) if item.side else bool(known)
            status: Status = "prior" if is_prior else "current"
            placed[index] = replace(item, mention=replace(item.mention, status=status), doubtful=not is_prior)
    return placed


def _all_behind(text: str, mentions: Sequence[Mention]) -> dict[int, tuple[Side, int]]:
    """Sides of a text that puts each close behind its value: value, side, value, side, and none before."""
    if len(mentions) < 2 or any(mention.side for mention in mentions):
        return {}
    if _SIDE.search(text, sentence_start(text, mentions[0].anchor), mentions[0].start):
        return {}
    behind: dict[int, tuple[Side, int]] = {}
    for index, mention in enumerate(mentions):
        is_last = index + 1 == len(mentions)
        end = len(text) if is_last else mentions[index + 1].start
        close = _CLOSE_BEHIND.match(text, mention.end, end)
        named = [] if close is None else list(_SIDE.finditer(text, close.start("side"), end))
        if not named or (len(named) != 1 and not is_last):
            return {}
        behind[index] = (named[0].lastgroup, named[0].start())  # type: ignore[assignment]
    return behind


def _other_than_named(text: str, mention: Mention, before: int) -> Side | None:
    """The breast of "left breast 3, the other side 1": not the one that was named last."""
    since = max(clause_start(text, mention.anchor), before, mention.anchor - _FARTHEST_OTHER)
    others = list(_OTHER_BREAST.finditer(text, max(0, since - 1), mention.anchor))
    if not others or _SIDE.search(text, others[-1].end(), mention.anchor):
        return None
    other = others[-1]
    named = [match.lastgroup for match in _SIDE.finditer(text, 0, other.start() + 1)]
    if not named or named[-1] not in ("L", "R"):
        return None
    return "R" if named[-1] == "L" else "L"


def _side_of_item(text: str, mention: Mention, since: int, used: set[int | None]) -> Side | None:
    """The one breast an item of one line has spoken of ("- Left: a mass. BI-RADS 4B")."""
    clause = clause_start(text, mention.anchor)
    if _OF_EXAM.search(text, clause, mention.start):
        return None
    named = [match for match in _SIDE.finditer(text, since, mention.anchor) if match.start() not in used]
    if len({match.lastgroup for match in named}) != 1 or named[0].lastgroup == "B":
        return None
    opens = not re.sub(r"[^\w]|\d", "", text[since : named[0].start()])
    return named[0].lastgroup if opens else None  # type: ignore[return-value]


def _distribute(text: str, placed: list[Placed]) -> list[Placed]:
    """Two values for two sides, in order: "左、右乳分别为3类、2类", "left, right: 3 and 2 respectively"."""
    for word in re.finditer(r"分别|respectively", text, lx.FLAGS):
        start = clause_start(text, word.start())
        stop = SENTENCE_END.search(text, word.end())
        end = stop.start() if stop else len(text)
        within = [i for i, item in enumerate(placed) if start <= item.mention.start < end]
        sides = [m.lastgroup for m in _SIDE.finditer(text, start, end) if m.lastgroup != "B"]
        named = any(placed[i].side_at is not None or placed[i].mention.side for i in within)
        if len(within) == 2 and sorted(map(str, sides)) == ["L", "R"] and not named:
            for index, side in zip(within, sides, strict=True):
                placed[index] = replace(placed[index], side=side, inferred=False)  # type: ignore[arg-type]
    return placed


def _side_before(
    text: str, mention: Mention, used: set[int | None], around: _Surroundings
) -> tuple[Side | None, bool]:
    """Nearest side before the value in its sentence, else a header's, else the only one (then inferred).

    used: positions of sides that stand behind an earlier value and belong to it.
    """
    clause = clause_start(text, mention.anchor)
    of_exam = (_OF_EXAM if around.only is None else _OF_WHOLE_EXAM).search(text, clause, mention.start)
    if of_exam and not _SIDE.search(text, of_exam.end(), mention.start):
        own = _OWN_OVERALL.search(text, clause, of_exam.start())
        if own is not None:
            return side_of_word(own["side"]), False
        if around.only is None or not _ONE_BREAST_EXAMINED.search(text):
            return None, False
    for start in (clause, sentence_start(text, mention.anchor)):
        near = [match for match in _SIDE.finditer(text, start, mention.anchor) if match.start() not in used]
        # "左乳同右侧，亦为3类": what a breast is likened to is not the one spoken of.
        near = [match for match in near if text[max(0, match.start() - 1)] not in "同似较比如"] or near
        # Beyond a semicolon "both breasts" no longer says whose category this is.
        if near and (start == clause or near[-1].lastgroup != "B"):
            return near[-1].lastgroup, False  # type: ignore[return-value]
    header = max(
        (h for h in around.headers if h.end() <= mention.anchor), key=lambda h: h.end(), default=None
    )
    if header is not None and _header_holds(text, header.end(), mention.anchor):
        match = _SIDE.fullmatch(header["side"])
        if match is not None:
            return match.lastgroup, False  # type: ignore[return-value]
    if around.only is not None:
        return around.only, True
    if _POINTS_BACK.match(text, clause):
        earlier = list(_SIDE.finditer(text, clause_start(text, max(0, clause - 2)), clause))
        if earlier:
            return earlier[-1].lastgroup, True  # type: ignore[return-value]
    return None, False


def _has_own_side(text: str, mention: Mention, before_at: int, side_at: int, used: set[int | None]) -> bool:
    """Does a side of its own stand before the value, and nothing tie the one behind ("left is two right is")?"""
    if re.search(r"[(\[,:\-]|(?<![a-z])(?:for|in|of|on|at)(?![a-z])", text[mention.end : side_at], lx.FLAGS):
        return False
    since = max(before_at, clause_start(text, mention.anchor))
    return any(match.start() not in used for match in _SIDE.finditer(text, since, mention.anchor))


def _is_side_of(text: str, side_at: int, following: Mention) -> bool:
    """Does the next value stand right behind this side: "(right 2, left 4A)"?"""
    if following.side is None:
        return False
    named = [match.start() for match in _SIDE.finditer(text, side_at, following.start)]
    return len(named) == 1 and following.start - side_at < _WIDEST_ITEM


def _suffix_side(text: str, mention: Mention, following: int, anchor: int) -> tuple[Side | None, int | None]:
    """A side behind the value and its place: "BI-RADS 3 (left)", "category 4 for the right breast".

    following, anchor: where the next value and its label begin.
    """
    match = _SUFFIX.match(text, mention.end)
    if match is None or match.end("side") > following:
        return None, None
    bracketed = "(" in text[mention.end : match.start("side")]
    if not bracketed and _VALUE_FOLLOWS.match(match["rest"]) and following - match.end("side") < 14:
        return None, None
    behind = match.end("side")
    if not bracketed and anchor > behind and _OPENS_NEXT.fullmatch(text, behind, anchor):
        return None, None
    if match["rest"].lstrip().startswith(":"):
        return None, None  # the heading of the next section
    if not bracketed and _VERB.match(match["rest"]):
        return None, None  # the subject of the next statement, dictated without a stop
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
    named = {match.lastgroup for match in _SIDE.finditer(text) if not _ABSENT.match(text, match.end())}
    if "L" in named and "R" in named:
        return None
    return "L" if "L" in named else "R" if "R" in named else None


def _revision(position: int, around: _Surroundings) -> int:
    """0 for the original report; else how many addenda have begun (at least 1 behind a word of revision)."""
    revised = max((at for at in around.addenda if at < position), default=-1)
    if revised <= max((at for at in around.originals if at < position), default=-1):
        return 0
    return max(1, sum(begins <= position for begins in around.generations))
