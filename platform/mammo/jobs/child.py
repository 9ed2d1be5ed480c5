"""Starting, watching and ending the child process of a job."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, BinaryIO, cast

from django.conf import settings

from mammo.core.child_environment import without_secrets
from mammo.core.handed_secrets import write_secrets
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.devices import JOB_VARIABLE, devices_for
from mammo.jobs.kinds import JobKind
from mammo.jobs.models import Job
from mammo.jobs.pulse import Pulse
from mammo.jobs.shutdown import stopping
from mammo.jobs.tether import tethered
from mammo.jobs.timing import timing
from mammo.jobs.transitions import StaleAttemptError

LOOK_SECONDS = 0.2
LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Ending:
    """How a child ended: its exit status (negative: the signal that killed it) and who stopped it."""

    status: int
    # "" (by itself), "cancel" (a person) or "shutdown" (its worker stops).
    stopped_by: str = ""


def command_line(kind: JobKind, files: AttemptFiles, gpus: int) -> list[str]:
    """The child's command; a kind that spreads over several GPUs runs under torchrun, one process each."""
    launcher, processes = ["-m"], processes_of(kind, gpus)
    if processes > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    return [sys.executable, *launcher, kind.module, str(files.request), str(files.answer)]


def processes_of(kind: JobKind, gpus: int) -> int:
    """How many processes do the work."""
    return max(1, gpus) if kind.spreads else 1


def environment(job: Job, kind: JobKind) -> dict[str, str]:
    """The child's environment.

    Raises:
        UserError: the worker has fewer GPUs than the job asks for.
    """
    base = Path(settings.BASE_DIR)
    known = without_secrets()
    paths = [str(base), str(base / "platform"), known.get("PYTHONPATH", "")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    known.setdefault("OMP_NUM_THREADS", str(max(1, min(cores, 16) // processes_of(kind, job.gpus))))
    # Threads that wait sleep instead of spinning: the machine has other work.
    known.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return known | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
        "CUDA_VISIBLE_DEVICES": devices_for(job),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TQDM_DISABLE": "1",  # bars of libraries fill the log; what is told a person goes by report_progress
        "MAMMO_HOME": str(settings.MAMMO_HOME),
        JOB_VARIABLE: str(job.pk),
    }


class Child:
    """The running child of one attempt; none outlives the block that it is opened for.

    Args:
        on_progress: called with each `progress` object the child prints.
        secrets: handed over its standard input, which is closed behind them.
    """

    def __init__(
        self,
        job: Job,
        kind: JobKind,
        files: AttemptFiles,
        on_progress: Callable[[dict[str, Any]], None],
        *,
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._on_progress = on_progress
        self._files = files
        self._rest = b""
        with files.log.open("ab") as log:
            self._process = subprocess.Popen(
                tethered(command_line(kind, files, job.gpus)),
                stdin=subprocess.PIPE if secrets else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=files.folder,
                env=environment(job, kind),
                start_new_session=True,
            )
        if self._process.stdin is not None:
            try:
                write_secrets(secrets, cast(BinaryIO, self._process.stdin))
            except BaseException:
                self._kill()
                raise

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()

    @property
    def pid(self) -> int:
        """Process id, which is its process group's too."""
        return self._process.pid

    def watch(self, pulse: Pulse) -> Ending:
        """Follow the child to its end; stop it when a person cancels or the worker stops.

        Raises:
            StaleAttemptError: the lease was lost.
        """
        stopped_by, kill_at = "", float("inf")
        stdout = self._process.stdout
        if stdout is None:
            raise RuntimeError("the child was started without a pipe")
        os.set_blocking(stdout.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while self._process.poll() is None:
                if selector.get_map():
                    if selector.select(LOOK_SECONDS) and not self._read(stdout.fileno()):
                        selector.unregister(stdout)
                else:
                    time.sleep(LOOK_SECONDS)
                pulse.tick()
                if pulse.lost.is_set():
                    raise StaleAttemptError("the lease was lost")
                asked = "cancel" if pulse.cancelled.is_set() else "shutdown" if stopping.is_set() else ""
                if asked and not stopped_by:
                    stopped_by = asked
                    grace = timing().grace if asked == "cancel" else timing().grace_at_shutdown
                    kill_at = time.monotonic() + grace
                    self._process.terminate()
                if stopping.is_set():
                    kill_at = min(kill_at, time.monotonic() + timing().grace_at_shutdown)
                if time.monotonic() >= kill_at:
                    self._files.note("killed: it did not stop when it was asked to")
                    self._kill()
            self._read(stdout.fileno())
            self._take(self._rest)
        return Ending(self._process.returncode, stopped_by)

    def _read(self, descriptor: int) -> bool:
        """Take what the child printed; False when its standard output is closed."""
        while True:
            try:
                block = os.read(descriptor, 1 << 16)
            except BlockingIOError:
                return True
            if not block:
                return False
            *lines, self._rest = (self._rest + block).split(b"\n")
            for line in lines:
                self._take(line)
            self._rest = self._rest[-LONGEST_LINE:]

    def _take(self, line: bytes) -> None:
        try:
            progress = json.loads(line)["progress"]
        except (ValueError, KeyError, TypeError):
            progress = None
        if isinstance(progress, dict):
            self._on_progress(progress)
        elif line.strip():
            self._files.note(line.decode("utf-8", "replace"))

    def _kill(self) -> None:
        """Kill what is left of the child's process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
