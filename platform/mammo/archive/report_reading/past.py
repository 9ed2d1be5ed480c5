"""Values of another time: those compared with, those in brackets behind a date, those of a lesion that is gone.

"与2020年（BI-RADS 3）比较", "stable since 2019 (3)", "右乳原4A类肿块切除术后", "the 4B mass was excised in 2021".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.sentences import clause_start
from mammo.core.patterns import compiled_when_used

# The date of an examination, or the token that cleaning put in its place.
_DATE = (
    r"(?:(?<!\d)(?:19|20)\d\d(?!\d)(?:\s?[-./年]\s?\d{1,2}(?:\s?[-./月]\s?\d{1,2})?)?\s?[年月日号]?|"
    r"\[(?:日期|date)[^\]\n]{0,9}\])"
)
_COMPARED = (
    r"(?:(?:对比|對比|对照|参照|比较|比對|与|較|较|同|自|比)|(?<![a-z])(?:since|from|with|than|against|to|versus|vs\.?|"
    r"compar(?:ed|ison)))"
)
# What tells of a comparison's outcome: behind it comes what is seen now.
_OUTCOME = r"比较|对比|對比|相比|对照|相仿|无|稳定|[缩增][小大多]|变化|now|today|stable|unchanged|change|similar|,|，"
_COMPARED_BEFORE = compiled_when_used(
    rf"{_COMPARED}\s*(?:the\s+|our\s+|her\s+)?(?:[a-z]+\s+){{0,3}}(?:\d{{1,2}}[-/.\s])?{_DATE}"
    rf"(?:(?!{_OUTCOME})[^;。\n]){{0,18}}$",
    lx.FLAGS,
)
# "3类（2021年为4A类）": the date opens the bracket.
_DATED_BRACKET = compiled_when_used(
    rf"[(\[]\s*(?:于|in\s+)?{_DATE}(?:(?!{_OUTCOME})[^()\[\];。\n]){{0,16}}$", lx.FLAGS
)
_BRACKET_BEHIND = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?\s*\(\s*(?:于|in\s+)?{_DATE}[^()\n;。]{{0,16}}?(?:{lx.LABEL}|(?<![\d.\-/]){lx.VALUE}\s*(?:{lx.CLASS_WORD}|[),;、]))",
    lx.FLAGS,
)
# "较2020年片（左乳4A，右乳2类）缩小", "Compared with 2018 (left 4A)": no label tells the scale, the comparison does.
_SIDED = rf"(?:(?:{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breasts?|side)?\s*[:=]?\s*)?(?:was\s+|为)?"
_ITEM = rf"{_SIDED}(?P<value>{lx.RANGE})\s*{lx.CLASS_WORD}?"
_ITEMS = compiled_when_used(_ITEM, lx.FLAGS)
_UNLABELLED = compiled_when_used(
    rf"{_COMPARED}\s*(?:the\s+|our\s+|her\s+)?(?:[a-z]+\s+){{0,3}}(?:\d{{1,2}}[-/.\s])?{_DATE}[^,;。\n()\[\]]{{0,14}}"
    rf"[(\[]\s*(?P<list>{_ITEM.replace('?P<value>', '?:')}(?:\s*[,;、/]\s*{_ITEM.replace('?P<value>', '?:')})*)\s*[)\]]",
    lx.FLAGS,
)
# A comparison that is over: "对比2021年旧片（双乳2类）：" says nothing of what comes behind it.
_CLOSED = compiled_when_used(
    rf"{_COMPARED}[^,:;。\n()]{{0,30}}\([^()\n]{{0,40}}\)\s*(?:比较|对比|相比)?\s*[:,]", lx.FLAGS
)
# "右乳原为4A", "去年右乳4A", "left was 4A": a side and a word of then; the label stands elsewhere in the text.
_A_SIDE = rf"(?:{lx.BOTH}|{lx.LEFT}|{lx.RIGHT})\s*(?:breasts?|side|乳腺|乳房)?"
_THEN = (
    r"(?:原(?:先|来|本|报告)?|曾(?:经)?|既往|以前|之前|此前|先前|上一?次|前次|前片|旧片|去年|前年|(?:19|20)\d\d年|"
    r"(?<![a-z])(?:(?:was|were|had\s+been)\s+)?(?:previous(?:ly)?|formerly|earlier|prior|last\s+(?:year|time|exam\w*|study))(?![a-z]))"
)
_SAID = r"(?:[\s:=]|[评诊判归定考]?[为是定]|评|(?<![a-z])(?:was|were|a|called|rated|given|category)(?![a-z])){0,4}"
_ENDS = rf"(?=\s*(?:{lx.CLASS_WORD}|[,.;:()\]、。\n/]|$|[现今本]|(?:and|now|today|but)(?![a-z])))"
_BARE_VALUE = rf"{_SAID}(?P<value>{lx.RANGE}){_ENDS}"
_BARE = compiled_when_used(
    rf"(?:{_A_SIDE}[\s,:]{{0,2}}{_THEN}|{_THEN}[\s,:]{{0,2}}(?:the\s+)?{_A_SIDE}){_BARE_VALUE}", lx.FLAGS
)
# "was" alone tells as often of this examination: a comparison or a date stands before it.
_WAS = compiled_when_used(
    rf"{_A_SIDE}\s*(?:was|were)\s+(?:an?\s+)?(?P<value>{lx.RANGE})(?:{_ENDS}|(?=\s+(?:in|on|at)\s))", lx.FLAGS
)
_OTHER_TIME = compiled_when_used(
    rf"(?:{lx.PRIOR}|(?<!\d)(?:19|20)\d\d(?!\d)|\[(?:日期|date)[^\]\n]{{0,9}}\])", lx.FLAGS
)
_ON_OTHER_TIME = compiled_when_used(
    rf"\s+(?:in|on|at)\s+(?:[a-z]+\s+){{0,3}}(?:\d{{1,2}}[-/.\s])?(?:{_DATE}|{lx.PRIOR})", lx.FLAGS
)
_BARE_NEXT = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?\s*(?:[,;、/]|and(?![a-z])|和|及)?\s*{_A_SIDE}{_BARE_VALUE}", lx.FLAGS
)
_LABEL = compiled_when_used(lx.LABEL, lx.FLAGS)
_LESION_ZH = r"(?:肿块|肿物|病灶|结节|钙化(?:灶)?|病变|占位|腺瘤|肿瘤)"
_LESION_EN = (
    r"(?:lesion|mass|nodule|finding|calcification|microcalcification|tumou?r|area|papilloma|cancer|focus)s?"
)
_DONE_EN = (
    r"(?:(?:and\s+)?(?:was|were|has\s+been|have\s+been|had\s+been)\s+)?(?:(?:since|subsequently|surgically|completely|already|"
    r"fully|then|later|successfully)\s+){0,3}(?:excised|removed|resected)(?![a-z])"
)
_REMOVED = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?的?\s*(?:"
    # the lesion itself, then what became of it
    rf"{_LESION_ZH}(?:(?!左|右|双|建议|拟|需|bi)[^。;\n]){{0,16}}?(?:已(?:行|经|予|被|做|于)?[^。;,\n]{{0,10}}(?:切除|旋切|手术)|"
    rf"(?:切除|旋切|手术|术)(?:术)?后|(?:被|予以?)切除)|"
    rf"[\s,(]*(?:于)?(?:{_DATE})?[\s,]*已(?:行|经|予|被|做|于)?(?!建议)[^。;,\n左右双]{{0,10}}(?:切除|旋切)|"
    rf"(?:切除|旋切)(?:术)?后|"
    rf"{_LESION_EN}(?:(?!left|right|both|bi-?rads|should|must|to\s+be|recommend)[^.;\n]){{0,24}}?{_DONE_EN}|"
    rf"{_LESION_EN}\s*[,(]?\s*(?:s/p|status\s+post|after|post)[\s-]+(?:\w+\s+){{0,2}}(?:excision|lumpectomy|resection|removal)|"
    rf"[\s,(]*(?:which\s+|that\s+)?(?:in\s+{_DATE}\s+)?{_DONE_EN})",
    lx.FLAGS,
)
_REACH = 90


def is_compared_with(text: str, since: int, anchor: int) -> bool:
    """Does the value at `anchor` stand with the date that something is compared with, or behind a date in brackets?"""
    before = text[max(since, anchor - _REACH) : anchor]
    return bool(_COMPARED_BEFORE.search(before) or _DATED_BRACKET.search(before))


def has_own_dated_bracket(text: str, end: int) -> bool:
    """Is the date behind a value that of another value: "3类（2021年为4A类）"?"""
    return _BRACKET_BEHIND.match(text, end) is not None


def is_of_a_removed_lesion(text: str, end: int) -> bool:
    """Does the text behind a value say that the lesion is gone: "4A类肿块切除术后", "4B mass was excised"?"""
    return _REMOVED.match(text, end) is not None


def without_closed_comparisons(before: str) -> str:
    """The text before a value, with comparisons that are over blanked out (same length)."""
    return _CLOSED.sub(lambda match: " " * len(match[0]), before)


def compared_values(text: str) -> Iterator[tuple[int, int]]:
    """Spans of values in brackets behind the date that something is compared with; no label stands with them."""
    for match in _UNLABELLED.finditer(text):
        for item in _ITEMS.finditer(text, *match.span("list")):
            yield item.span("value")
    if _LABEL.search(text):
        yield from _bare_values(text)


def _bare_values(text: str) -> Iterator[tuple[int, int]]:
    """Spans of values of then by side, without a label; those of the other breast behind them too."""
    was = [match for match in _WAS.finditer(text) if _is_of_then(text, match)]
    for match in [*_BARE.finditer(text), *was]:
        start, end = match.span("value")
        yield start, end
        while further := _BARE_NEXT.match(text, end):
            start, end = further.span("value")
            yield start, end


def _is_of_then(text: str, match: re.Match[str]) -> bool:
    before = text[clause_start(text, match.start()) : match.start()]
    return bool(_OTHER_TIME.search(before) or _ON_OTHER_TIME.match(text, match.end()))
