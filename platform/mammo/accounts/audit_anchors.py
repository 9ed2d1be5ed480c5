"""Heads of the audit trail that were noted outside the database, held against the trail."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from mammo.accounts.models import AuditEvent
from mammo.core.errors import UserError


@dataclass(frozen=True)
class Anchor:
    """A noted head: its line in the file, the number of the event and its hash."""

    line: int
    sequence: int
    sha256: str


def anchors_of(rows: Iterable[dict[str, Any]], named: str) -> list[Anchor]:
    """The anchors of a file's rows; `named` is what an error calls the file.

    Raises:
        UserError: a row is no anchor, or there is none.
    """
    found = []
    for number, row in enumerate(rows, start=1):
        sequence, digest = row.get("sequence"), row.get("sha256")
        if type(sequence) is not int or not 0 <= sequence < 2**63 or not isinstance(digest, str):
            raise UserError(
                _(
                    "%(named)s, anchor %(number)s: needs `sequence` and `sha256`; was it written by `audit anchor`?"
                )
                % {"named": named, "number": number}
            )
        found.append(Anchor(number, sequence, digest))
    if not found:
        raise UserError(
            _("%(named)s: holds no anchor; write one with `audit anchor --out FILE`") % {"named": named}
        )
    return found


def unmet(anchors: Iterable[Anchor]) -> list[str]:
    """One sentence for each anchor whose event the trail does not hold as it was noted."""
    anchors = list(anchors)
    sequences = [anchor.sequence for anchor in anchors]
    standing = dict(AuditEvent.objects.filter(sequence__in=sequences).values_list("sequence", "sha256"))
    standing[0] = "0" * 64  # the anchor of an empty trail
    return [
        f"anchor {anchor.line}: the trail does not hold event {anchor.sequence} as it was noted"
        for anchor in anchors
        if standing.get(anchor.sequence) != anchor.sha256
    ]
