"""The reaper: whatever a dead worker, a lost message or a broken file left behind goes on again."""

import logging
import threading
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Q
from django.utils import timezone

from mammo.core import idempotency
from mammo.jobs import chores, doorbell, queue_folder, services
from mammo.jobs.attempt_files import AttemptFiles, job_of, shred
from mammo.jobs.models import ACTIVE, Beat, Job
from mammo.jobs.timing import timing
from mammo.jobs.transitions import StaleAttemptError

log = logging.getLogger(__name__)
NAME = "reaper"
HOUSEKEEPING_SECONDS = 3600.0
SILENT_AFTER = 30.0


@dataclass(frozen=True)
class Reaped:
    """What one pass did."""

    # Jobs whose worker was lost: queued again, failed after their last attempt, or cancelled if asked.
    lapsed: int = 0
    # Doorbells sent again.
    rung: int = 0
    # Message files removed: those that are done with, and those nobody can read.
    processed_messages: int = 0
    unreadable_messages: int = 0


def reap() -> Reaped:
    """One pass over all of it, and the reaper's own beat."""
    lapsed = sum(_release(pk) for pk in Job.objects.lapsed(timezone.now()).values_list("pk", flat=True))
    try:
        removed = queue_folder.tidy()
    except OSError as error:  # a folder that is away stops nothing else
        log.warning("the queue folder can't be tidied (%s)", error)
        removed = {"processed": 0, "unreadable": 0}
    result = Reaped(lapsed, doorbell.ring_overdue(), removed["processed"], removed["unreadable"])
    Beat.objects.update_or_create(name=NAME, defaults={"at": timezone.now(), "details": asdict(result)})
    return result


def is_silent() -> bool:
    """Whether no reaper has been alive lately: then likely nobody does the jobs either."""
    beat = Beat.objects.filter(pk=NAME).first()
    return beat is None or timezone.now() - beat.at > timedelta(seconds=SILENT_AFTER + 3 * timing().reap)


def reap_forever(stop: threading.Event) -> None:
    """Reap every `timing().reap` seconds until `stop` is set; a database that is away is tried again."""
    housekeeping_at = 0.0
    while not stop.is_set():
        try:
            result = reap()
            if result.lapsed or result.unreadable_messages:
                log.warning("%s", result)
            if time.monotonic() >= housekeeping_at:
                # Whatever fails there: jobs are reaped meanwhile, and the house is kept again in an hour.
                housekeeping_at = time.monotonic() + HOUSEKEEPING_SECONDS
                keep_house()
        except (DatabaseError, OSError) as error:
            log.warning("reaper: %s; trying again", type(error).__name__)
        close_old_connections()
        stop.wait(timing().reap)


def keep_house() -> int:
    """Forget old idempotency keys, do the rooms' chores; close what ended attempts left open, and count those."""
    idempotency.forget_old()
    chores.do_chores()
    closed = 0
    for folder in (Path(settings.MAMMO_HOME) / "jobs").glob("*/attempt-*"):
        try:
            closed += _close(folder)
        except OSError as error:  # one folder that can't be read or removed keeps no other from it
            log.warning("an ended attempt's folder can't be closed (%s): %s", type(error).__name__, folder)
    return closed


def _close(folder: Path) -> bool:
    """Close what an ended attempt left open; whether there was anything."""
    if {path.name for path in folder.iterdir()} <= {"log.sealed", "log.erased"}:
        return False
    job = job_of(folder)
    if job is None:
        shred(folder)
    elif not (job.state in ACTIVE and folder.name == f"attempt-{job.attempt}"):
        AttemptFiles(job, int(folder.name.removeprefix("attempt-"))).close()
    else:
        return False
    return True


def _release(job_id: uuid.UUID) -> bool:
    """Take a job from a worker that has been silent for too long; False when it lives after all."""
    now = timezone.now()
    with transaction.atomic():
        # A row that is locked is being stored just now: its worker lives.
        job = Job.objects.select_for_update(skip_locked=True).lapsed(now).filter(pk=job_id).first()
        if job is None:
            return False
        attempt = job.attempt
        try:
            services.requeue(job, "its worker was lost", where=Q(lease_until__lt=now))
        except StaleAttemptError:
            return False
    AttemptFiles(job, attempt).close()
    return True
