"""Kinds of job of this app."""

from django.utils.translation import gettext_lazy as _

from mammo.archive import pacs_fetches, received_job, table_uploads
from mammo.archive.job_messages import MESSAGES
from mammo.archive.models import ImportItem
from mammo.jobs import messages
from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind


def register() -> None:
    """Make this app's kinds, and what they say, known."""
    messages.register(*MESSAGES)
    register_kind(
        JobKind(
            name=received_job.JOB_KIND,
            module=received_job.MODULE,
            build_request=received_job.build_request,
            ingest=received_job.ingest,
            is_last=received_job.is_last,
            label=_("Import of received files"),
            figures={"files": _("Files stored"), **dict(ImportItem.Outcome.choices)},
        )
    )
    register_kind(
        JobKind(
            name=pacs_fetches.JOB_KIND,
            module=pacs_fetches.MODULE,
            build_request=pacs_fetches.build_request,
            ingest=pacs_fetches.ingest,
            is_last=pacs_fetches.is_last,
            label=_("Fetch from a PACS"),
            figures={
                "found": _("Studies found"),
                "known": _("Left out: known already"),
                "fetched": _("Files fetched"),
                "failed": _("Files that failed"),
            },
        )
    )
    register_kind(
        JobKind(
            name=table_uploads.JOB_KIND,
            module=table_uploads.MODULE,
            build_request=table_uploads.build_request,
            ingest=table_uploads.ingest,
            is_last=table_uploads.is_last,
            label=_("Import of a table"),
            figures={"rows": _("Rows of this part")},
        )
    )
