"""Patients, studies, images, reports, pathology, splits, cohorts and imports. Pseudonymised, never anonymous."""

from mammo.archive.models.findings import LabelCorrection, Pathology, Report
from mammo.archive.models.intake import (
    ImportBatch,
    ImportBatchQuerySet,
    ImportItem,
    ImportItemQuerySet,
    SendingSystem,
    SendingSystemQuerySet,
    TableMapping,
)
from mammo.archive.models.selections import Cohort, CohortQuerySet, Split, SplitMembership, SplitQuerySet
from mammo.archive.models.studies import Image, ImageQuerySet, Patient, PatientQuerySet, Study, StudyQuerySet
from mammo.archive.models.withdrawals import Erasure

__all__ = [
    "Cohort",
    "CohortQuerySet",
    "Erasure",
    "Image",
    "ImageQuerySet",
    "ImportBatch",
    "ImportBatchQuerySet",
    "ImportItem",
    "ImportItemQuerySet",
    "LabelCorrection",
    "Pathology",
    "Patient",
    "PatientQuerySet",
    "Report",
    "SendingSystem",
    "SendingSystemQuerySet",
    "Split",
    "SplitMembership",
    "SplitQuerySet",
    "Study",
    "StudyQuerySet",
    "TableMapping",
]
