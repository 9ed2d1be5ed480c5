"""Archive: DICOM in, identity out, viewing copies, reports, pathology."""

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mammo.core.attention import register_notices
from mammo.core.navigation import Entry, Start, register_entry


class ArchiveConfig(AppConfig):
    """Patients, studies and images."""

    name = "mammo.archive"
    label = "archive"

    def ready(self) -> None:
        """Register the data manager's place in the navigation, and the kinds of job."""
        from mammo.accounts.acts import register_acts
        from mammo.accounts.adapter import register_first_stop
        from mammo.archive import (
            backups,
            inbox,
            job_kinds,
            received_job,
            retention,
            storage,
            table_uploads,
            unmatched,
            written_files,
        )
        from mammo.archive.acts import ACTS
        from mammo.archive.displays import first_stop, notices
        from mammo.archive.erasure import register_holder
        from mammo.archive.picture_holders import register_picture_holder
        from mammo.jobs.chores import register_chore

        register_acts(ACTS)
        job_kinds.register()
        register_holder(backups.backups_that_hold)
        register_picture_holder(backups.backups_that_hold_picture)
        register_first_stop(first_stop)
        register_notices("archive", notices)
        register_chore("archive.tables", table_uploads.forget_stale)
        register_chore("archive.table_files", table_uploads.remove_unnamed)
        register_chore("archive.unmatched", unmatched.forget_unmatched)
        register_chore("archive.written", written_files.remove_unnamed)
        register_chore("archive.looked_at", storage.remove_stale)
        register_chore("archive.uploads", inbox.forget_uploads)
        register_chore("archive.received", received_job.go_on_with_received)
        register_chore("archive.retention", retention.apply_retention)
        for entry in _data_entries():
            register_entry(entry)
        register_entry(
            Entry(
                label=_("Imports"),
                url_name="archive:imports",
                roles=frozenset({"data_manager"}),
                order=60,
                description=_("What came in, what was refused and why, and what waits in quarantine."),
                waiting=_quarantined,
                start=Start(label=_("Look through the quarantine"), url_name="archive:quarantine"),
            )
        )
        register_entry(
            Entry(
                label=_("Withdrawals"),
                url_name="archive:erasures",
                roles=frozenset({"data_manager", "admin"}),
                order=95,
                description=_(
                    "Patients who withdrew: asking for an erasure, confirming it, what still holds them."
                ),
                waiting=_erasures_to_confirm,
            )
        )


def _data_entries() -> list[Entry]:
    readers = frozenset({"data_manager", "researcher"})
    return [
        Entry(
            label=_("Studies"),
            url_name="archive:studies",
            roles=readers,
            order=50,
            description=_("Mammograms with their reports, labels and pathology; readings to confirm."),
            group=_("Data"),
        ),
        Entry(
            label=_("Data overview"),
            url_name="archive:overview",
            roles=readers | {"statistician"},
            order=51,
            description=_("Counts of the archive as the paper gives them."),
            group=_("Data"),
        ),
        Entry(
            label=_("Cohorts"),
            url_name="archive:cohorts",
            roles=readers,
            order=52,
            description=_("Saved selections with their patient flow and baseline table."),
            group=_("Data"),
        ),
        Entry(
            label=_("Splits"),
            url_name="archive:splits",
            roles=readers,
            order=53,
            description=_("Divisions of patients into training, validation and test."),
            group=_("Data"),
        ),
    ]


def _erasures_to_confirm(user: Any) -> int:
    from mammo.archive.models import Erasure

    sites = user.sites_as("data_manager", "admin")
    waiting = Erasure.objects.filter(patient__site__in=sites, confirmed_at=None)
    return waiting.exclude(requested_by=user).count()


def _quarantined(user: object) -> int:
    from mammo.archive.models import ImportItem  # models load after the registry of apps

    return ImportItem.objects.waiting_for(user).count()  # type: ignore[arg-type]
