"""The archive's public acts; other rooms and commands call these."""

from mammo.archive.cleaning import clean_text
from mammo.archive.reports_import import import_reports, language_of
from mammo.archive.studies_import import import_studies
from mammo.archive.viewing import viewer_json, viewing_copy_response

__all__ = [
    "clean_text",
    "import_reports",
    "import_studies",
    "language_of",
    "viewer_json",
    "viewing_copy_response",
]
