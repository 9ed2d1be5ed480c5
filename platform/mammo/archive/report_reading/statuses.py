"""Whose a value is: this exam's, an earlier one's, another modality's, or none's because it is negated."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.mention import Mention, Status
from mammo.archive.report_reading.past import (
    has_own_dated_bracket,
    is_compared_with,
    without_closed_comparisons,
)
from mammo.archive.report_reading.sections import Section, section_at
from mammo.archive.report_reading.sentences import clause_start
from mammo.core.patterns import compiled_when_used

# The date of an examination, or the token that cleaning put in its place; not of a biopsy, and not "since":
# few words stand between it and its value.
_DATED = compiled_when_used(
    r"(?<!\d)(?<!since )(?<!自)(?:(?:19|20)\d\d(?!\d)|\[(?:日期|date)[^\]\n]{0,9}\])(?!\s*(?:版|edition))"
    r"(?![^,;。\n]{0,30}(?:biops|surg|mastect|lumpect|since|until|活检|穿刺|切除|术|稳定|无变化|较|unchanged|stable))"
    r"[^,;。\n]{0,40}$",
    lx.FLAGS,
)
_DATE_BEHIND = compiled_when_used(
    r"\s*类?\s*(?:on|in|at|\(|,|于)?\s*\(?\s*(?:\d\d?[/.-]|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"[a-z]*\.?\s+){0,2}(?:(?:19|20)\d\d|\[(?:日期|date))",
    lx.FLAGS,
)
# "given BI-RADS 4A last year" is of then.
_PAST_BEHIND = compiled_when_used(
    r"\s*(?:last\s+(?:year|time|exam\w*|study|mammogram)|(?:on|at)\s+(?:the\s+|her\s+)?(?:prior|previous|last)|"
    r"(?:\w+\s+)?(?:years?|months?)\s+ago)(?![a-z])",
    lx.FLAGS,
)
_CURRENT_BEHIND = compiled_when_used(
    r"\s*类?\s*\(?\s*(?:current|now|today|this\s+(?:exam|study|mammogram)|本次|此次)", lx.FLAGS
)
# What stands behind a value that the next one replaces: "4A类系笔误，应为3类", "4A → 3".
_REPLACED = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?[)\"”」]?[\s,(\[]*(?:{lx.TURNS_INTO}|"
    r"(?:系|为|属|是)?(?:录入|书写|打字)?(?:笔误|有误|误写|误录|错误|作废)|应为|应改|"
    r"(?:was|is|were)\s+(?:an?\s+|in\s+)?(?:\w+\s+)?(?:error|typo|mistake\w*|incorrect|wrong)|"
    r"(?:typo(?:graphical)?|clerical|dictation|transcription)(?:\s+(?:error|mistake))?|should\s+(?:read|be))"
    rf"(?=[^。;\n左右]{{0,40}}?{lx.VALUE})",
    lx.FLAGS,
)
# "the right 4B calcifications were biopsied and are now BI-RADS 2": the same lesion's next value tells of now, unless
# a side or another lesion is named between.
_ANOTHER = (
    rf"{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}|[,、;]\s*(?:the\s+|another\s+|另外?)?"
    r"(?:肿块|肿物|结节|钙化|病灶|mass|nodule|calc|asymm|lesion)"
)
_NOW = r"(?:(?<![a-z])(?:now|currently|today)(?![a-z])|现(?=为|归|评|考虑|属)|[降升改]为)"
_SUPERSEDED = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?(?:(?!{_ANOTHER})[^.;。\n]){{0,90}}?{_NOW}\s*"
    rf"(?:{lx.LABEL}|categor(?:y|ies)|cat\.?|为|归|评|属|as|an?|is|[\s:]){{0,4}}"
    rf"{lx.VALUE}\s*(?:{lx.CLASS_WORD}|[.,;。)\n]|$)",
    lx.FLAGS,
)
# "4B（外院超声）", "4A (outside MRI)"
_MODALITY_BEHIND = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?\s*[(\[]\s*(?:(?:外院|院外|同日|本院|我院|同期|outside|prior|recent|by|on|per)\s*){{0,2}}"
    r"(?:超声|彩超|b超|磁共振|核磁|mri|us|ultraso\w+|sonograph\w+)(?:检查|报告|所见|exam\w*|report|study|only)?\s*[)\]]",
    lx.FLAGS,
)
_BIOPSY_BEFORE = compiled_when_used(
    r"(?:biops\w*|surg\w*|mastect\w*|活检|穿刺|手术|切除)[^,;。\n]{0,12}$", lx.FLAGS
)


def status_of(
    text: str, mention: Mention, before_at: int, sections: Sequence[Section], *, is_last: bool
) -> Status:
    """Whose value it is; `before_at` is where the previous value ends."""
    start = clause_start(text, mention.anchor)
    before = without_closed_comparisons(text[start : mention.start])
    if re.search(lx.NEGATION, text[start : mention.anchor], lx.FLAGS):
        return "negated"
    if is_compared_with(text, max(start, before_at), mention.anchor):
        return "prior"
    # What stands behind a word of time may tell it ("原4B类").
    seen = before + text[mention.start : mention.end + 2]
    if _last(lx.PRIOR, seen) > _last(lx.CURRENT, before) and not _CURRENT_BEHIND.match(text, mention.end):
        return "prior"
    section = section_at(sections, mention.anchor)
    if section is not None:
        since = text[section.body : mention.start]
        if section.kind in ("history", "comparison") and _last(lx.CURRENT, since) < 0:
            return "prior"
        if section.kind == "other_modality" and _last(rf"{lx.MAMMOGRAPHY}|{lx.CURRENT}", since) < 0:
            return "other_modality"
    if _is_dated(text, mention, max(start, before_at)) and not is_last:
        return "prior"  # a dated value in a text that goes on to what is found now
    if _REPLACED.match(text, mention.end) or _PAST_BEHIND.match(text, mention.end):
        return "prior"
    if _SUPERSEDED.match(text, mention.end):
        return "prior"
    if _MODALITY_BEHIND.match(text, mention.end):
        return "other_modality"
    label = text[mention.anchor : mention.start]
    if re.search(r"-\s?(?:us|mri)\b|超声|mri", label, lx.FLAGS):
        return "other_modality"
    if _last(lx.OTHER_MODALITY, before) > _last(rf"{lx.MAMMOGRAPHY}|{lx.CURRENT}", before):
        return "other_modality"
    return "current"


def _is_dated(text: str, mention: Mention, since: int) -> bool:
    """Does the date of another examination stand with the value?"""
    before = text[since : mention.anchor]
    if _last(lx.CURRENT, text[clause_start(text, mention.anchor) : mention.start]) >= 0:
        return False
    if re.search(lx.ADDENDUM, before, lx.FLAGS):
        return False
    dated = _DATED.search(before)
    if dated and not _BIOPSY_BEFORE.search(before[: dated.start()]):
        return True
    if has_own_dated_bracket(text, mention.end):
        return False
    return _DATE_BEHIND.match(text, mention.end) is not None


def _last(pattern: str, text: str) -> int:
    """Start of the last match, -1 without one."""
    return max((match.start() for match in re.finditer(pattern, text, lx.FLAGS)), default=-1)
