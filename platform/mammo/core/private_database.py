"""The embedded default's database is for the platform's own account alone, also in a folder that others may enter."""

import contextlib
import logging
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

OTHERS = 0o077
CHECKPOINT_MILLISECONDS = 500
log = logging.getLogger(__name__)


def connect_signals() -> None:
    """Called once from CoreConfig.ready()."""
    connection_created.connect(_keep_private, dispatch_uid="mammo.core.private_database")


def _keep_private(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """SQLite gives what it writes beside the database the database's own mode."""
    path = Path(settings.MAMMO_HOME) / "db.sqlite3"
    if connection.vendor != "sqlite" or str(connection.settings_dict["NAME"]) != str(path):
        return
    with contextlib.suppress(OSError):  # another account's: that one keeps it
        mode = path.stat().st_mode
        if mode & OTHERS:
            path.chmod(mode & ~OTHERS & 0o7777)


def forget_old_pages(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Take what was emptied out of SQLite's log of pages too (the file beside the database); PostgreSQL's is its own.

    Returns:
        whether the log is empty now; False where somebody reads just now: the chore tries again.
    """
    connection = connections[using]
    if connection.vendor != "sqlite":
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            (usual,) = cursor.fetchone()
            # It waits for readers with the lock of writers in its hand.
            cursor.execute(f"PRAGMA busy_timeout={CHECKPOINT_MILLISECONDS}")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return bool(cursor.fetchone()[0] == 0)
            finally:
                cursor.execute(f"PRAGMA busy_timeout={int(usual)}")
    except OperationalError as error:
        log.warning("the log of pages could not be emptied (%s); it is tried again", error)
        return False


def keep_log_empty() -> int:
    """`forget_old_pages` as a chore."""
    return int(forget_old_pages())
