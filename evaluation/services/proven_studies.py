"""Studies whose truth is known from pathology or follow-up."""

from django.db.models import QuerySet

from mammo.archive.models import Cohort, Pathology, Study
from mammo.core.choices import PathologyClass


def malignant_breasts(study: Study) -> dict[str, bool]:
    """Per breast with tissue or negative follow-up: malignant or not (high-risk lesions are not)."""
    found: dict[str, bool] = {}
    rows = Pathology.objects.filter(study=study, replaced_by__isnull=True)
    for side, result in rows.values_list("laterality", "result"):
        found[side] = found.get(side, False) or result == PathologyClass.MALIGNANT
    return found


def with_pathology(cohort: Cohort) -> QuerySet[Study]:
    """Studies of a cohort whose truth is known."""
    proven = cohort.studies.filter(pathology__replaced_by__isnull=True, pathology__isnull=False)
    return proven.distinct().select_related("patient")
