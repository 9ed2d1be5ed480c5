"""Kinds of job of this app."""

from django.utils.translation import gettext_lazy as _

from evaluation.job_messages import MESSAGES
from evaluation.services import answer_requests, answers
from mammo.jobs import messages
from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind


def register() -> None:
    """Make this app's kinds, and what they say, known."""
    messages.register(*MESSAGES)
    register_kind(
        JobKind(
            name=answers.JOB_KIND,
            module=answers.MODULE,
            build_request=answer_requests.build_request,
            ingest=answers.ingest,
            keeps=True,
            queue="gpu",
            label=_("Answers of systems"),
            figures={
                "answers": _("Answers kept"),
                "skipped": _("Left out: answered already"),
                "requests": _("Requests sent"),
                "tokens": _("Tokens spent"),
                "empty": _("Empty answers"),
            },
        )
    )
