"""Continuous integration does not pass over a missing server: `python -m tests.servers` says which, and fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"postgresql": servers.PostgreSQL, "redis": servers.Redis, "rabbitmq": servers.RabbitMQ}


@pytest.fixture
def all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """No PostgreSQL runs; every server is installed."""
    monkeypatch.setattr(servers, "postgres_answers", lambda url: False)
    for name, kind in KINDS.items():
        monkeypatch.setattr(kind, "binary", classmethod(lambda cls, name=name: f"/usr/bin/{name}"))


def miss(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(KINDS[name], "binary", classmethod(lambda cls: None))


@pytest.mark.usefixtures("all_there")
def test_nothing_is_said_to_be_missing_where_every_server_is_installed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert servers.main() == 0
    said = capsys.readouterr().out
    assert [line.partition(":")[0] for line in said.splitlines()] == list(KINDS)
    assert "missing" not in said


@pytest.mark.usefixtures("all_there")
@pytest.mark.parametrize("name", KINDS)
def test_one_missing_server_is_enough_to_fail_and_the_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    miss(monkeypatch, name)
    assert servers.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "missing" in line] == [
        f"{name}: missing ({servers.HINT} {KINDS[name].package})"
    ]


@pytest.mark.usefixtures("all_there")
def test_a_postgresql_that_answers_needs_none_of_our_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    miss(monkeypatch, "postgresql")
    monkeypatch.setattr(servers, "postgres_answers", lambda url: True)
    monkeypatch.setenv(servers.POSTGRES_VARIABLE, "postgres://someone:secret@db.example:6543/postgres")
    assert servers.main() == 0
    said = capsys.readouterr().out
    assert "postgresql: answers at db.example:6543" in said
    assert "secret" not in said


def test_the_command_of_continuous_integration_ends_with_that_code(tmp_path: Path) -> None:
    """With nothing in the path Redis at least is not found."""
    environment = {
        **os.environ,
        "PATH": str(tmp_path),
        servers.POSTGRES_VARIABLE: f"postgres://postgres@127.0.0.1:{servers.free_port()}/postgres",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "tests.servers"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert f"redis: missing ({servers.HINT} redis-server)" in ended.stdout
    assert "Traceback" not in ended.stderr


def test_continuous_integration_asks_before_it_tests_and_ends_at_a_failure() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert "set -euo pipefail" in lines
    asked = lines.index(".venv/bin/python -m tests.servers")
    assert lines.index("make setup") < asked < lines.index("make test")
