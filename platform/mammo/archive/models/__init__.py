"""Patients, studies, images, reports, pathology, splits, cohorts and imports. Pseudonymised, never anonymous."""

from mammo.archive.models.doctors import ReportingDoctor
from mammo.archive.models.findings import LabelCorrection, Pathology, Report
from mammo.archive.models.intake import (
    ImportBatch,
    ImportBatchQuerySet,
    ImportItem,
    ImportItemQuerySet,
    SendingSystem,
    SendingSystemQuerySet,
)
from mammo.archive.models.pacs import PacsFetch, PacsFetchQuerySet, PacsService, PacsServiceQuerySet
from mammo.archive.models.picture_checks import PictureSample, PictureSampleQuerySet, SampledPicture
from mammo.archive.models.screens import (
    DECLARABLE,
    DisplayCheck,
    DisplayCheckQuerySet,
    JudgedOnScreen,
    Unavailable,
    Verdict,
    ViewerPreferences,
    ViewsShown,
)
from mammo.archive.models.selections import (
    Cohort,
    CohortQuerySet,
    CohortStudy,
    Split,
    SplitMembership,
    SplitQuerySet,
)
from mammo.archive.models.studies import Image, ImageQuerySet, Patient, PatientQuerySet, Study, StudyQuerySet
from mammo.archive.models.tables import TableMapping, TableUpload, TableUploadQuerySet
from mammo.archive.models.withdrawals import Backup, Erasure

__all__ = [
    "DECLARABLE",
    "Backup",
    "Cohort",
    "CohortQuerySet",
    "CohortStudy",
    "DisplayCheck",
    "DisplayCheckQuerySet",
    "Erasure",
    "Image",
    "ImageQuerySet",
    "ImportBatch",
    "ImportBatchQuerySet",
    "ImportItem",
    "ImportItemQuerySet",
    "JudgedOnScreen",
    "LabelCorrection",
    "PacsFetch",
    "PacsFetchQuerySet",
    "PacsService",
    "PacsServiceQuerySet",
    "Pathology",
    "Patient",
    "PatientQuerySet",
    "PictureSample",
    "PictureSampleQuerySet",
    "Report",
    "ReportingDoctor",
    "SampledPicture",
    "SendingSystem",
    "SendingSystemQuerySet",
    "Split",
    "SplitMembership",
    "SplitQuerySet",
    "Study",
    "StudyQuerySet",
    "TableMapping",
    "TableUpload",
    "TableUploadQuerySet",
    "Unavailable",
    "Verdict",
    "ViewerPreferences",
    "ViewsShown",
]
