"""Reads a mammography report: density, BI-RADS per side and overall, and the text without its category.

Rules, in order (the edition and the name of the rule set are stored with each result):

1. Values of this exam count; those of an earlier exam, of another modality, or negated ones do not.
2. An addendum, a correction or a senior's revision wins over the original report.
3. A value belongs to the side that stands with it; in a report that speaks of one breast only, to that one.
4. Several lesions in one breast: the most severe. A range: its higher end.
5. Overall, by a named rule: `zero-unless-4` is 1 < 2 < 3 < 4 < 4A < 4B < 4C < 5 < 6, and 0 when any is 0, unless
   another is 4 or above; `acr-hierarchy` is 1 < 2 < 3 < 6 < 0 < 4 < 4A < 4B < 4C < 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mammo.archive.report_reading.blanking import blank, blank_strictly, left_over
from mammo.archive.report_reading.categories import OVERALL_RULES, most_severe, overall_category
from mammo.archive.report_reading.context import Placed, place_mentions
from mammo.archive.report_reading.density import DensityReading, read_density
from mammo.archive.report_reading.mentions import find_mentions
from mammo.archive.report_reading.normalised import normalise
from mammo.archive.report_reading.same_as import Reference, references
from mammo.core.patterns import compiled_when_used

RULES_VERSION = "mammo-report-rules/2"
EDITIONS: Mapping[str, str] = {"5": "BI-RADS 5th edition", "4": "BI-RADS 4th edition"}
# Below this confidence a person confirms what was read.
DOUBTFUL_BELOW = 0.75
# "上文左乳应为右乳", "the finding is in the right breast, not the left": a correction of the side itself.
_SWAP_WORD = r"[^。;\n]{0,14}?(?:应为|应是|更正为|改为|误为|误写为|误作|实为|而非|不是)\s*[\"'“”「]?"
_ENGLISH_SWAP = (
    r"\b[^.;\n]{0,40}?\b(?:should\s+(?:read|be|say)|not|rather\s+than|instead\s+of|to\s+read|"
    r"corrected\s+to)\s+"
)
_SIDE_SWAP = compiled_when_used(
    rf"左{_SWAP_WORD}右|右{_SWAP_WORD}左|"
    rf"\bleft{_ENGLISH_SWAP}(?:the\s+|in\s+the\s+|[\"'])*right|\bright{_ENGLISH_SWAP}(?:the\s+|in\s+the\s+|"
    rf"[\"'])*left",
    re.IGNORECASE,
)
_ABOUT_SIDE = compiled_when_used(
    r"左右|侧别|方位|笔误|误|应为|应是|更正|改为|实为|laterality|side|errat|correct|addend|amend|mislabel|typo|"
    r"error|should",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class BiradsReading:
    """Categories "0".."6", "4A".."4C", or None where the report states none."""

    left: str | None
    right: str | None
    overall: str | None


@dataclass(frozen=True)
class ReportReading:
    """What a report says, and the text without it.

    confidence orders reports for a person's check (1 explicit throughout, lower with each inference or
    contradiction); it is no probability.
    """

    density: str | None
    birads: BiradsReading
    blanked: str
    blanked_strict: str
    confidence: float
    rule: str
    edition: str

    @property
    def is_doubtful(self) -> bool:
        """Should a person confirm it?"""
        return self.confidence < DOUBTFUL_BELOW


def read_report(text: str, *, edition: str = "5", overall_rule: str = "zero-unless-4") -> ReportReading:
    """Read one report's text; any text is accepted, an empty one states nothing.

    Args:
        edition: of BI-RADS that the reports follow, a key of EDITIONS; stored with the result.
        overall_rule: how the sides make the exam's category, a key of OVERALL_RULES.

    Raises:
        ValueError: edition or rule is unknown.
    """
    if edition not in EDITIONS or overall_rule not in OVERALL_RULES:
        raise ValueError(
            f"edition {edition!r} of {list(EDITIONS)}, overall rule {overall_rule!r} of {list(OVERALL_RULES)}"
        )
    source = normalise(text)
    mentions = find_mentions(source.text)
    placed = place_mentions(source.text, mentions)
    counted = _counted(placed)
    density = read_density(source.text, mentions)
    birads, unread = _referred(_birads(counted, source.text, overall_rule), references(source.text))
    return ReportReading(
        density=density.value,
        birads=birads,
        blanked=blank(source, mentions),
        blanked_strict=blank_strictly(source, mentions),
        confidence=_confidence(
            counted, density, birads, unread=unread, is_left_over=bool(left_over(source.text, mentions))
        ),
        rule=f"{RULES_VERSION} {overall_rule}",
        edition=EDITIONS[edition],
    )


def _counted(placed: Sequence[Placed]) -> list[Placed]:
    """Mentions of this exam; of each breast those of its last revision (one without a side revises both)."""
    current = [item for item in placed if item.mention.status == "current"]
    if not any(item.revised for item in current):
        return current
    last = {
        side: max((item.revised for item in current if side in (_sides(item) or {"L", "R"})), default=0)
        for side in ("L", "R")
    }
    newest = max(item.revised for item in current)
    return [
        item
        for item in current
        if (
            any(item.revised == last[side] for side in _sides(item))
            if _sides(item)
            else item.revised == newest
        )
    ]


def _sides(item: Placed) -> set[str]:
    return {"L", "R"} if item.side == "B" else {item.side} if item.side else set()


def _birads(counted: Sequence[Placed], text: str, overall_rule: str) -> BiradsReading:
    by_side: dict[str, list[str]] = {"L": [], "R": []}
    swapped = any(
        _ABOUT_SIDE.search(text[max(0, match.start() - 80) : match.end()])
        for match in _SIDE_SWAP.finditer(text)
    )
    for item in counted:
        for side in _sides(item):
            other = {"L": "R", "R": "L"}[side]
            by_side[other if swapped and not item.revised else side].append(item.mention.value)
    left, right = (most_severe(by_side[side]) if by_side[side] else None for side in ("L", "R"))
    return BiradsReading(
        left, right, overall_category((item.mention.value for item in counted), overall_rule)
    )


def _referred(birads: BiradsReading, said: Sequence[Reference]) -> tuple[BiradsReading, bool]:
    """A breast described as the other has its category; True when a reference leads to nothing that was read."""
    read: dict[str, str | None] = {"L": birads.left, "R": birads.right}
    unread = False
    for reference in said:
        if read[reference.side] is None:
            read[reference.side] = read[reference.like] if reference.like else None
            unread |= read[reference.side] is None
    return BiradsReading(read["L"], read["R"], birads.overall), unread


def _confidence(
    counted: Sequence[Placed],
    density: DensityReading,
    birads: BiradsReading,
    *,
    unread: bool,
    is_left_over: bool,
) -> float:
    value = 1.0 if counted else 0.5
    if counted and not any(item.mention.labelled for item in counted):
        value *= 0.8
    if any(item.inferred for item in counted):
        value *= 0.9
    of_exam = {item.mention.value for item in counted if item.side is None}
    sided = {value for value in (birads.left, birads.right) if value is not None}
    if of_exam and sided:
        value *= 0.8 if {most_severe(sided)} == of_exam else 0.7
    for side in ("L", "R"):
        if len({item.mention.value for item in counted if side in _sides(item)}) > 1:
            value *= 0.85
    if unread or is_left_over or any(item.doubtful for item in counted):
        value *= 0.7
    value *= {"letter": 1.0, "words": 0.95, "fourth edition": 0.85, "none": 0.8}[density.source]
    return round(value, 3)
