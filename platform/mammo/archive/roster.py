"""The identifying strings that are known of a patient: her own texts are searched for exactly these."""

from typing import Any

KINDS = ("names", "doctors", "numbers", "places")
Roster = dict[str, list[str]]


def merged_roster(roster: Roster, header: dict[str, Any]) -> Roster:
    """The roster with what a file's header adds."""
    merged = {kind: list(roster.get(kind, [])) for kind in KINDS}
    for kind in KINDS:
        for value in header.get(kind) or []:
            if value and value not in merged[kind]:
                merged[kind].append(value)
    return merged
