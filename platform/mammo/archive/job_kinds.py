"""Kinds of job of this app."""

from django.utils.translation import gettext_lazy as _

from mammo.archive import received_job
from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind


def register() -> None:
    """Make this app's kinds known."""
    register_kind(
        JobKind(
            name=received_job.JOB_KIND,
            module=received_job.MODULE,
            build_request=received_job.build_request,
            ingest=received_job.ingest,
            label=_("Import of received files"),
        )
    )
