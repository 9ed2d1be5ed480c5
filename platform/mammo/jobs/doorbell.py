"""Ringing for a worker: a message that carries a job's id and may be lost without harm."""

import logging
import uuid
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from mammo.jobs.models import Job, JobState
from mammo.jobs.timing import timing

log = logging.getLogger(__name__)


def ring(job_id: uuid.UUID) -> bool:
    """Tell the workers of a queued job's queue that it waits; whether a message went out.

    Never raises: the row is the truth, and the reaper rings again for what nobody claimed.
    """
    try:
        job = Job.objects.filter(pk=job_id, state=JobState.QUEUED).first()
        if job is None:
            return False
        # Marked before it is sent, and only by one of several reapers.
        marked = Job.objects.filter(pk=job.pk, state=JobState.QUEUED, rings=job.rings)
        if marked.update(rung_at=timezone.now(), rings=F("rings") + 1) != 1:
            return False
        _publish(job)
    except Exception as error:
        log.warning("job %s: no worker could be told (%s); the reaper rings again", job_id, error)
        return False
    return True


def _publish(job: Job) -> None:
    from mammo.celery import make_queue_folders
    from mammo.jobs.tasks import run_job

    make_queue_folders()
    run_job.apply_async(kwargs={"job_id": str(job.pk)}, queue=job.queue, retry=False, ignore_result=True)


def ring_overdue() -> int:
    """Ring for every queued job that was rung for long ago, or never; return how many messages went out."""
    now = timezone.now()
    sent = 0
    for job in Job.objects.filter(state=JobState.QUEUED).order_by("created_at"):
        if job.rung_at is None or job.rung_at + _patience(job.rings) <= now:
            sent += ring(job.pk)
    return sent


def _patience(rings: int) -> timedelta:
    """Longer after each ring: a job behind a long training must not fill the queue with doorbells."""
    patience = min(timing().ring_again * 2 ** min(max(rings - 1, 0), 20), timing().ring_again_cap)
    return timedelta(seconds=max(patience, timing().ring_again))


def ring_for_all(queues: set[str], *, most: int = 100) -> int:
    """Ring for the oldest queued jobs of these queues: a worker that starts knows nothing of what waits."""
    waiting = Job.objects.filter(state=JobState.QUEUED, queue__in=queues).order_by("created_at")[:most]
    return sum(ring(pk) for pk in waiting.values_list("pk", flat=True))
