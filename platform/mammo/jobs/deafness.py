"""A worker that hears no message any more ends, and its supervisor starts it again.

Celery's consumer can fall silent for ever after its broker was away: when the acknowledgement of a message fails,
its prefetch stays full, so it asks the broker for nothing and notices no lost connection either (Redis; celery
issues 8030, 8091 and 10205 tell of it). Nothing in the worker fails then, so it is looked for from outside its loop.
"""

import logging
import os
import threading
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, NoReturn

import psutil
from celery import signals
from django.db import DatabaseError, connection
from django.utils import timezone

from mammo.jobs.models import ACTIVE, Job, JobState
from mammo.jobs.services import worker_name
from mammo.jobs.timing import timing

log = logging.getLogger(__name__)
STATUS = 70  # EX_SOFTWARE of sysexits.h
LOOKS_PER_PATIENCE = 5


class Ears:
    """Tells whether a worker has been deaf for too long: doorbells were sent, it was idle, and it heard none.

    Args:
        queues: the queues it listens to.
        workers: names of its pool processes as the job rows hold them.
        reachable: whether its broker answers; a worker can't hear one that is away.
    """

    def __init__(
        self,
        queues: Collection[str],
        workers: Callable[[], Collection[str]],
        reachable: Callable[[], bool],
    ) -> None:
        self._queues, self._workers, self._reachable = queues, workers, reachable
        self._heard = timezone.now()
        self._since: datetime | None = None

    def hear(self) -> None:
        """A message came."""
        self._heard = timezone.now()

    def are_deaf(self, now: datetime | None = None) -> bool:
        """Whether the worker has heard nothing for `MAMMO_JOBS_DEAF` seconds while it should have.

        Asked again and again: the time counts from the first look that found a doorbell unheard.

        Raises:
            DatabaseError: the rows can't be read now.
        """
        now = now or timezone.now()
        if not self._should_have_heard() or not self._reachable():
            self._since = None
            return False
        self._since = self._since or now
        return (now - self._since).total_seconds() >= timing().deaf

    def _should_have_heard(self) -> bool:
        rung = Job.objects.filter(state=JobState.QUEUED, queue__in=self._queues, rung_at__gt=self._heard)
        return rung.exists() and not Job.objects.filter(state__in=ACTIVE, worker__in=self._workers()).exists()


_ears: Ears | None = None


def watch_workers() -> None:
    """Have each worker that starts in this process watch its ears."""
    signals.task_received.connect(_hear)
    signals.worker_ready.connect(_listen)


def _hear(**kwargs: object) -> None:
    if _ears is not None:
        _ears.hear()


def _listen(sender: Any, **kwargs: object) -> None:
    global _ears
    if _ears is None:
        app = sender.app
        _ears = Ears(set(app.amqp.queues.consume_from), _pool, lambda: _answers(app))
        threading.Thread(target=_watch, args=(_ears,), name="ears", daemon=True).start()


def _watch(ears: Ears) -> None:
    pause = threading.Event()
    while not pause.wait(timing().deaf / LOOKS_PER_PATIENCE):
        try:
            if ears.are_deaf():
                _end()
        except DatabaseError as error:
            log.warning("a worker could not look for unheard messages (%s)", type(error).__name__)
        finally:
            connection.close()


def _end() -> NoReturn:
    log.error("jobs wait and this worker hears no message, though its broker answers; it ends to start anew")
    # Its loop may be stuck, so it is not asked. The pool is idle; should it have claimed a job at this moment, the
    # job goes back to the queue when the lease ends.
    os._exit(STATUS)


def _pool() -> list[str]:
    return [worker_name(process.pid) for process in psutil.Process().children()]


def _answers(app: Any) -> bool:
    try:
        with app.connection_for_read() as broker:
            broker.ensure_connection(max_retries=1, timeout=timing().deaf / LOOKS_PER_PATIENCE)
    except Exception:  # each transport has its own
        return False
    return True
