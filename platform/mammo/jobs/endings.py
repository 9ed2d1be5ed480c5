"""Who asked for a job is told of its end: on the home page and on the page of news, until they have seen it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts.models import User
from mammo.core.news import Line
from mammo.core.panels import Panel
from mammo.jobs import kinds
from mammo.jobs.models import ENDED, Ending, Job, JobState

# Asked for and done in less: whoever asked still has the page before them.
SHORTEST = timedelta(seconds=1)
MOST = 5


@dataclass(frozen=True)
class EndingLine(Line):
    """The end of a job as a sentence with a way to its page."""

    job: Job


def follow(job: Job) -> None:
    """Keep in step with a job that has just changed its state: told when it ended, forgotten when queued again."""
    if job.state in ENDED and _is_to_be_told(job):
        Ending.objects.get_or_create(job=job)
    elif job.state == JobState.QUEUED:
        Ending.objects.filter(job=job).delete()


def _is_to_be_told(job: Job) -> bool:
    if job.by_user_id is None or not kinds.tells(job.kind):
        return False
    if job.state == JobState.CANCELLED:
        return job.cancel_requested_by_id != job.by_user_id
    if job.state == JobState.SUCCEEDED and job.finished_at is not None:
        return kinds.is_last(job) and job.finished_at - _begun(job) >= SHORTEST
    return True


def _begun(job: Job) -> datetime:
    """When the piece of work was asked for that this job ends: its first part may be another job."""
    if not (kinds.is_in_parts(job.kind) and job.about_id):
        return job.created_at
    parts = Job.objects.filter(kind=job.kind, about_type=job.about_type, about_id=job.about_id)
    first: datetime | None = parts.aggregate(first=Min("created_at"))["first"]
    return min(first or job.created_at, job.created_at)


def lines_for(user: User, *, most: int, with_seen: bool = False) -> list[EndingLine]:
    """The newest ends of the person's jobs; those not seen yet, or all."""
    rows = Ending.objects.filter(job__by_user=user) if with_seen else Ending.objects.unseen_by(user)
    found = rows.select_related("job__cancel_requested_by").order_by("-created_at")[:most]
    return [
        EndingLine(
            text=sentence(row.job),
            url=reverse("jobs:job", args=[row.job.pk]),
            at=row.created_at,
            is_read=row.seen_at is not None,
            job=row.job,
        )
        for row in found
    ]


def sentence(job: Job) -> str:
    """How a job ended, in the reader's language; no text of a patient and none of its log."""
    title = job.said_title or job.kind_label
    if job.state == JobState.SUCCEEDED:
        return _("“%(title)s” is done") % {"title": title}
    if job.state == JobState.FAILED:
        return _("“%(title)s” failed") % {"title": title}
    if job.cancel_requested_by is not None:
        return _("“%(title)s” was cancelled by %(who)s") % {"title": title, "who": job.cancel_requested_by}
    return _("“%(title)s” was stopped by the platform") % {"title": title}


def mark_seen(*, by_user: User, job: Job | None = None) -> int:
    """The person has seen the end of this job, or of all their jobs; returns how many were new to them."""
    rows = Ending.objects.unseen_by(by_user)
    if job is not None:
        rows = rows.filter(job=job)
    return rows.update(seen_at=timezone.now())


def ended_jobs(user: User) -> Panel | None:
    """What of the person's jobs has ended since they last looked; None when there is nothing new."""
    lines = lines_for(user, most=MOST)
    if not lines:
        return None
    more = Ending.objects.unseen_by(user).count() - len(lines)
    return Panel("jobs/_ended_panel.html", {"lines": lines, "more": more}, running=False)
