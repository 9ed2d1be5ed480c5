"""Running one claimed job: request, child, answer, rows."""

import logging
import os
import re
import time
from typing import Any

import psutil
from django.db import DatabaseError, InterfaceError, OperationalError

from mammo.core.errors import UserError, WrongStateError
from mammo.core.jsonlines import read_jsonlines
from mammo.core.system_errors import NO_ROOM, is_full, said_of_child
from mammo.jobs import devices, kinds, services
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.child import Child, Ending
from mammo.jobs.devices import JOB_VARIABLE
from mammo.jobs.kinds import SECRETS
from mammo.jobs.models import Job
from mammo.jobs.patience import patiently, renew_connection
from mammo.jobs.pulse import Pulse
from mammo.jobs.timing import timing
from mammo.jobs.transitions import StaleAttemptError

log = logging.getLogger(__name__)

EXIT_SUCCESS, EXIT_BAD_REQUEST, EXIT_STOPPED = 0, 2, 75
EXCEPTION_NAME = re.compile(r"^(?:[A-Za-z_]\w*\.)*([A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning))\b")
LONGEST_ERROR = 500


def run(job: Job, *, threaded: bool = True) -> Job:
    """Run a job that this process has claimed, to whatever end; return its row as it stands then.

    Args:
        threaded: beat in a thread; False keeps everything on the caller's database connection.
    """
    files = AttemptFiles(job)
    try:
        _attempt(job, files, threaded=threaded)
    except StaleAttemptError as error:
        log.warning("%s", error)
    finally:
        _close(job, files)
    return Job.objects.get(pk=job.pk)


def _close(job: Job, files: AttemptFiles) -> None:
    try:
        files.close()
    except OSError as error:  # a full disk, say: the reaper closes what is left open
        log.warning("job %s: its files can't be closed (%s)", job.pk, type(error).__name__)


def run_here(job: Job) -> Job:
    """Claim and run a queued job in this very process: for commands and tests that have no worker.

    Raises:
        WrongStateError: it is not queued, or a worker was faster.
    """
    claimed = services.claim(job.pk, services.worker_name(os.getpid()))
    if claimed is None:
        raise WrongStateError(f"job {job.pk} is not queued: it can't be run here")
    return run(claimed, threaded=False)


def _attempt(job: Job, files: AttemptFiles, *, threaded: bool) -> None:
    try:
        files.make()
        ending = _run_child(job, files, threaded=threaded)
        _conclude(job, files, ending)
    except StaleAttemptError:
        raise
    except UserError as error:
        files.note(str(error))
        message = str(error)[:LONGEST_ERROR]
        patiently(lambda: services.fail(job, message))
    except Exception as error:
        # The message may hold a patient's text: it goes into the log, the row names the kind of error only.
        files.note_exception(error)
        reason = NO_ROOM if is_full(error) else f"{type(error).__name__}; the log tells more"
        patiently(lambda: services.requeue(job, reason))


def _run_child(job: Job, files: AttemptFiles, *, threaded: bool) -> Ending:
    kind = kinds.get(job.kind)
    with Pulse(job, threaded=threaded) as pulse:
        if job.attempt > 1:
            end_leftovers(job)
        devices.end_strangers_on(devices.devices_for(job))
        request = kind.build_request(job)
        secrets = request.pop(SECRETS, {})
        files.write_request(request)
        progress = _Progress(job)
        # A worker that was held up until now may have lost the job, and with it the right to start a child.
        if services.heartbeat(job):
            return Ending(EXIT_STOPPED, "cancel")
        with Child(job, kind, files, progress.take, secrets=secrets) as child:
            services.heartbeat(job, child_pid=child.pid)
            ending = child.watch(pulse)
    progress.flush()
    return ending


def _conclude(job: Job, files: AttemptFiles, ending: Ending) -> None:
    """Turn the way the child ended into the job's next state."""
    said = files.last_line()  # the child's last word, before anything is noted behind it
    is_cancelled = patiently(lambda: services.is_cancel_requested(job))  # hours after the last query, perhaps
    if is_cancelled or ending.status != EXIT_SUCCESS:
        _keep(job, files)
    if is_cancelled:
        services.confirm_cancelled(job)
    elif ending.status == EXIT_SUCCESS and files.answer.exists():
        _store(job, files)
    elif ending.status == EXIT_SUCCESS:
        services.requeue(job, "it ended without an answer file")
    elif ending.stopped_by == "shutdown":
        services.requeue(job, "its worker was stopped", counts=False)
    elif ending.status == EXIT_BAD_REQUEST:
        services.fail(job, said[:LONGEST_ERROR] or "its request was refused; the log tells more")
    elif ending.status == EXIT_STOPPED:
        services.requeue(job, "something stopped it")
    elif ending.status < 0:
        services.requeue(job, f"it was ended by signal {-ending.status}; the log tells more")
    elif told := said_of_child(ending.status, said):
        services.requeue(job, told)
    else:
        name = EXCEPTION_NAME.match(said)
        what = f"{name.group(1)}, exit status" if name else "exit status"
        services.requeue(job, f"{what} {ending.status}; the log tells more")


def _store(job: Job, files: AttemptFiles) -> None:
    try:
        services.finish(job, read_jsonlines(files.answer))
    except (StaleAttemptError, UserError, OperationalError, InterfaceError):
        raise  # another attempt's; the person's to mend; worth another try
    except Exception as error:
        # The same answer would meet the same error: running the child again would not help.
        files.note_exception(error)
        services.fail(job, f"storing the results: {type(error).__name__}; the log tells more")


def _keep(job: Job, files: AttemptFiles) -> None:
    """Store what the child had kept for good; a row that can't be stored does not hide why the attempt ended."""
    path = files.answer if files.answer.exists() else files.kept
    if not kinds.get(job.kind).keeps or not path.exists():
        return
    try:
        patiently(lambda: services.keep(job, read_jsonlines(path)))
    except (StaleAttemptError, OperationalError, InterfaceError):
        raise
    except Exception as error:
        files.note_exception(error)


def end_leftovers(job: Job) -> int:
    """Kill children of earlier attempts of this job on this machine; return how many there were.

    The tether kills a child with its worker; this finds grandchildren, which are not tethered.
    """
    ended = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get(JOB_VARIABLE) == str(job.pk):
                process.kill()
                ended += 1
        except (psutil.Error, OSError):
            continue
    return ended


class _Progress:
    """Brings a child's progress to the row, not more often than `timing().progress`."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._last: dict[str, Any] | None = None
        self._written = 0.0

    def take(self, progress: dict[str, Any]) -> None:
        self._last = progress
        if time.monotonic() - self._written >= timing().progress:
            self.flush()

    def flush(self) -> None:
        if self._last is None:
            return
        try:
            services.report_progress(self._job, self._last)
        except DatabaseError as error:
            log.warning("job %s: progress not written (%s)", self._job.pk, type(error).__name__)
            renew_connection()
        self._last, self._written = None, time.monotonic()
