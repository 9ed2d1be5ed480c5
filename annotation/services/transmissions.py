"""What was sent to an endpoint, row by row: when, how much, who asked, what became of it; no text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from annotation.models import EndpointAllowance, EndpointApproval, Transmission
from annotation.services.campaigns import PROPOSING
from mammo.jobs.models import Job, JobState


@dataclass(frozen=True)
class Sent:
    """One transmission as it is told.

    Attributes:
        attempt_tokens: tokens that the whole attempt of the job spent there, this question's among them; None: the
            attempt has not told.
        outcome: key (`again` where the attempt broke off and the job was tried again, else the job's state).
        said: the outcome in words.
        answers: proposals that the job stored for the question; None: it asked for no proposals (a trial's answers
            stand with their trial, judged studies with their run).
    """

    row: Transmission
    attempt_tokens: int | None
    outcome: str
    said: str
    answers: int | None


def sent_under(approval: EndpointApproval, day: date | None = None) -> QuerySet[Transmission]:
    """What was handed over under an approval, the newest first; of one day only where one is given."""
    rows = Transmission.objects.filter(approval=approval)
    if day is not None:
        rows = rows.on_day(day)
    return (
        rows.with_answers()
        .select_related("question__campaign", "job__by_user", "approval")
        .order_by("-created_at", "-pk")
    )


def told(rows: Sequence[Transmission]) -> list[Sent]:
    """The rows of a page with what their attempts spent and what became of them."""
    allowances = EndpointAllowance.objects.filter(job__in={row.job_id for row in rows}, use__isnull=False)
    spent = {
        (job, attempt, approval): tokens
        for job, attempt, approval, tokens in allowances.values_list("job", "attempt", "approval").annotate(
            spent=Sum("use__tokens")
        )
    }
    return [
        Sent(
            row, spent.get((row.job_id, row.attempt, row.approval_id)), *_outcome(row, row.job), _answers(row)
        )
        for row in rows
    ]


def _answers(row: Transmission) -> int | None:
    counted: int = row.answers  # type: ignore[attr-defined]  # annotated by with_answers
    return counted if row.job.kind == PROPOSING else None


def _outcome(row: Transmission, job: Job) -> tuple[str, str]:
    if job.attempt != row.attempt:
        return "again", _("Broken off, tried again")
    return job.state, str(JobState(job.state).label)
