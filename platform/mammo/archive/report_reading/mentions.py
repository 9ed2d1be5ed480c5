"""Finds every BI-RADS value in a normalised text, and says what kind of statement it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.categories import parse_category
from mammo.archive.report_reading.grids import grid_values
from mammo.archive.report_reading.mention import Mention, Side
from mammo.archive.report_reading.past import compared_values
from mammo.archive.report_reading.related import with_related
from mammo.archive.report_reading.sentences import clause_start
from mammo.archive.report_reading.unlabelled import abbreviations, items_of_a_list, unlabelled_values
from mammo.core.patterns import compiled_when_used

_MARKUP = r"(?:</?[a-z][^<>]{0,60}>|&nbsp;)"
_FILLER = (
    rf"(?:[\s:=,.、/~\-()\[\]【】\"'“”*_|>®™{{}}#]|{_MARKUP}|(?<=-)(?:us|mg|mri|mammo\w*)\b|分类|分级|分型|分類|分級|等級|類別|評估|診斷|"
    rf"评估|评价|评级|"
    r"\(?\s*(?:第\s*)?[45四五]\s*(?:版|th\s+ed(?:ition)?\.?)\s*\)?|\(?(?:19|20)\d\d\s*版?\)?(?![-/.年\d])|"
    r"(?<![a-z])(?:side|laterality)(?=\s*=)|类别|级别|等级|结果|诊断|标准|定为|归为|归入|考虑|属于|属|为|是|约|"
    r"均|都|皆|同|应|拟|暂|判定|评定|评为|评|划为|划归|列为|列入|分属|提示|仍|"
    r"最终|总体|综合|整体|第(?=\s*(?:[0-6][abc]?|[一二三四五六ivx]{1,3})\s*[类類級级])|"
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
_ITEM = compiled_when_used(
    rf"{_FILLER}(?:(?P<before>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}){_SIDE_FILLER})?(?P<value>{lx.RANGE})", lx.FLAGS
)
_NEXT = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?\s*\)?(?:[\s,;、/|.&+\"'{{}}(\[:\-]|和|及|而|(?<![a-z])(?:and|und|et|y|e)(?![a-z])|"
    rf"{_MARKUP}){{0,5}}"
    rf"(?:(?P<before>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}){_SIDE_FILLER})(?P<value>{lx.RANGE})",
    lx.FLAGS,
)
# Without a side before it, a further value of the list needs a side behind it: "category 3 left, 2 right".
_NEXT_BY_SUFFIX = compiled_when_used(
    rf"[^.;。\n0-9]{{0,24}}?(?:[,;、/+]|(?<![a-z])(?:and|und|et|y|e)(?![a-z])|"
    rf"和)\s*(?P<value>{lx.RANGE})(?=\s*{lx.CLASS_WORD}?\s*\(?"
    rf"(?:(?:for|in|on|of|at|an|a|à|en|der|alla)\s+)?(?:the\s+)?(?:{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}|,?\s*respectively))",
    lx.FLAGS,
)
# "4A → 4C", "4A类改为3类": the second stands for the first.
_TURNED = compiled_when_used(rf"\s*{lx.CLASS_WORD}?\s*(?:{lx.TURNS_INTO})\s*(?P<value>{lx.RANGE})", lx.FLAGS)
# "左/右：BI-RADS 3/4A", "R/L BI-RADS 4A/2".
_PAIR = compiled_when_used(
    rf"(?P<one>{lx.LEFT}|{lx.RIGHT})\s*[/|、]\s*(?P<two>{lx.LEFT}|{lx.RIGHT})[^\w/]{{0,4}}"
    rf"(?:{lx.LABEL})?{_FILLER}$",
    lx.FLAGS,
)
_CHINESE_CLASS = compiled_when_used(
    rf"(?P<value>{lx.RANGE})\s*\??类(?!似|型|风湿|固醇|别|药|切口|食|癌|患者|人群)", lx.FLAGS
)
_DENSITY_BEFORE = compiled_when_used(
    r"(?:腺体|密度|构成|致密|乳腺组织|实质|density|composition|densit\w+|dichte|breast tissue|ACR)"
    r"[^,，。.;；:\n]{0,8}[:\s]*(?:type|category|grade|class|分型|分类|型)?[:\s(]*$",
    lx.FLAGS,
)
# "甲状腺结节3类": a class of another organ.
_OTHER_ORGAN = compiled_when_used(
    r"(?:甲状腺|肝|肺|前列腺|卵巢|附件|宫颈|膀胱|肾)[^,，;；。\n乳]{0,16}$|"
    r"(?:thyroid|liver|lung|prostate|adnexal)(?![^.;\n]{0,16}breast)[^.,;\n]{0,16}$",
    lx.FLAGS,
)
_VERDICT = (
    r"(?:benign|negative|suspicious|malignant|incomplete|normal|probabl[ye]|low|moderate|high|"
    r"阴性|良性|可疑|恶性|可能)"
)
# "Right: 4C. Left: 2 - benign. (BI-RADS)": only in a text that has the label, or a part that gives the assessment.
_SIDED_VALUE = compiled_when_used(
    rf"(?:(?P<before>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breast|side|乳腺|乳房|유방)?\s*[:=]|"
    rf"(?:^|(?<=[.;,。\n:]))\s*(?P<opening>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breast|side)?\s*-?)"
    rf"\s*(?P<value>{lx.RANGE})(?=\s*(?:[.,;。)|\n\[]|{lx.CLASS_WORD}|$|[-(:]\s*(?:{_VERDICT}|{lx.LABEL})))",
    lx.FLAGS | re.MULTILINE,
)
# "R: vascular calcs >> 2": a line of a breast that ends in its value.
_ARROWED_VALUE = compiled_when_used(
    rf"^[\s\-*•]*(?P<before>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breast|side|乳腺|乳房)?\s*:[^\n]{{1,120}}?(?:>>|=>|->|→)\s*"
    rf"(?P<value>{lx.RANGE})\s*{lx.CLASS_WORD}?[\s.。]*$",
    lx.FLAGS | re.MULTILINE,
)
# "右：肿块，4A。左：钙化，2。（BI-RADS）": items that end in their value, where the label has none of its own.
_CLOSING_VALUE = compiled_when_used(
    rf"(?:^|(?<=[.;。\n]))\s*(?P<before>{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breast|side|乳腺|乳房)?\s*[:,][^.;。\n:]{{1,80}}?[,\s]\s*"
    rf"(?P<value>{lx.RANGE})\s*{lx.CLASS_WORD}?(?=\s*(?:[;。\n]|\.(?!\d)|$))",
    lx.FLAGS | re.MULTILINE,
)
# "右乳结节4A级": a subdivision tells the scale.
_SUBDIVIDED = compiled_when_used(
    r"(?<![0-9a-z.])(?P<value>(?:4|四|iv)\s?(?:[类類級级]\s?)?[abc])\s*[级級](?!别)", lx.FLAGS
)
# "良性钙化(Ⅱ级)", "结节(4A类)"
_BRACKETED_GRADE = compiled_when_used(
    rf"[(\[]\s*(?:(?P<value>{lx.VALUE})\s*{lx.CLASS_WORD}|(?P<letter>(?:4|iv|四)\s?[abc]))\s*[)\]]", lx.FLAGS
)
_NAMED_BEFORE = compiled_when_used(f"{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}", lx.FLAGS)
_CLAUSE = compiled_when_used(r"[^,，。;；\n]*$")
_SEEN = compiled_when_used(
    r"乳|钙化|结节|肿块|肿物|占位|增生|囊肿|腺瘤|病变|病灶|改变|未见[^,]{0,4}异常|不对称|扭曲|淋巴结|breast|calcific|mass|nodule|cyst",
    lx.FLAGS,
)
_GRADED_OTHERWISE = compiled_when_used(
    r"病理|浸润|癌(?!可能|待)|上皮|不典型|非典型|分化|组织学|镜下|免疫|活检|穿刺|术后|切口|心功能|麻醉|疼痛|护理|包膜挛缩|假体|下垂|"
    r"腺体|致密|密度|构成|carcinoma|tumou?r|histolog|implant",
    lx.FLAGS,
)
# "Nodes: right 3, left 4": how many, not which category.
_COUNTS = compiled_when_used(
    r"(?:(?<![a-z])(?:nodes?|clips?|views?|images?|films?|exposures?|number|count)|淋巴结|夹|片数|枚数|个数|张数|数目)\s*:",
    lx.FLAGS,
)
_HEADED_LIST = compiled_when_used(
    rf"(?:类别|分类|分级|评估|评级|结论)\s*[:]\s*(?=(?:{lx.BOTH}|{lx.LEFT}|"
    rf"{lx.RIGHT}){_SIDE_FILLER}{lx.RANGE})",
    lx.FLAGS,
)
_ASSESSED = compiled_when_used(r"(?:assessment|category|分类|分级|类别|评估)", lx.FLAGS)
_NO_VALUE = compiled_when_used(r"atlas|lexicon|density|composition|breast density|词典|术语", lx.FLAGS)


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
        for match in [*_SIDED_VALUE.finditer(text), *_ARROWED_VALUE.finditer(text)]:
            start, end = match.span("value")
            side = match["before"] or match.groupdict().get("opening")
            if not _COUNTS.search(text[clause_start(text, match.start()) : match.start()]):
                _keep(found, _mention(text, start, end, side, start, labelled=False))
    if _label_pattern().search(text):
        for start, end, side in unlabelled_values(text):
            _keep(found, _mention(text, start, end, side, start, labelled=False))
        if not any(mention.labelled for mention in found.values()):
            for match in _CLOSING_VALUE.finditer(text):
                _keep(
                    found,
                    _mention(
                        text, *match.span("value"), match["before"], match.start("value"), labelled=False
                    ),
                )
    for start, end, side in grid_values(text):
        _keep(found, _mention(text, start, end, side, start, labelled=True))
    for match in _BRACKETED_GRADE.finditer(text):
        start, end = match.span("letter" if match["letter"] else "value")
        if not _overlaps_span(start, end, blocked) and _is_graded(text, match.start(), text[start:end]):
            _keep(found, _mention(text, start, end, None, start, labelled=False))
    for start, end in compared_values(text):
        mention = _mention(text, start, end, None, start, labelled=False)
        _keep(found, replace(mention, status="prior", settled=True))
    return with_related(text, sorted(found.values(), key=lambda mention: mention.start))


def _is_graded(text: str, start: int, value: str) -> bool:
    """Does a grade in brackets belong to what was seen in a breast: "良性钙化(Ⅱ级)"; tumours are graded 1 to 3."""
    before = _CLAUSE.search(text[max(0, start - 40) : start])
    said = before[0] if before else ""
    if not _SEEN.search(said) or _DENSITY_BEFORE.search(text[max(0, start - 14) : start]):
        return False
    return parse_category(value) in ("4", "4A", "4B", "4C", "5", "6") or not _GRADED_OTHERWISE.search(said)


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
    labels += [(start, end, True) for start, end in abbreviations(text)]
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
    if items := items_of_a_list(text, end):
        return [_mention(text, start, stop, side, anchor, labelled=labelled) for start, stop, side in items]
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
    if not re.fullmatch(r"\d", text[start:end]) or not text[:start].rstrip().endswith(":"):
        return False
    item = re.match(r"、\s*[左右双][^;。\n]*", text[end:])
    if item is None:
        return False
    # "右乳BI-RADS：4、左乳BI-RADS：2" names the breast before the label: a value, unless the next item is numbered on.
    follows = re.match(rf"[;。\n]?\s*{int(text[start:end]) + 1}[.、)]", text[end + item.end() :])
    return follows is not None or not _NAMED_BEFORE.search(text, clause_start(text, start), start)


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


def leads_sided_list(text: str, mentions: Sequence[Mention], index: int) -> bool:
    """Is this the examination's value, with those of the breasts behind it: "BI-RADS 4A (right 2, left 4A)"?"""
    mention, behind = mentions[index], mentions[index + 1 :]
    opened = re.match(rf"\s*{lx.CLASS_WORD}?\s*[(\[:\-]", text[mention.end : behind[0].start], lx.FLAGS)
    listed = {item.side for item in behind if item.anchor == mention.anchor}
    return opened is not None and {"L", "R"} <= listed


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
