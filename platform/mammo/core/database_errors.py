"""One line for a database that can't do its work: which one, why, and the mend; never the password."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import DatabaseError, OperationalError, ProgrammingError

# What SQLite says where the disk has no room, also for the files that it needs beside the database.
NO_ROOM = ("disk is full", "disk I/O error")
# And where the file or its folder is not to be had.
NOT_OPENED = ("unable to open database file", "readonly database")
_NO_TABLE = re.compile(r'no such table|relation "[^"]*" does not exist')
_NO_COLUMN = re.compile(r"no such column|column \S+ does not exist")
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')
_NOT_TAKEN = re.compile(
    r'role "[^"]*" does not exist|authentication failed|no password supplied|pg_hba\.conf'
)
# Classes of SQLSTATE that tell of the connection; an error before there was one has none.
_OF_CONNECTIONS = ("08", "28", "3D", "57P")


def told_of_database(error: DatabaseError, *, tables: bool = True) -> str:
    """What is wrong and what mends it; empty for an error that is none of the database's being there.

    Args:
        tables: whether tables and columns that lack are told of too, whose mend is `migrate`.
    """
    said, database = " ".join(str(error).split()), settings.DATABASES["default"]
    if tables and isinstance(error, OperationalError | ProgrammingError):
        if _NO_TABLE.search(said):
            return "the database has no tables yet; run `python manage.py migrate` first"
        if _NO_COLUMN.search(said):
            return "the database's tables are of another edition; run `python manage.py migrate` first"
    if not isinstance(error, OperationalError):
        return ""
    if any(words in said for words in NO_ROOM):
        return f"{database['NAME']}: {said}; free space (or mend the disk) and run again"
    if any(words in said for words in NOT_OPENED):
        return f"{database['NAME']}: {said}; set MAMMO_HOME to a folder that can be written to"
    return _told_of_server(error, said, database)


def _told_of_server(error: OperationalError, said: str, database: Mapping[str, Any]) -> str:
    state = getattr(error.__cause__, "sqlstate", None)
    if "postgresql" not in database["ENGINE"] or (state and not state.startswith(_OF_CONNECTIONS)):
        return ""
    place = ":".join(str(part) for part in (database.get("HOST"), database.get("PORT")) if part)
    server = f"PostgreSQL at {place or 'its socket'}"
    if _NO_DATABASE.search(said):
        return (
            f"{server}: there is no database “{database['NAME']}”; make it (`createdb`), or mend DATABASE_URL, "
            "then run `python manage.py migrate`"
        )
    reason = said.rpartition("failed: ")[2].partition(" Is the server")[0].removeprefix("FATAL: ").strip()
    if _NOT_TAKEN.search(said):
        return f"{server} does not take the account “{database.get('USER')}” ({reason}); mend DATABASE_URL"
    return f"{server} can't be reached ({reason}); start it, or mend DATABASE_URL, then run again"
