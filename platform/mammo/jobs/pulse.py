"""The heartbeat of a running attempt: it extends the lease and learns of cancelling and of a lost lease."""

import logging
import threading
import time
from types import TracebackType

from django.db import DatabaseError, connection

from mammo.jobs import services
from mammo.jobs.models import Job
from mammo.jobs.patience import renew_connection
from mammo.jobs.timing import timing
from mammo.jobs.transitions import StaleAttemptError

log = logging.getLogger(__name__)


class Pulse:
    """Beats while the block runs: in a thread of its own, or (on one connection) whenever `tick` is called.

    Attributes:
        lost: the job is another attempt's; what this one does must end at once.
        cancelled: a person asked to cancel.
    """

    def __init__(self, job: Job, *, threaded: bool = True) -> None:
        # A row object of its own: the worker's is used by another thread.
        self._job = Job(pk=job.pk, attempt=job.attempt)
        self._threaded = threaded
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"pulse-{job.pk}", daemon=True)
        self._looked = self._held = time.monotonic()
        self._next_beat = 0.0
        self.lost = threading.Event()
        self.cancelled = threading.Event()

    def __enter__(self) -> "Pulse":
        if self._threaded:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the beating (before the answer is stored: that transaction holds the row)."""
        self._ended.set()
        if self._threaded and self._thread.is_alive():
            self._thread.join()

    def tick(self) -> None:
        """Beat if there is no thread that does and it is time."""
        if not self._threaded and time.monotonic() - self._looked >= timing().poll:
            self._look()

    def _beat(self) -> None:
        try:
            while not self.lost.is_set():
                self._look()
                if self._ended.wait(timing().poll):
                    return
        finally:
            connection.close()

    def _look(self) -> None:
        now = self._looked = time.monotonic()
        try:
            if now >= self._next_beat:
                cancelled = services.heartbeat(self._job)
                self._next_beat, self._held = now + timing().heartbeat, now
            else:
                cancelled = services.is_cancel_requested(self._job)
        except StaleAttemptError:
            self.lost.set()
        except DatabaseError as error:
            log.warning("job %s: no heartbeat (%s)", self._job.pk, type(error).__name__)
            renew_connection()
            # Nobody could be told that this attempt lives: by now another worker may have it.
            if now - self._held > timing().lease:
                self.lost.set()
        else:
            if cancelled:
                self.cancelled.set()
