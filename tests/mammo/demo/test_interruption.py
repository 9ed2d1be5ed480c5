"""`demo` that is ended from outside: in the foreground it did not reach its end, and its exit status says so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[3]


def _hear_ctrl_c() -> None:
    """What runs in the background of a shell ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("serve", "number", "status"),
    [("0", signal.SIGTERM, 130), ("0", signal.SIGINT, 130), ("1", signal.SIGTERM, 0)],
)
def test_the_exit_status_of_an_interrupted_demo(
    tmp_path: Path, serve: str, number: signal.Signals, status: int
) -> None:
    known = {**os.environ, "MAMMO_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    for name in ("DATABASE_URL", "BROKER_URL"):
        known.pop(name, None)
    telling = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--quick", "--serve", serve, "--port", str(free_port())], cwd=ROOT,
        env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    )  # fmt: skip
    assert telling.stdout is not None
    said = []
    try:
        for line in telling.stdout:
            said.append(line)
            if "1/17" in line:
                telling.send_signal(number)
        assert telling.wait(timeout=60) == status, "".join(said)
    finally:
        telling.kill()
    assert "Stopped; `make demo` goes on from here." in said[-1]
