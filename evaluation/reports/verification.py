"""What the truth of cases rests on: tissue, or a follow-up that stayed negative."""

from collections.abc import Iterable
from typing import Any

from mammo.archive.models import Pathology

# Methods that look at tissue; the other one is negative follow-up.
TISSUE = ("core_biopsy", "vacuum_biopsy", "fine_needle", "surgery")
Breast = tuple[Any, str]


def tissue_and_follow_up(breasts: Iterable[Breast]) -> tuple[int, int]:
    """How many of the cases have a tissue result, and how many negative follow-up alone.

    Args:
        breasts: (study id, side) of each case; an empty side is the whole patient.
    """
    wanted = set(breasts)
    rows = Pathology.objects.filter(study__in={study for study, _side in wanted}, replaced_by__isnull=True)
    with_tissue: set[Breast] = set()
    for study, side, method in rows.values_list("study_id", "laterality", "method"):
        if method in TISSUE:
            with_tissue |= {(study, side), (study, "")}
    tissue = len(wanted & with_tissue)
    return tissue, len(wanted) - tissue
