"""Reads a mammography report: density, BI-RADS per side and overall, and the text without its category.

Rules, in order (the edition and the name of the rule set are stored with each result):

1. Values of this exam count; those of an earlier exam, of another modality, or negated ones do not.
2. An addendum, a correction or a senior's revision wins over the original report.
3. A value belongs to the side that stands with it; in a report that speaks of one breast only, to that one.
4. Several lesions in one breast: the most severe. A range: its higher end.
5. Overall: 1 < 2 < 3 < 4 < 4A < 4B < 4C < 5 < 6; 0 when any is 0, unless another is 4 or above.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mammo.archive.report_reading.blanking import blank, blank_strictly
from mammo.archive.report_reading.categories import most_severe, overall_category
from mammo.archive.report_reading.context import Placed, place_mentions
from mammo.archive.report_reading.density import DensityReading, read_density
from mammo.archive.report_reading.mentions import find_mentions
from mammo.archive.report_reading.normalised import normalise

RULE = "mammo-report-rules/1"
EDITION = "BI-RADS 5th edition"
# "上文左乳应为右乳": a correction of the side itself.
_SWAP_WORD = r"[^,。;]{0,8}(?:应为|更正为|改为|误为)\s*[\"'“”「]?"
_SIDE_SWAP = re.compile(rf"左{_SWAP_WORD}右|右{_SWAP_WORD}左")


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
    rule: str = RULE
    edition: str = EDITION


def read_report(text: str) -> ReportReading:
    """Read one report's text; any text is accepted, an empty one states nothing."""
    source = normalise(text)
    mentions = find_mentions(source.text)
    placed = place_mentions(source.text, mentions)
    counted = _counted(placed)
    density = read_density(source.text, mentions)
    return ReportReading(
        density=density.value,
        birads=_birads(counted, source.text),
        blanked=blank(source, mentions),
        blanked_strict=blank_strictly(source, mentions),
        confidence=_confidence(counted, density),
    )


def _counted(placed: Sequence[Placed]) -> list[Placed]:
    """Mentions of this exam; a revision replaces the original values of its side (of all, without a side)."""
    current = [item for item in placed if item.mention.status == "current"]
    revised = [item for item in current if item.revised]
    if not revised:
        return current
    covered = {side for item in revised for side in _sides(item)}
    if any(item.side is None for item in revised):
        covered |= {"L", "R"}
    return revised + [item for item in current if not item.revised and _sides(item) - covered]


def _sides(item: Placed) -> set[str]:
    return {"L", "R"} if item.side == "B" else {item.side} if item.side else set()


def _birads(counted: Sequence[Placed], text: str) -> BiradsReading:
    by_side: dict[str, list[str]] = {"L": [], "R": []}
    swapped = _SIDE_SWAP.search(text) is not None
    for item in counted:
        for side in _sides(item):
            other = {"L": "R", "R": "L"}[side]
            by_side[other if swapped and not item.revised else side].append(item.mention.value)
    left, right = (most_severe(by_side[side]) if by_side[side] else None for side in ("L", "R"))
    return BiradsReading(left, right, overall_category(item.mention.value for item in counted))


def _confidence(counted: Sequence[Placed], density: DensityReading) -> float:
    value = 1.0 if counted else 0.5
    if counted and not any(item.mention.labelled for item in counted):
        value *= 0.8
    if any(item.inferred for item in counted):
        value *= 0.9
    if any(item.side is None for item in counted) and any(item.side for item in counted):
        value *= 0.8
    for side in ("L", "R"):
        if len({item.mention.value for item in counted if side in _sides(item)}) > 1:
            value *= 0.85
    value *= {"letter": 1.0, "words": 0.95, "fourth edition": 0.85, "none": 0.8}[density.source]
    return round(value, 3)
