"""One category value of a report, and what kind of statement it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["L", "R", "B"]
Status = Literal["current", "prior", "other_modality", "negated", "legend"]


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
    settled: bool = False  # a word beside the value has said its status
