"""The one place that changes a job's state: a conditional UPDATE that obeys `TRANSITIONS`."""

from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.core.errors import WrongStateError
from mammo.jobs import devices, endings
from mammo.jobs.models import ACTIVE, ENDED, TRANSITIONS, Job, JobState


class StaleAttemptError(Exception):
    """The job went to another attempt (or ended): what this worker has is written nowhere."""


def move(
    job: Job, to: str, *, fence: int | None = None, where: models.Q | None = None, **changes: Any
) -> Job:
    """Move a job to state `to` if its row stands in a state from which that is legal.

    Args:
        fence: the attempt for which a worker speaks; a row of another attempt is left alone.
        where: further conditions on the row as it stands.
        changes: other columns that change in the same UPDATE.

    Raises:
        StaleAttemptError: with `fence`, when the row is not that attempt's any more.
        WrongStateError: without, when the row's state (or `where`) does not allow the move.
    """
    to = JobState(to)
    sources = [state for state, targets in TRANSITIONS.items() if to in targets]
    rows = Job.objects.filter(pk=job.pk, state__in=sources)
    if fence is not None:
        rows = rows.filter(attempt=fence)
    if where is not None:
        rows = rows.filter(where)
    if to not in ACTIVE:
        changes = {"lease_until": None, "child_pid": None, **changes}
    changes = {"finished_at": timezone.now() if to in ENDED else None, **changes}
    with transaction.atomic():
        is_moved = rows.update(state=to, **changes) == 1
        if is_moved:
            job.refresh_from_db()
            endings.follow(job)
    if not is_moved:
        if fence is not None:
            raise StaleAttemptError(f"job {job.pk}: attempt {fence} may not move it to {to}")
        state = Job.objects.filter(pk=job.pk).values_list("state", flat=True).first()
        now = JobState(state).label if state else _("gone")
        raise WrongStateError(
            _("The job is “%(now)s”; it can't become “%(to)s”.") % {"now": now, "to": to.label}
        )
    if to not in ACTIVE:
        devices.release(job)
    return job


def write(job: Job, *, fence: int, **changes: Any) -> None:
    """Write columns other than the state on behalf of a worker.

    Raises:
        StaleAttemptError: the row is not that attempt's any more; nothing is written.
    """
    if Job.objects.filter(pk=job.pk, attempt=fence, state__in=ACTIVE).update(**changes) != 1:
        raise StaleAttemptError(f"job {job.pk}: attempt {fence} is over")
