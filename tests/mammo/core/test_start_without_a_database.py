"""A process that starts while its database is away waits for it, and then looks for the triggers all the same."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from mammo.accounts.models import AuditEvent
from mammo.core import append_only

TABLE = AuditEvent._meta.db_table


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any) -> Iterator[Path]:
    """A database `away` that can't be opened, since its folder is not there yet."""
    monkeypatch.setattr(append_only, "PAUSE_SECONDS", 0.05)
    path = tmp_path / "not_mounted" / "db.sqlite3"
    like_it = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": {}}
    connections.databases["away"] = {**connections.databases["default"], **like_it}
    with django_db_blocker.unblock():
        yield path
        connections["away"].close()
    del connections["away"], connections.databases["away"]


def test_no_start_over_a_database_that_cannot_be_asked(away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_only, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(SystemExit, match=r"'away' can't be asked .* start it, or mend DATABASE_URL") as ended:
        append_only.require_triggers("away")
    assert "\n" not in str(ended.value)


def test_a_start_waits_for_a_database_that_is_away_and_then_looks(away: Path, tmp_path: Path) -> None:
    def comes() -> None:
        # Whole at once: an empty file is a database that waits for its first migrate.
        made = tmp_path / "made.sqlite3"
        with sqlite3.connect(made) as late:
            late.execute(f"CREATE TABLE {append_only.LEDGER} (name varchar(64) PRIMARY KEY)")
            late.execute(f"INSERT INTO {append_only.LEDGER} VALUES (?)", [TABLE])
            late.execute(f"CREATE TABLE {TABLE} (id integer)")
        late.close()
        away.parent.mkdir()
        made.rename(away)

    timer = threading.Timer(0.3, comes)
    timer.start()
    with pytest.raises(SystemExit, match=f"append_only_{TABLE}_update.*migrate --skip-checks"):
        append_only.require_triggers("away")
    timer.join()
