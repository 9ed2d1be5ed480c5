"""The archive's public acts; other rooms and commands call these."""

from mammo.archive.cleaning import clean_text
from mammo.archive.deidentification import deidentify
from mammo.archive.displays import record_display
from mammo.archive.erasure import erase_patient, register_holder, request_erasure
from mammo.archive.judged_work import JudgedWork, images_by_key, register_judged_work
from mammo.archive.pathology_import import import_pathology
from mammo.archive.reports_import import import_reports, language_of, matching_studies
from mammo.archive.studies_import import import_studies
from mammo.archive.viewing import earlier_study, viewer_json, viewing_copy_response
from mammo.archive.views_shown import ViewsNotShownError, judging, record_views, screen_behind

__all__ = [
    "JudgedWork",
    "ViewsNotShownError",
    "clean_text",
    "deidentify",
    "earlier_study",
    "erase_patient",
    "images_by_key",
    "import_pathology",
    "import_reports",
    "import_studies",
    "judging",
    "language_of",
    "matching_studies",
    "record_display",
    "record_views",
    "register_holder",
    "register_judged_work",
    "request_erasure",
    "screen_behind",
    "viewer_json",
    "viewing_copy_response",
]
