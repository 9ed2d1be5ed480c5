"""Real processes: the supervisor's workers on a SQLite file and the filesystem broker (kills: faults.py)."""

import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from mammo.jobs.timing import Timing
from tests.mammo.jobs.installation import Installation, eventually

pytestmark = pytest.mark.slow
# Seconds in which a worker starts the child of a short job and stores its results, on a busy machine.
STARTING = 25.0


def started_child(installation: Installation, tmp_path: Path, **parameters: Any) -> tuple[str, int]:
    """Submit a job and wait for its child; the job's id and the child's process id."""
    pids = tmp_path / "pids"
    (job,) = installation.submit({"pid_file": str(pids), "seconds": 60, **parameters})
    text = eventually(lambda: pids.exists() and pids.read_text(), what="the child runs")
    return job, int(text)


def longest_hold(installation: Installation) -> float:
    """Seconds for which a broken message file may hold the queue up: until the reaper has removed it and has rung
    for what waits; and what starting a child takes on a busy machine."""
    defaults = Timing()
    given = installation.environment
    periods = [
        float(given.get(f"MAMMO_JOBS_{name.upper()}", getattr(defaults, name)))
        for name in ("unreadable_message", "reap", "ring_again", "reap")
    ]
    return sum(periods) + STARTING


def test_broken_message_files_stop_nothing(installation: Installation) -> None:
    installation.up()
    installation.until(installation.submit({"mode": "count"}), "succeeded")
    messages = installation.home / "queue" / "messages"
    (messages / "0_empty.cpu.msg").touch()
    (messages / "1_cut.cpu.msg").write_text('{"body": "W1tdLCB')
    (messages / "0_nobodys.other.msg").touch()
    most = longest_hold(installation)
    (row,) = installation.settled(installation.submit({"mode": "count"}), within=most)
    assert (row["state"], row["effects"]) == ("succeeded", 1), f"within {most:g} s"
    assert "ended with status" not in (installation.home / "up.txt").read_text(), (
        "no worker stumbled over them"
    )
    eventually(lambda: not list(messages.glob("*")), within=20, what="the queue folder is tidy")
    processed = installation.home / "queue" / "processed"
    eventually(lambda: not list(processed.glob("*")), within=20, what="processed messages are gone")


def test_what_a_child_leaves_running_ends_with_it(installation: Installation) -> None:
    installation.up()
    ids = installation.submit({"mode": "grandchild"})
    installation.until(ids, "succeeded")
    eventually(lambda: not installation.processes("tests.mammo.jobs.child"), within=20, what="nobody is left")


def test_a_second_up_on_the_same_home_is_refused_in_one_line(installation: Installation) -> None:
    installation.up()
    refused = installation.command("up", "--port", str(installation.port))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "served by another process already" in refused.stderr


@pytest.mark.parametrize("asked", [("up",), ("demo", "--quick")])
def test_an_occupied_port_is_told_in_one_line(tmp_path: Path, asked: tuple[str, ...]) -> None:
    installation = Installation(tmp_path / "home", {}, 0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = installation.command(*asked, "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert str(port) in refused.stderr
    assert "--port" in refused.stderr
    assert "make demo PORT=" in refused.stderr
    assert not (installation.home / "db.sqlite3").exists(), "nothing was changed"
    assert not list(installation.home.glob("demo/hospital*"))


def test_a_dead_web_process_is_started_again(installation: Installation) -> None:
    running = installation.up()
    (web,) = installation.processes("uvicorn")
    web.kill()

    def answers() -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{installation.port}/healthz", timeout=5
            ) as response:
                return bool(response.read() == b"ok")
        except (urllib.error.URLError, OSError):
            return False

    eventually(lambda: not web.is_running() and answers(), what="the site answers again")
    assert running.poll() is None


def test_up_ends_softly_and_leaves_nobody_behind(installation: Installation, tmp_path: Path) -> None:
    running = installation.up()
    job, pid = started_child(installation, tmp_path, mode="count")
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 0
    assert time.monotonic() - began < 20
    assert not psutil.pid_exists(pid)
    eventually(lambda: not installation.processes(), within=5, what="all processes are gone")
    (row,) = installation.jobs([job])
    assert (row["state"], row["failed_attempts"], row["error"]) == ("queued", 0, "its worker was stopped")
    installation.ask("cancel", job)
