"""Archive: DICOM in, identity out, viewing copies, reports, pathology."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mammo.core.navigation import Entry, register_entry


class ArchiveConfig(AppConfig):
    """Patients, studies and images."""

    name = "mammo.archive"
    label = "archive"

    def ready(self) -> None:
        """Register the data manager's place in the navigation."""
        register_entry(
            Entry(
                label=_("Imports"),
                url_name="archive:imports",
                roles=frozenset({"data_manager"}),
                order=60,
                description=_("What came in, what was refused and why, and what waits in quarantine."),
                waiting=_quarantined,
            )
        )


def _quarantined(user: object) -> int:
    from mammo.archive.models import ImportItem  # models load after the registry of apps

    return ImportItem.objects.waiting_for(user).count()  # type: ignore[arg-type]
