"""Taking identity out of what a patient wrote, before anybody but a data manager or a model reads it."""

from collections.abc import Iterable, Sequence

from mammo.archive.cleaning import clean_text
from mammo.archive.models import Patient
from mammo.archive.roster import merged_roster

# Of what has the form of an identifier; a reference is itself a number, a source may be a place.
_NOBODYS = ("id", "phone", "account", "name")
# Shorter numbers stand in others by chance: those of the row itself, and the many that headers hold of her.
_SHORTEST_GIVEN, _SHORTEST_KNOWN = 4, 6


def cleaned_turns(turns: Sequence[str], *, patient: Patient | None, numbers: Iterable[str]) -> list[str]:
    """The turns without identity.

    Args:
        patient: what the archive knows of her (names, doctors, places) is searched for exactly.
        numbers: her hospital and accession number, as the table gave them.
    """
    known = patient.roster if patient is not None else {}
    roster = merged_roster(known, {"numbers": [number for number in numbers if number]})
    return [clean_text(turn, roster).text for turn in turns]


def names_somebody(text: str, *, patient: Patient | None, numbers: Iterable[str]) -> bool:
    """Whether a short field of a table (consent, source) holds a name, a number of hers, or what identifies anybody.

    Args:
        patient, numbers: as for `cleaned_turns`.
    """
    known = patient.roster if patient is not None else {}
    roster = merged_roster({}, {"names": known.get("names", []), "doctors": known.get("doctors", [])})
    if any(kind in _NOBODYS for kind in clean_text(text, roster, dates_stay=True).found):
        return True
    written = _squeezed(text)
    given, others = map(_squeezed, numbers), map(_squeezed, known.get("numbers", []))
    hers = [number for number in given if len(number) >= _SHORTEST_GIVEN]
    hers += [number for number in others if len(number) >= _SHORTEST_KNOWN]
    return any(number in written for number in hers)


def _squeezed(text: str) -> str:
    """Letters and digits alone: a number is the same with other signs between its groups."""
    return "".join(character for character in text.casefold() if character.isalnum())
