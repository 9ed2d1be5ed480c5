"""Kinds of job of this app."""

from annotation.services import proposals
from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind


def register() -> None:
    """Make this app's kinds known."""
    register_kind(
        JobKind(
            name=proposals.JOB_KIND,
            module=proposals.MODULE,
            build_request=proposals.build_request,
            ingest=proposals.ingest,
            queue="gpu",
        )
    )
