"""Finds every BI-RADS value in a normalised text, and says what kind of statement it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.categories import parse_category
from mammo.archive.report_reading.grids import grid_values

Side = Literal["L", "R", "B"]
Status = Literal["current", "prior", "other_modality", "negated", "legend"]

_MARKUP = r"(?:</?[a-z][^<>]{0,60}>|&nbsp;)"
_FILLER = (
    rf"(?:[\s:=,.、/~\-()\[\]【】\"'“”*_|>®™{{}}#]|{_MARKUP}|(?<=-)(?:us|mg|mri|mammo\w*)\b|分类|分级|分型|分類|分級|等級|類別|評估|診斷|"
    rf"评估|评价|评级|"
    r"\(?\s*(?:第\s*)?[45四五]\s*(?:版|th\s+ed(?:ition)?\.?)\s*\)?|\(?(?:19|20)\d\d\s*版?\)?(?![-/.年\d])|"
    r"(?<![a-z])(?:side|laterality)(?=\s*=)|类别|级别|等级|结果|诊断|标准|定为|归为|归入|考虑|属于|属|为|是|约|"
    r"均|都|皆|同|应|拟|暂|判定|评定|评为|评|划为|划归|列为|列入|分属|提示|仍|"
    r"第(?=\s*(?:[0-6][abc]?|[一二三四五六ivx]{1,3})\s*[类類級级])|"
    r"(?<![a-z])(?:benign|negative|suspicious|incomplete|malignant|probably\s+benign)(?=\s*\(\s*[0-6][abc]?\s*\))|"
    r"\b(?:categor(?:y|ie|ia|ía)|cat|final|overall|assessment|code|score|class(?:ification)?|grade|"
    r"rating|level|"
    r"is|of|as|for|the|remains?|mammo(?:gram|graphy)?|kategorie|catégorie|categoría|stufe|値|value)\b){0,14}?"
)
_SIDE_FILLER = (
    r"(?:[\s:=\-()\"'|*>]|乳腺|乳房|乳|侧|側|为|是|属|(?<![a-z])(?:breast|side|mama|sein|brust|is|"
    r"category)(?![a-z])|"
    rf"{_MARKUP}){{0,6}}"
)
_ITEM = re.compile(
    rf"{_FILLER}(?:(?P<before>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}){_SIDE_FILLER})?(?P<value>{lx.RANGE})", lx.FLAGS
)
_NEXT = re.compile(
    rf"\s*{lx.CLASS_WORD}?\s*\)?(?:[\s,;、/|.&+\"'{{}}(]|和|及|而|(?<![a-z])(?:and|und|et|y|e)(?![a-z])|"
    rf"{_MARKUP}){{0,5}}"
    rf"(?:(?P<before>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}){_SIDE_FILLER})(?P<value>{lx.RANGE})",
    lx.FLAGS,
)
# Without a side before it, a further value of the list needs a side behind it: "category 3 left, 2 right".
_NEXT_BY_SUFFIX = re.compile(
    rf"[^.;。\n0-9]{{0,24}}?(?:[,;、/+]|(?<![a-z])(?:and|und|et|y|e)(?![a-z])|"
    rf"和)\s*(?P<value>{lx.RANGE})(?=\s*{lx.CLASS_WORD}?\s*\(?"
    rf"(?:(?:for|in|on|of)\s+)?(?:the\s+)?(?:{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}|,?\s*respectively))",
    lx.FLAGS,
)
# "4A → 4C", "4A类改为3类": the second stands for the first.
_TURNED = re.compile(rf"\s*{lx.CLASS_WORD}?\s*(?:{lx.TURNS_INTO})\s*(?P<value>{lx.RANGE})", lx.FLAGS)
# "左/右：BI-RADS 3/4A", "R/L BI-RADS 4A/2".
_PAIR = re.compile(
    rf"(?P<one>{lx.LEFT}|{lx.RIGHT})\s*[/|、]\s*(?P<two>{lx.LEFT}|{lx.RIGHT})[^\w/]{{0,4}}"
    rf"(?:{lx.LABEL})?{_FILLER}$",
    lx.FLAGS,
)
_CHINESE_CLASS = re.compile(
    rf"(?P<value>{lx.RANGE})\s*\??类(?!似|型|风湿|固醇|别|药|切口|食|癌|患者|人群)", lx.FLAGS
)
_DENSITY_BEFORE = re.compile(
    r"(?:腺体|密度|构成|致密|乳腺组织|实质|density|composition|densit\w+|dichte|breast tissue|ACR)"
    r"[^,，。.;；:\n]{0,8}[:\s]*(?:type|category|grade|class|分型|分类|型)?[:\s(]*$",
    lx.FLAGS,
)
# "甲状腺结节3类": a class of another organ.
_OTHER_ORGAN = re.compile(
    r"(?:甲状腺|肝|肺|前列腺|卵巢|附件|宫颈|膀胱|肾)[^,，;；。\n乳]{0,16}$|"
    r"(?:thyroid|liver|lung|prostate|adnexal)(?![^.;\n]{0,16}breast)[^.,;\n]{0,16}$",
    lx.FLAGS,
)
_VERDICT = (
    r"(?:benign|negative|suspicious|malignant|incomplete|normal|probabl[ye]|low|moderate|high|"
    r"阴性|良性|可疑|恶性|可能)"
)
# "Right: 4C. Left: 2 - benign. (BI-RADS)": only in a text that has the label, or a part that gives the assessment.
_SIDED_VALUE = re.compile(
    rf"(?:(?P<before>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breast|side|乳腺|乳房|유방)?\s*[:=]|"
    rf"(?:^|(?<=[.;,。\n:]))\s*(?P<opening>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breast|side)?\s*-?)"
    rf"\s*(?P<value>{lx.RANGE})(?=\s*(?:[.,;。)|\n\[]|{lx.CLASS_WORD}|$|[-(:]\s*(?:{_VERDICT}|{lx.LABEL})))",
    lx.FLAGS | re.MULTILINE,
)
# "右乳结节4A级": a subdivision tells the scale.
_SUBDIVIDED = re.compile(
    r"(?<![0-9a-z.])(?P<value>(?:4|四|iv)\s?(?:[类類級级]\s?)?[abc])\s*[级級](?!别)", lx.FLAGS
)
_HEADED_LIST = re.compile(
    rf"(?:类别|分类|分级|评估|评级|结论)\s*[:]\s*(?=(?:{lx.BOTH}|{lx.LEFT}|"
    rf"{lx.RIGHT}){_SIDE_FILLER}{lx.RANGE})",
    lx.FLAGS,
)
_ASSESSED = re.compile(r"(?:assessment|category|分类|分级|类别|评估)", lx.FLAGS)
_NO_VALUE = re.compile(r"atlas|lexicon|density|composition|breast density|词典|术语", lx.FLAGS)


@dataclass(frozen=True)
class Mention:
    """One value in the text; start and end are positions in the normalised text."""

    start: int
    end: int
    value: str
    side: Side | None
    status: Status
    labelled: bool  # a BI-RADS label stands with it
    anchor: int  # where the label (or the value itself) begins


def find_mentions(text: str) -> list[Mention]:
    """All category values of `text` in reading order; density letters and other scales are left out."""
    blocked = [match.span() for match in re.finditer(lx.OTHER_SCALE, text, lx.FLAGS)]
    blocked = [span for span in blocked if not _is_labelled(text, *span)]
    found: dict[int, Mention] = {}
    for anchor, end, labelled in _labels(text):
        for mention in _read_list(text, anchor, end, labelled):
            if not _overlaps(mention, blocked):
                _keep(found, mention)
    for match in [*_CHINESE_CLASS.finditer(text), *_SUBDIVIDED.finditer(text)]:
        start, end = match.span("value")
        density = _DENSITY_BEFORE.search(text[max(0, start - 14) : start])
        elsewhere = _OTHER_ORGAN.search(text[max(0, start - 24) : start])
        if not density and not elsewhere and not _overlaps_span(start, end, blocked):
            _keep(found, _mention(text, start, end, None, start, labelled=False))
    if _label_pattern().search(text) or _ASSESSED.search(text):
        for match in _SIDED_VALUE.finditer(text):
            start, end = match.span("value")
            side = match["before"] or match["opening"]
            _keep(found, _mention(text, start, end, side, start, labelled=False))
    for start, end, side in grid_values(text):
        _keep(found, _mention(text, start, end, side, start, labelled=True))
    return sorted(found.values(), key=lambda mention: mention.start)


def _is_labelled(text: str, start: int, end: int) -> bool:
    """Does a BI-RADS label stand in the span or right before it ("BI-RADS grade 3")?"""
    before = re.search(rf"(?:{lx.LABEL})[\s:\-(]*$", text[max(0, start - 40) : start], lx.FLAGS)
    return before is not None or _label_pattern().search(text, start, end) is not None


def _labels(text: str) -> list[tuple[int, int, bool]]:
    """(start, end, is it BI-RADS) of everything that announces a value."""
    labels = [(m.start(), m.end(), True) for m in _label_pattern().finditer(text)]
    short = lx.SHORT_LABEL if labels else f"{lx.SHORT_LABEL}|{lx.FRENCH_LABEL}"
    labels += [(m.start(), m.end(), True) for m in re.finditer(short, text, lx.FLAGS)]
    labels += [(m.start(), m.end(), False) for m in _HEADED_LIST.finditer(text)]
    for match in re.finditer(lx.WEAK_LABEL, text, lx.FLAGS):
        if not _DENSITY_BEFORE.search(text[max(0, match.start() - 24) : match.start()]):
            labels.append((match.start(), match.end(), False))
    return sorted(labels)


@lru_cache(maxsize=1)
def _label_pattern() -> re.Pattern[str]:
    return re.compile(lx.LABEL, lx.FLAGS)


def _read_list(text: str, anchor: int, end: int, labelled: bool) -> list[Mention]:
    """The values that follow a label: one, or one for each side."""
    if _NO_VALUE.match(text[end : end + 30].lstrip(" (-的")):
        return []
    item = _ITEM.match(text, end)
    if item is None or _is_list_number(text, end, *item.span("value")):
        return []
    if pair := _pair(text, *item.span("value"), anchor, labelled):
        return pair
    mentions = [_mention(text, *item.span("value"), item["before"], anchor, labelled=labelled)]
    position = item.end("value")
    while True:
        following = (
            _TURNED.match(text, position)
            or _NEXT.match(text, position)
            or _NEXT_BY_SUFFIX.match(text, position)
        )
        if following is None:
            return mentions
        before = following.groupdict().get("before")
        mentions.append(_mention(text, *following.span("value"), before, anchor, labelled=labelled))
        position = following.end("value")


def _pair(text: str, start: int, end: int, anchor: int, labelled: bool) -> list[Mention]:
    """Two values parted by a stroke behind two sides parted by one: each side has its own."""
    values = list(re.finditer(rf"(?:^|/)\s*(?P<value>{lx.VALUE})", text[start:end], lx.FLAGS))
    sides = _PAIR.search(text, max(0, anchor - 16), start)
    if len(values) != 2 or sides is None:
        return []
    return [
        _mention(
            text, start + found.start("value"), start + found.end("value"), side, anchor, labelled=labelled
        )
        for found, side in zip(values, (sides["one"], sides["two"]), strict=True)
    ]


def _is_list_number(text: str, label_end: int, start: int, end: int) -> bool:
    """Is this the number of an item: "2. Right breast" on a new line, "1、左乳" behind a colon?"""
    begins = text.rfind("\n", 0, start) + 1
    on_new_line = not text[begins:start].strip() and begins > 0
    if on_new_line and re.fullmatch(r"\d", text[start:end]) and re.match(r"[.、)]\s*[^\s\d]", text[end:]):
        # Right behind a label that ends its line it is a value, unless items with further numbers follow.
        follows = re.search(rf"^\s*{int(text[start:end]) + 1}[.、)]", text[end:], re.MULTILINE)
        return follows is not None or bool(text[label_end:start].strip())
    return text[:start].rstrip().endswith(":") and re.match(r"、\s*[左右双]", text[end:]) is not None


def _mention(text: str, start: int, end: int, before: str | None, anchor: int, *, labelled: bool) -> Mention:
    # "3)" of "(BI-RADS 3)" belongs to the text; "4(a)" keeps its bracket.
    value = text[start:end]
    while value and (value[-1].isspace() or (value[-1] == ")" and "(" not in value)):
        value = value[:-1]
    return Mention(
        start=start,
        end=start + len(value),
        value=parse_category(value),
        side=side_of_word(before) if before else None,
        status="current",
        labelled=labelled,
        anchor=anchor,
    )


def side_of_word(word: str) -> Side:
    """L, R or B for a word that matched a side pattern."""
    match = re.fullmatch(lx.SIDE, word.strip(), lx.FLAGS)
    if match is None or match.lastgroup not in ("L", "R", "B"):
        raise ValueError(f"{word!r} names no side")
    return match.lastgroup  # type: ignore[return-value]


def _keep(found: dict[int, Mention], mention: Mention) -> None:
    """Keep one mention per place: the labelled one, else the longer one; a side once read is not lost."""
    for start, other in list(found.items()):
        if mention.start < other.end and other.start < mention.end:
            better = max((other, mention), key=lambda m: (m.labelled, m.end - m.start))
            side = better.side or other.side or mention.side
            del found[start]
            found[better.start] = replace(better, side=side, anchor=min(other.anchor, mention.anchor))
            return
    found[mention.start] = mention


def _overlaps(mention: Mention, spans: list[tuple[int, int]]) -> bool:
    return _overlaps_span(mention.start, mention.end, spans)


def _overlaps_span(start: int, end: int, spans: list[tuple[int, int]]) -> bool:
    return any(start < stop and begin < end for begin, stop in spans)
