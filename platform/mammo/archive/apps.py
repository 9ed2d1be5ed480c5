"""Archive: DICOM in, identity out, viewing copies, reports, pathology."""

from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    """Patients, studies and images."""

    name = "mammo.archive"
    label = "archive"
