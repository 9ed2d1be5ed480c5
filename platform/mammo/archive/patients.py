"""Patients who come without images: a question or a letter names a number that the archive does not know yet."""

from typing import Any, cast

from mammo.accounts.models import Site
from mammo.archive.models import Patient
from mammo.archive.pseudonyms import installation
from mammo.core.keys import key_store


def patient_of_number(site: Site, number: str, *, is_simulated: bool = False) -> Patient:
    """The patient of a hospital number; made, with a key of her own, where nobody has it yet.

    A study that is imported later under this number becomes hers.
    """
    keys = installation()
    number_hash = keys.number_hash(site.code, number)
    found = Patient.objects.filter(site=site, number_hash=number_hash).first()
    if found is not None:
        return found
    return Patient.objects.get_or_create(
        site=site,
        number_hash=number_hash,
        defaults={
            "pseudonym": keys.pseudonym(site.code, number),
            "key_id": key_store().create(),
            "roster": cast("Any", {"names": [], "doctors": [], "numbers": [number.strip()], "places": []}),
            "is_simulated": is_simulated,
        },
    )[0]
