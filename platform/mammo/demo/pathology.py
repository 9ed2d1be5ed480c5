"""Pathology results of the demo's hospital, one row per biopsied breast."""

from __future__ import annotations

import random
from datetime import date, timedelta

COLUMNS = ("patient", "accession", "date", "side", "lesion", "method", "class")
_METHODS = ("core biopsy", "core biopsy", "vacuum-assisted biopsy", "surgical excision")


def pathology_row(
    rng: random.Random, *, patient: str, accession: str, studied: date, side: str, outcome: str
) -> dict[str, str]:
    """The result of a specimen taken 3 to 28 days after the mammogram."""
    return {
        "patient": patient,
        "accession": accession,
        "date": (studied + timedelta(days=rng.randint(3, 28))).isoformat(),
        "side": side,
        "lesion": "1",
        "method": rng.choice(_METHODS),
        "class": outcome,
    }
