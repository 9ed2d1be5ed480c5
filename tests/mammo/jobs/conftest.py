"""Fixtures of the jobs' tests: the test kind, and an installation of its own with real processes."""

import socket
from collections.abc import Iterator

import pytest

from mammo.jobs import kinds
from tests.mammo.jobs import counting
from tests.mammo.jobs.installation import Installation

# The same rules, faster: a lost worker is noticed after three seconds.
FAST = {
    "LEASE": "3",
    "HEARTBEAT": "0.5",
    "POLL": "0.2",
    "RING_AGAIN": "2",
    "REAP": "0.5",
    "GRACE": "2",
    "GRACE_AT_SHUTDOWN": "2",
    "PROGRESS": "0.1",
    "UNREADABLE_MESSAGE": "0.5",
}


@pytest.fixture(autouse=True)
def _test_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_KINDS", {})
    counting.register()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation on a SQLite file and the filesystem broker; its processes end with the module."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {f"MAMMO_JOBS_{name}": value for name, value in FAST.items()}
    made = Installation(tmp_path_factory.mktemp("installation") / "home", variables, port)
    try:
        yield made
    finally:
        made.stop()
