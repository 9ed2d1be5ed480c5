"""Taking identity out of what a patient wrote, before anybody but a data manager or a model reads it."""

from collections.abc import Iterable, Sequence

from mammo.archive.cleaning import clean_text
from mammo.archive.models import Patient
from mammo.archive.roster import merged_roster


def cleaned_turns(turns: Sequence[str], *, patient: Patient | None, numbers: Iterable[str]) -> list[str]:
    """The turns without identity.

    Args:
        patient: what the archive knows of her (names, doctors, places) is searched for exactly.
        numbers: her hospital and accession number, as the table gave them.
    """
    known = patient.roster if patient is not None else {}
    roster = merged_roster(known, {"numbers": [number for number in numbers if number]})
    return [clean_text(turn, roster).text for turn in turns]
