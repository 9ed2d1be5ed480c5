"""The processes of one machine under one supervisor: web, a worker per queue, the reaper."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TextIO

from django.conf import settings

from mammo.celery import QUEUES, make_queue_folders
from mammo.core.errors import UserError
from mammo.jobs.tether import tethered
from mammo.jobs.timing import timing

LOOK_SECONDS = 0.2
STOP_SECONDS = 10.0
# A process that lived this long is started again at once when it ends.
HEALTHY_SECONDS = 60.0
# Said at each start and to no use here: messages are JSON, so root is no door (`up` warns in one line); the
# static files come from WhiteNoise, which knows no async. Each is the start of a message, as Python wants it.
UNUSED_WARNINGS = (
    "You're running the worker with superuser",
    "StreamingHttpResponse must consume synchronous",
)


@dataclass
class Service:
    """One process that is kept running."""

    name: str
    command: list[str]
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    failures: int = 0
    start_at: float = 0.0
    starts: int = field(default=0)

    @property
    def pause(self) -> float:
        """Seconds before the next start, after `failures` quick ends."""
        return min(timing().restart_cap, 0.5 * 2.0 ** max(self.failures - 1, 0))


class Supervisor:
    """Starts the processes, starts a dead one again, and stops them all; a context manager.

        with Supervisor(web=False) as supervisor: ...

    All of them die with this process, however it dies. One supervisor serves a MAMMO_HOME at a time.

    Args:
        gpu_workers: how many trainings this machine runs at once; one for each GPU makes sense.
        log: where the processes' lines go, each with the name of its process.

    Raises (on entering):
        UserError: another supervisor serves this MAMMO_HOME, or the port is taken.
    """

    def __init__(
        self,
        *,
        web: bool = True,
        host: str = "127.0.0.1",
        port: int = 8000,
        gpu_workers: int = 1,
        log: TextIO | None = None,
    ) -> None:
        self.host, self.port = host, port
        self._log = log or sys.stderr
        self._log_lock = threading.Lock()
        self._stop = threading.Event()
        self._started = threading.Event()
        self._lock: TextIO | None = None
        # The tether holds to the thread that starts a process: this one starts them all and lives to the end.
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self.services = _services(host, port, web=web, gpu_workers=gpu_workers)

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the site."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104  (only compared)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def __enter__(self) -> "Supervisor":
        self.reserve()
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        make_queue_folders()
        self._thread.start()
        self._started.wait()
        return self

    def reserve(self) -> None:
        """Take this MAMMO_HOME and look whether the port is free, before anything is changed.

        Raises:
            UserError: another supervisor serves this MAMMO_HOME, or the port is taken.
        """
        if self._lock is not None:
            return
        lock = _lock_home(Path(settings.MAMMO_HOME))
        try:
            if any(service.name == "web" for service in self.services):
                require_free_port(self.host, self.port)
        except UserError:
            lock.close()
            raise
        self._lock = lock

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop everything: softly, and after ten seconds for certain."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def wait_until_ready(self, timeout: float = 60.0) -> bool:
        """Wait until the site answers; False after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and not self._stop.is_set():
            try:
                with urllib.request.urlopen(f"{self.address}healthz", timeout=2):  # noqa: S310  (our own address)
                    return True
            except (urllib.error.URLError, OSError):
                time.sleep(LOOK_SECONDS)
        return False

    def say(self, name: str, line: str) -> None:
        """Write one line with the name of its process."""
        with self._log_lock:
            try:
                self._log.write(f"{name:>10} | {line.rstrip()}\n")
                self._log.flush()
            except (OSError, ValueError):
                pass  # a closed terminal stops nothing

    def _supervise(self) -> None:
        while not self._stop.is_set():
            for service in self.services:
                self._look_after(service)
            self._started.set()
            self._stop.wait(LOOK_SECONDS)
        self._stop_all()

    def _look_after(self, service: Service) -> None:
        now = time.monotonic()
        if service.process is not None and (status := service.process.poll()) is not None:
            _kill_group(service.process)
            service.failures = 1 if now - service.started > HEALTHY_SECONDS else service.failures + 1
            service.start_at, service.process = now + service.pause, None
            self.say(service.name, f"ended with status {status}; starting again in {service.pause:g} s")
        if service.process is None and now >= service.start_at:
            self._start(service)

    def _start(self, service: Service) -> None:
        service.process = subprocess.Popen(
            tethered(service.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
            text=True,
            errors="replace",
        )
        service.started = time.monotonic()
        service.starts += 1
        threading.Thread(target=self._relay, args=(service.name, service.process.stdout), daemon=True).start()

    def _relay(self, name: str, lines: TextIO) -> None:
        for line in lines:
            if line.strip():
                self.say(name, line)

    def _stop_all(self) -> None:
        running = [service.process for service in self.services if service.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say("supervisor", f"process {process.pid} did not stop; killed")
            _kill_group(process)


def require_free_port(host: str, port: int) -> None:
    """Check that the web process can have its port.

    Raises:
        UserError: it can't; one line with the mend.
    """
    if not 0 < port < 65536:
        raise UserError(f"--port {port}: give a number from 1 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"--port {port} on {host}: {reason}; choose another with --port (make demo PORT=N)"
            ) from None


def _services(host: str, port: int, *, web: bool, gpu_workers: int) -> list[Service]:
    python = [sys.executable, "-m"]
    found = [Service("reaper", [*python, "django", "reap"])]
    more = [f"gpu-{number}" for number in range(2, gpu_workers + 1)]
    for name in [*QUEUES, *more]:
        queue = name.partition("-")[0]
        worker = [*python, "celery", "--quiet", "-A", "mammo.celery", "worker", "-Q", queue, "-c", "1"]
        options = [
            "-P",
            "prefork",
            "-n",
            f"{name}@%h",
            "--without-gossip",
            "--without-mingle",
            "-l",
            "WARNING",
        ]
        found.append(Service(f"worker-{name}", [*worker, *options]))
    if web:
        server = [*python, "uvicorn", "mammo.asgi:application", "--host", host, "--port", str(port)]
        quiet = ["--lifespan", "off", "--no-access-log", "--no-server-header", "--log-level", "warning"]
        found.append(Service("web", [*server, "--timeout-graceful-shutdown", "2", *quiet]))
    return found


def _environment() -> dict[str, str]:
    base = Path(settings.BASE_DIR)
    paths = [str(base), str(base / "platform"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "MAMMO_HOME": str(settings.MAMMO_HOME),
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "mammo.settings"),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": ",".join(f"ignore:{start}" for start in UNUSED_WARNINGS),
    }


def _lock_home(home: Path) -> TextIO:
    """Take the lock of this MAMMO_HOME; the kernel gives it back when the process ends, however it ends."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "up.lock"
    handle = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise UserError(
            f"{home}: served by another process already (number {owner}); stop it, or set another MAMMO_HOME"
        ) from None
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def _kill_group(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
