"""Reads what answers state of density and BI-RADS, once, when they are stored."""

from collections.abc import Iterable

from annotation.models import Pick, Proposal, StatedFacts
from mammo.archive.report_reading import read_report
from mammo.core.encryption import ErasedText

# What one round of the chore reads: a second or two.
AT_ONCE = 500


def said_in(text: str) -> dict[str, str]:
    """Density and categories that an answer states, by `density`, `left`, `right`, `overall`; {} for none."""
    reading = read_report(text)
    found = {
        "density": reading.density,
        "left": reading.birads.left,
        "right": reading.birads.right,
        "overall": reading.birads.overall,
    }
    return {name: value for name, value in found.items() if value}


def read_proposals(proposals: Iterable[Proposal]) -> int:
    """Store what these proposals state; those of erased patients and without a study are passed over."""
    rows = [
        StatedFacts(question=one.question, proposal=one, said=said_in(str(one.text)))  # type: ignore[misc]  # EncryptedJSONField
        for one in proposals
        if one.question.study_id is not None and not isinstance(one.text, ErasedText)
    ]
    StatedFacts.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def read_picks(picks: Iterable[Pick]) -> int:
    """As `read_proposals`, for picked answers."""
    rows = [
        StatedFacts(question=one.question, pick=one, said=said_in(str(one.text)))  # type: ignore[misc]  # EncryptedJSONField
        for one in picks
        if one.question.study_id is not None and not isinstance(one.text, ErasedText)
    ]
    StatedFacts.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def read_missing() -> int:
    """Read answers that were stored before there were such rows, `AT_ONCE` of each kind; returns how many."""
    path = "question__patient", "question__campaign__site"
    living = {
        "question__study__isnull": False,
        "question__patient__erased_at__isnull": True,
        "stated_facts__isnull": True,
    }
    proposals = Proposal.objects.filter(**living).select_related(*path).defer("raw")
    picks = Pick.objects.filter(**living).select_related(*path).defer("reason")
    return read_proposals(proposals[:AT_ONCE]) + read_picks(picks[:AT_ONCE])
