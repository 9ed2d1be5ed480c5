"""A real installation in a folder: commands, workers, `up`; and a look at its rows."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[3]
# Starting processes takes long on a busy machine; nothing here measures it.
PATIENCE = 240.0
ENDED = ("succeeded", "failed", "cancelled")


class Installation:
    """A MAMMO_HOME of its own, used by real processes only."""

    def __init__(self, home: Path, variables: dict[str, str], port: int) -> None:
        self.home, self.port = home, port
        home.mkdir(parents=True, exist_ok=True)
        self._up: subprocess.Popen[str] | None = None
        self._remote: subprocess.Popen[str] | None = None
        kept = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")
        }
        self.environment = {
            **kept,
            **variables,
            "MAMMO_HOME": str(home),
            "DJANGO_SETTINGS_MODULE": "tests.mammo.jobs.settings",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
        }

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a management command to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )

    def up(self, *, web: bool = True) -> "subprocess.Popen[str]":
        """`manage.py up`, started when it is not running."""
        if self._up is None or self._up.poll() is not None:
            log = self.home / "up.txt"
            with log.open("w") as output:
                self._up = subprocess.Popen(
                    [
                        sys.executable,
                        "manage.py",
                        "up",
                        "--port",
                        str(self.port),
                        *([] if web else ["--no-web"]),
                    ],
                    env=self.environment,
                    cwd=ROOT,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                )
            said = "The site is up" if web else "Workers and reaper are up"
            eventually(
                lambda: said in log.read_text() or self._up.poll() is not None, what=f"`up` is up: {log}"
            )
            assert self._up.poll() is None, log.read_text()
        return self._up

    def down(self) -> None:
        """Stop `up` softly."""
        if self._up is not None and self._up.poll() is None:
            self._up.send_signal(signal.SIGINT)
            self._up.wait(PATIENCE)

    def another_worker(self, number: int) -> psutil.Popen:
        """One more worker of the queue `cpu`, as on a second host."""
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "mammo.celery", "worker", "-Q", "cpu"]
        with (self.home / f"another-{number}.txt").open("w") as output:
            process = psutil.Popen(
                [*command, "-c", "1", "-n", f"another-{number}@%h", "--without-gossip", "--without-mingle"],
                env=self.environment,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(lambda: process.children(), what="a second worker has its pool process")
        return process

    def ask(self, name: str, *arguments: Any) -> Any:
        """Call a function of remote.py in this installation."""
        if self._remote is None:
            self._remote = subprocess.Popen(
                [sys.executable, "-m", "tests.mammo.jobs.remote"],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._remote.stdin is not None
        assert self._remote.stdout is not None
        self._remote.stdin.write(json.dumps([name, arguments]) + "\n")
        self._remote.stdin.flush()
        return json.loads(self._remote.stdout.readline())

    def submit(self, *parameters: dict[str, Any]) -> list[str]:
        """Submit jobs of the test kind; their ids."""
        ids: list[str] = self.ask("submit", *parameters)
        return ids

    def jobs(self, ids: list[str]) -> list[dict[str, Any]]:
        """Rows of these jobs, and how often the results of each became rows (`effects`)."""
        rows: list[dict[str, Any]] = self.ask("look", *ids)
        return rows

    def settled(self, ids: list[str], *, within: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait until all these jobs have ended, but not longer than `within` seconds; their rows."""
        deadline = time.monotonic() + within
        while True:
            rows = self.jobs(ids)
            if all(row["state"] in ENDED for row in rows) or time.monotonic() > deadline:
                return rows
            time.sleep(0.3)

    def until(self, ids: list[str], *states: str) -> list[dict[str, Any]]:
        """Wait until all these jobs are in one of the states; their rows."""

        def rows() -> list[dict[str, Any]]:
            found = self.jobs(ids)
            return found if {row["state"] for row in found} <= set(states) else []

        found: list[dict[str, Any]] = eventually(rows, what=f"all jobs are {' or '.join(states)}")
        return found

    def processes(self, *words: str) -> list[psutil.Process]:
        """Living processes of this installation (not the tests' own) with all these words in the command."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("MAMMO_HOME") == str(self.home)
                line = " ".join(process.cmdline())
                alive = process.status() != psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if ours and alive and "jobs.remote" not in line and all(word in line for word in words):
                found.append(process)
        return found

    def stop(self) -> None:
        """Kill everything that this installation still runs."""
        if self._remote is not None:
            self._remote.kill()
            self._remote.wait()
        if self._up is not None and self._up.poll() is None:
            os.killpg(self._up.pid, signal.SIGKILL)
            self._up.wait()
        for left in self.processes():
            left.kill()


def eventually(happened: Callable[[], Any], *, within: float = PATIENCE, what: str) -> Any:
    """Wait until something is true and return it."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = happened()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {within:g} s: {what}")
