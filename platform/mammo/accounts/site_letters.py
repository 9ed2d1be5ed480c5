"""Hospitals as letters: what leaves the platform says A, B, C where a page says the hospital's code.

A hospital's letter is its place among all in the order in which they were made; none is ever taken out.
"""

from uuid import UUID

from mammo.accounts.models import Site


def site_letters() -> dict[UUID, str]:
    """Letter of each hospital: A to Z, then AA, AB and so on."""
    keys = Site.objects.order_by("created_at", "pk").values_list("pk", flat=True)
    return {key: _letters(place) for place, key in enumerate(keys)}


def _letters(place: int) -> str:
    """0 is A, 25 is Z, 26 is AA: digits of base 26 without a zero."""
    written = ""
    place += 1
    while place:
        place, digit = divmod(place - 1, 26)
        written = chr(ord("A") + digit) + written
    return written
