"""A database that can't be reached ends a command in one line that names it, why, and the mend; never the password."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.conftest import missing
from tests.servers import ServerError, free_port, postgres, with_database

# One of the platform's own commands, and one of Django's.
COMMANDS = [["table", "1", "--trial", "x"], ["migrate"]]


def refused(home: Path, address: str, command: list[str]) -> str:
    """What the command says, in its one line."""
    known = {**os.environ, "DATABASE_URL": address, "MAMMO_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=settings.BASE_DIR, env=known, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "secret" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of a PostgreSQL server that answers."""
    try:
        with postgres() as address:
            yield address
    except ServerError as error:
        missing(str(error))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_server_that_does_not_answer_is_named_with_the_mend(tmp_path: Path, command: list[str]) -> None:
    port = free_port()
    said = refused(tmp_path, f"postgres://postgres:secret@127.0.0.1:{port}/mammo", command)
    assert f"PostgreSQL at 127.0.0.1:{port} can't be reached (Connection refused)" in said
    assert "start it, or mend DATABASE_URL" in said


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_host_that_nobody_knows_is_named_with_the_mend(tmp_path: Path, command: list[str]) -> None:
    said = refused(tmp_path, "postgres://postgres:secret@nowhere.invalid/mammo", command)
    assert "PostgreSQL at nowhere.invalid can't be reached" in said
    assert "mend DATABASE_URL" in said


@pytest.mark.services
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_database_that_is_not_there_is_to_be_made(tmp_path: Path, server: str, command: list[str]) -> None:
    said = refused(tmp_path, with_database(server, "mammo_nowhere"), command)
    assert "there is no database “mammo_nowhere”" in said
    assert "make it" in said
    assert "no tables" not in said


@pytest.mark.services
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_account_that_the_server_does_not_take_is_named(
    tmp_path: Path, server: str, command: list[str]
) -> None:
    address = server.replace("//postgres", "//mammo_nobody", 1)
    assert "mammo_nobody" in address
    said = refused(tmp_path, address, command)
    assert "does not take the account “mammo_nobody”" in said
    assert "DATABASE_URL" in said


def test_a_database_without_tables_is_to_be_migrated(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    said = refused(tmp_path / "home", "", COMMANDS[0])
    assert "no tables yet; run `python manage.py migrate`" in said


@pytest.mark.services
def test_a_postgresql_database_without_tables_is_to_be_migrated(tmp_path: Path, server: str) -> None:
    assert "no tables yet; run `python manage.py migrate`" in refused(tmp_path, server, COMMANDS[0])


def test_a_file_that_cannot_be_opened_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").mkdir()
    said = refused(tmp_path, "", COMMANDS[1])
    assert f"{tmp_path / 'db.sqlite3'}: unable to open database file" in said
    assert "MAMMO_HOME" in said
