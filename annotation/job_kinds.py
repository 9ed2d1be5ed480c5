"""Kinds of job of this app."""

from django.utils.translation import gettext_lazy as _

from annotation.job_messages import MESSAGES
from annotation.services import export, proposals
from mammo.jobs import messages
from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind


def register() -> None:
    """Make this app's kinds, and what they say, known."""
    messages.register(*MESSAGES)
    register_kind(
        JobKind(
            name=proposals.JOB_KIND,
            module=proposals.MODULE,
            build_request=proposals.build_request,
            ingest=proposals.ingest,
            queue="gpu",
            label=_("Proposals"),
            figures={
                "questions": _("Questions answered"),
                "proposals": _("Proposals kept"),
                "skipped": _("Left out: had proposals"),
                "reworded": _("Questions whose wording changed meanwhile, to be asked again"),
                "incomplete": _("Questions with too few answers"),
                "requests": _("Requests sent"),
                "tokens": _("Tokens spent"),
            },
        )
    )
    register_kind(
        JobKind(
            name=export.JOB_KIND,
            module=export.MODULE,
            build_request=export.build_request,
            ingest=export.ingest,
            label=_("Training set"),
            figures={
                "export": _("Export"),
                "content_hash": _("Hash of the content"),
                "samples": _("Samples"),
            },
        )
    )
