"""Ringing for a worker: a message that carries a job's id and may be lost without harm.

A ring wakes one worker of a queue, which then works until nothing waits there (tasks.py). So one message that
arrives is enough for a queue whose other messages were all lost.
"""

import logging
import uuid
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone

from mammo.jobs.models import ACTIVE, Job, JobState
from mammo.jobs.timing import timing

log = logging.getLogger(__name__)


def ring(job_id: uuid.UUID) -> bool:
    """Tell the workers of a queued job's queue that it waits; whether a message went out.

    Never raises: the row is the truth, and the reaper rings again for what nobody claimed.
    """
    try:
        return _ring(job_id) is not None
    except Exception as error:
        log.warning("job %s: no worker could be told (%s); the reaper rings again", job_id, error)
        return False


def _ring(job_id: uuid.UUID) -> Job | None:
    """Ring; None when the job waits no more or another process rings for it just now.

    Raises whatever the broker raises; the ring is not counted then.
    """
    job = Job.objects.filter(pk=job_id, state=JobState.QUEUED).first()
    if job is None:
        return None
    # Marked before it is sent, and only by one of several reapers.
    marked = Job.objects.filter(pk=job.pk, state=JobState.QUEUED, rings=job.rings)
    if marked.update(rung_at=timezone.now(), rings=F("rings") + 1) != 1:
        return None
    try:
        _publish(job)
    except Exception:
        # Nobody heard it: the reaper tries again at its next pass, however often it failed.
        Job.objects.filter(pk=job.pk, state=JobState.QUEUED, rings=job.rings + 1).update(
            rung_at=None, rings=job.rings
        )
        raise
    return job


def _publish(job: Job) -> None:
    from mammo.celery import make_queue_folders
    from mammo.jobs.tasks import run_job

    make_queue_folders()
    run_job.apply_async(kwargs={"job_id": str(job.pk)}, queue=job.queue, retry=False, ignore_result=True)


def ring_overdue() -> int:
    """Ring for every queued job that was rung for long ago, or never; return how many messages went out.

    A broker that takes no message is asked once: it would let the caller wait for each of them.
    """
    now = timezone.now()
    busy = set(Job.objects.filter(state__in=ACTIVE).values_list("queue", flat=True))
    sent = 0
    for job in Job.objects.filter(state=JobState.QUEUED).order_by("created_at"):
        patience = _patience(job.rings if job.queue in busy else 1)
        busy.add(job.queue)  # of a queue where nobody works, the oldest job alone is rung for often
        if job.rung_at is not None and job.rung_at + patience > now:
            continue
        try:
            sent += _ring(job.pk) is not None
        except DatabaseError:
            raise
        except Exception as error:
            log.warning("the broker takes no message (%s); trying again", error)
            break
    return sent


def _patience(rings: int) -> timedelta:
    """Longer after each ring: a job behind a long training must not fill the queue with doorbells."""
    patience = min(timing().ring_again * 2 ** min(max(rings - 1, 0), 20), timing().ring_again_cap)
    return timedelta(seconds=max(patience, timing().ring_again))


def ring_for_all(queues: set[str], *, most: int = 10) -> int:
    """Ring for the oldest queued jobs of these queues: a worker that starts knows nothing of what waits."""
    waiting = Job.objects.filter(state=JobState.QUEUED, queue__in=queues).order_by("created_at")[:most]
    return sum(ring(pk) for pk in waiting.values_list("pk", flat=True))
