"""The embedded default's database is for the platform's own account alone, also in a folder that others may enter."""

import contextlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

OTHERS = 0o077


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
