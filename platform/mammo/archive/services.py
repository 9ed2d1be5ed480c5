"""The archive's public acts; other rooms and commands call these."""

from mammo.archive.cleaning import clean_text
from mammo.archive.deidentification import deidentify
from mammo.archive.erasure import erase_patient, register_holder, request_erasure
from mammo.archive.pathology_import import import_pathology
from mammo.archive.reports_import import import_reports, language_of, matching_studies
from mammo.archive.studies_import import import_studies
from mammo.archive.viewing import viewer_json, viewing_copy_response

__all__ = [
    "clean_text",
    "deidentify",
    "erase_patient",
    "import_pathology",
    "import_reports",
    "import_studies",
    "language_of",
    "matching_studies",
    "register_holder",
    "request_erasure",
    "viewer_json",
    "viewing_copy_response",
]
