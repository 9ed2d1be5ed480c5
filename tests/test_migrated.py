"""The database of a test run: a copy of a migrated one, a file where it is SQLite, with nothing left in memory."""

import os
import threading
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from tests import migrated


@pytest.mark.django_db(transaction=True)
def test_a_transaction_of_another_thread_is_its_own() -> None:
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def request() -> None:
        with transaction.atomic():
            seen.append(id(connections["default"].connection))
            inside.set()
            go_on.wait(20)
        connections.close_all()

    other = threading.Thread(target=request)
    other.start()
    assert inside.wait(20)
    connection.ensure_connection()
    assert connection.get_autocommit()
    assert not connection.in_atomic_block
    assert id(connection.connection) not in seen
    go_on.set()
    other.join()


def test_what_a_killed_run_left_is_removed_and_a_running_ones_is_not(tmp_path: Path) -> None:
    dead, alive = tmp_path / f"{migrated.PREFIX}99999999-a", tmp_path / f"{migrated.PREFIX}{os.getpid()}-b"
    dead.mkdir()
    alive.mkdir()
    migrated.remove_what_killed_runs_left(str(tmp_path))
    assert [dead.exists(), alive.exists()] == [False, True]
