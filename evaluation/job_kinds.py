"""Kinds of job of this app."""

from django.utils.translation import gettext_lazy as _

from evaluation.services import answers
from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind


def register() -> None:
    """Make this app's kinds known."""
    register_kind(
        JobKind(
            name=answers.JOB_KIND,
            module=answers.MODULE,
            build_request=answers.build_request,
            ingest=answers.ingest,
            queue="gpu",
            label=_("Answers of systems"),
            figures={
                "answers": _("Answers kept"),
                "skipped": _("Left out: answered already"),
                "empty": _("Empty answers"),
            },
        )
    )
