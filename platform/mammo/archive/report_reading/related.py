"""Values that stand to another value, or to a label, by a word of time or of negation.

"BI-RADS previously 4A, now 3", "4B, not 4C", "3类（原4A）", "由3升至4A": each has its status by its own word, and both
give the category away, so that both are blanked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.categories import parse_category
from mammo.archive.report_reading.mention import Mention, Status
from mammo.core.patterns import compiled_when_used

_NOT = (
    r"(?:(?:and|but|is|was)\s+)?(?:not|no\s+longer|never|rather\s+than|instead\s+of|as\s+opposed\s+to|short\s+of)(?![a-z])|"
    r"(?:而|并)?不(?:是|考虑|属于|归为|评为)|[而并]非|(?<!除)非(?=\s*[0-6四ivIV])|未(?:达到?|到|及)|达不到|不到|不够|够不上|排除"
)
_THEN = (
    r"(?:which\s+|it\s+|this\s+)?(?:(?:had|has)\s+been|was|were|(?:down|up|unchanged|changed|increased|decreased|raised|lowered)\s+from|previous(?:ly)?|formerly|earlier|before(?:hand)?|prior(?:ly)?|"
    r"last\s+(?:year|time|exam\w*|study|mammogram\w*)|in\s+(?:19|20)\d\d|(?:up|down)graded(?!\s+to)|changed(?!\s+to)|from|versus|vs\.?|"
    r"compared\s+(?:to|with))(?![a-z])|"
    r"较(?:前|上)[片次]?|比(?:前|上)[片次]|既往|以前|之前|此前|先前|上一?次|前次|前[次片]|旧片|去年|前年|原(?:来|先|本|报告)?|曾|由"
)
_NOW = (
    r"(?:(?:and|but|it|which)\s+)?(?:is\s+|are\s+)?(?:now|currently|today|presently|at\s+present|this\s+(?:time|year|exam\w*|study))"
    r"(?![a-z])|(?:(?:was|is|has\s+been|and)\s+)?(?:(?:up|down)graded|changed|revised|corrected|amended)\s+to(?![a-z])|现(?:在|今)?|目前|今[年次]?|本次|此次|这次|改为|应为|(?:上|下)调[至为到]|[升降](?:级)?[至为到]"
)
# What "not 5" and "from 3" go on with.
_INSTEAD = (
    r"(?:but|to|and\s+is|is)(?:\s+rather)?(?![a-z])|而是|应?是|考虑|应?为|[至到]|[升降]级?[至为到]|->|→|⇒|=>"
)
_JOINT = (
    rf"(?:\s*(?:(?:was|were|is|are|been|given|assess\w*|classif\w*|rated|scored|called|reported|as|an?|at|of|from|to|"
    rf"in\s+(?:19|20)\d\d|categor(?:y|ies)|cat\.?|grade|score)(?![a-z])|(?:{lx.LABEL})|[评诊判归定考]?[为断定属虑级是]|评[为级]?|"
    rf"分[类级]|类别|约|拟|[:=])){{0,4}}\s*[:(]?\s*"
)
_BOUNDARY = (
    rf"(?=\s*(?:{lx.CLASS_WORD}|[,.;:()\]、。\n\"'?!/]|$|->|→|(?:in\s+(?:19|20)\d\d|before|earlier|previously|formerly|now|"
    r"today|currently|last|to|rather|instead|not|but|and|on\s+(?:the\s+)?(?:prior|previous|left|right)|for\s+the|"
    r"in\s+the|after|following|because|given|with|lesions?|mass(?:es)?|findings?|nodules?|(?:micro)?calc(?:ification)?s?|or|nor)(?![a-z])|[而但现今由改升降]))"
)
# Not "3 to 4A", which turns from one to the other.
_SPAN = rf"{lx.VALUE}(?:\s*(?:{lx.CLASS_WORD}\s*)?[\-~/或]\s*{lx.VALUE})?"
_VALUE = rf"(?P<value>{_SPAN}){_BOUNDARY}"
_TIMED = (
    r"(?:\s+(?:lesion|mass|finding|nodule)s?)?(?:\s+(?:now|today|currently|at\s+present|this\s+(?:time|year)|before|previously|"
    r"last\s+(?:year|time|exam\w*)|in\s+(?:19|20)\d\d))?"
)
_GAP = rf"\s*{lx.CLASS_WORD}?{_TIMED}\s*[)\]]?[\s,;:(\-]{{0,3}}"
_KINDS = rf"(?:(?P<negated>{_NOT})|(?P<current>{_NOW})|(?P<prior>{_THEN})|(?P<instead>{_INSTEAD}))"
_BEHIND = compiled_when_used(rf"{_GAP}{_KINDS}{_JOINT}{_VALUE}", lx.FLAGS)
# "3 now, 4A before"
_TIMED_BEHIND = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?{_TIMED}[\s,;]{{1,3}}(?:(?:and|but|it\s+was)\s+)?(?P<value>{_SPAN})\s*{lx.CLASS_WORD}?\s*"
    r"(?:(?P<prior>before|earlier|previously|formerly|last\s+(?:year|time|exam\w*)|(?:a|one|two)\s+years?\s+ago|in\s+(?:19|20)\d\d)|"
    r"(?P<current>now|today|currently|this\s+(?:time|year)))(?![a-z])",
    lx.FLAGS,
)
# "BI-RADS previously 4A", "BI-RADS not 5", "BI-RADS downgraded 4A to 3"; "was" tells as often of this examination.
_LED = compiled_when_used(
    rf"[\s:,(\-]{{0,3}}(?:类别|分类|分级|category|cat\.?|score|assessment)?[\s:,(]{{0,3}}(?!(?:was|were)(?!\s+{lx.VALUE}\s+(?:last|previously|before|earlier|in\s+(?:19|20)))|is(?![a-z])|to(?![a-z]))"
    rf"{_KINDS}{_JOINT}{_VALUE}",
    lx.FLAGS,
)
# "not 4B or 4C"
_OR = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?(?:\s*[、,]\s*|\s+(?:or|nor|and)\s+|\s*[或和及])(?P<value>{_SPAN}){_BOUNDARY}",
    lx.FLAGS,
)
_LABEL = compiled_when_used(lx.LABEL, lx.FLAGS)
# Without a label before it: a value with its word of time or negation, or one whose letter tells the scale.
_FREE = compiled_when_used(
    rf"(?<![a-z0-9])(?:(?P<negated>{_NOT})|(?P<current>{_NOW})|(?P<prior>{_THEN})){_JOINT}{_VALUE}|"
    rf"(?<![a-z0-9.])(?P<letter>(?:4|iv|四)\s?[abc]){_BOUNDARY}",
    lx.FLAGS,
)
_NEAR = 60


def with_related(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions, and the values that stand to one of them (or to a label) by a word; in reading order."""
    found = {mention.start: mention for mention in mentions}
    reached = -1  # what a chain has read is not the beginning of another
    for mention in mentions:
        chain = list(_chain(text, mention.end, mention.status)) if mention.start >= reached else []
        _add(found, chain)
        reached = max(reached, *(item.end for item in chain), -1)
        if chain and chain[0].status == "current" and not mention.settled:
            found[mention.start] = replace(found[mention.start], status="prior", settled=True)
    for label in _LABEL.finditer(text):
        led = _LED.match(text, label.end()) if label.start() >= reached else None
        if led is not None:
            first = _mention(led, _status(led, "current"))
            chain = [first, *_chain(text, first.end, first.status)]
            _add(found, chain)
            reached = chain[-1].end
    reached = -1
    for free in _FREE.finditer(text):
        if free.start() < reached:
            continue
        name = "letter" if free["letter"] else "value"
        first = _mention(free, _status(free, "current"), name)
        chain = [first, *_chain(text, first.end, first.status)]
        reached = chain[-1].end
        if len(chain) > 1 and _is_of_the_scale(text, chain):
            if name == "letter" and chain[1].status == "current":
                chain[0] = replace(first, status="prior")
            _add(found, chain)
    return sorted(found.values(), key=lambda mention: mention.start)


def _is_of_the_scale(text: str, chain: Sequence[Mention]) -> bool:
    if any(len(mention.value) > 1 for mention in chain):
        return True
    around = text[max(0, chain[0].start - _NEAR) : chain[-1].end + _NEAR]
    return _LABEL.search(around) is not None


def _chain(text: str, position: int, status: Status) -> Iterator[Mention]:
    """The values that go on from one that ends at `position`."""
    while True:
        match = _TIMED_BEHIND.match(text, position) or _BEHIND.match(text, position)
        if match is None and status == "negated":
            match = _OR.match(text, position)
        if match is None or (match.groupdict().get("instead") and status not in ("negated", "prior")):
            return
        mention = _mention(match, _status(match, status))
        yield mention
        position, status = mention.end, mention.status


def _status(match: re.Match[str], before: Status) -> Status:
    groups = match.groupdict()
    for status in ("negated", "current", "prior"):
        if groups.get(status):
            return status
    return "current" if groups.get("instead") else before


def _mention(match: re.Match[str], status: Status, name: str = "value") -> Mention:
    start, written = match.start(name), match[name].rstrip()
    if written.endswith(")") and "(" not in written:
        written = written[:-1].rstrip()
    return Mention(
        start=start, end=start + len(written), value=parse_category(written), side=None, status=status,
        labelled=False, anchor=start, settled=True,
    )  # fmt: skip


def _add(found: dict[int, Mention], chain: Sequence[Mention]) -> None:
    """Add what is new; of what was read already the status is settled by its word."""
    for mention in chain:
        other = next(
            (item for item in found.values() if mention.start < item.end and item.start < mention.end), None
        )
        if other is None:
            found[mention.start] = mention
        elif not other.settled:
            found[other.start] = replace(other, status=mention.status, settled=True)
