"""Patients: those who come without images (a question or a letter names her number), and what is known of one."""

from collections.abc import Callable
from typing import Any, cast

from mammo.accounts.models import Site
from mammo.archive.models import Patient
from mammo.archive.pseudonyms import installation
from mammo.archive.report_readings import suspect_reports
from mammo.archive.roster import KINDS, Roster, merged_roster
from mammo.core.keys import key_store

LooksThrough = Callable[[Patient, Roster], None]
_texts_of_hers: list[LooksThrough] = [suspect_reports]


def patient_of_number(site: Site, number: str, *, is_simulated: bool = False) -> Patient:
    """The patient of a hospital number; made, with a key of her own, where nobody has it yet.

    A study that is imported later under this number becomes hers.
    """
    keys = installation()
    number_hash = keys.number_hash(site.code, number)
    found = Patient.objects.filter(site=site, number_hash=number_hash).first()
    if found is not None:
        return found
    key_id = key_store().create()
    patient, is_new = Patient.objects.get_or_create(
        site=site,
        number_hash=number_hash,
        defaults={
            "pseudonym": keys.pseudonym(site.code, number),
            "key_id": key_id,
            "roster": cast("Any", {"names": [], "doctors": [], "numbers": [number.strip()], "places": []}),
            "is_simulated": is_simulated,
        },
    )
    if not is_new:  # somebody made her in between, with a key of their own
        key_store().discard(key_id)
    return patient


def add_to_roster(patient: Patient, found: dict[str, Any]) -> None:
    """Keep in her encrypted roster what was found of her: names, doctors, numbers, places; inside a transaction.

    Her texts were cleaned without what is new: those in which it may stand wait for a data manager again.
    """
    if merged_roster(patient.roster, found) == patient.roster:
        return
    locked = Patient.objects.select_for_update().get(
        pk=patient.pk
    )  # nothing that another import adds is lost
    before, after = locked.roster, merged_roster(locked.roster, found)
    locked.roster = cast("Any", after)
    locked.save(update_fields=["roster"])
    patient.roster = locked.roster
    added = {kind: [value for value in after[kind] if value not in before.get(kind, [])] for kind in KINDS}
    if any(added.values()):
        for looks_through in _texts_of_hers:
            looks_through(patient, added)


def register_texts(looks_through: LooksThrough) -> None:
    """Let a room look through its texts of a patient when more is known of her (in AppConfig.ready)."""
    if looks_through not in _texts_of_hers:
        _texts_of_hers.append(looks_through)
