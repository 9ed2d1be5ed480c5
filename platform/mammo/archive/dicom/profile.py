"""The reviewed list of what a released file may hold (profile.json), and the checks its kept values must pass."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydicom import Dataset

from mammo.archive.dicom.digits import as_text
from mammo.archive.dicom.reading import numbers, text


@dataclass(frozen=True)
class Kept:
    """An attribute whose value is taken over if it passes its check.

    Attributes:
        check: `numbers` (exactly `count` of them, between `low` and `high`) or `one of` (`values`).
        reason: why it may leave.
    """

    keyword: str
    check: str
    reason: str
    count: int = 1
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()

    def value(self, dataset: Dataset) -> list[str] | str | None:
        """The value as it is written anew, None when it does not pass."""
        if self.check == "one of":
            written = text(dataset, self.keyword).upper()
            return written if written in self.values else None
        found = numbers(dataset, self.keyword)[: self.count]
        if len(found) != self.count or not all(self.low <= number <= self.high for number in found):
            return None
        return [as_text(number) for number in found]


@dataclass(frozen=True)
class Profile:
    """The whole list.

    Attributes:
        kept: attributes taken over after a check.
        made: attributes written by us, with the reason.
    """

    version: str
    kept: tuple[Kept, ...]
    made: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=1)
def profile() -> Profile:
    """The installed profile.

    Raises:
        ValueError: an entry has no reason or an unknown check.
    """
    written: dict[str, Any] = json.loads((Path(__file__).parent / "profile.json").read_text(encoding="utf-8"))
    kept = tuple(_kept(keyword, entry) for keyword, entry in written["kept"].items())
    if not all(written["made"].values()):
        raise ValueError("profile.json: an attribute is made without a reason")
    return Profile(written["version"], kept, written["made"])


def _kept(keyword: str, entry: dict[str, Any]) -> Kept:
    if not entry.get("reason") or entry.get("check") not in ("numbers", "one of"):
        raise ValueError(f"profile.json: {keyword} needs a reason and a known check")
    return Kept(keyword, **{**entry, "values": tuple(entry.get("values", ()))})
