"""Entry of `manage.py` and of the console script `mammo`."""

import os
import sys

# What SQLite says where the disk has no room, also for the files that it needs beside the database.
NO_ROOM = ("disk is full", "disk I/O error")


def main() -> None:
    """Run one management command; errors in what the user gave end as one line, never as a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ModuleNotFoundError as error:
        sys.exit(
            f"{error.name} is not installed for {sys.executable}; run `make setup` once, then "
            "`. .venv/bin/activate` in each terminal (or name `.venv/bin/python manage.py ...`)"
        )

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if not any(said in str(error) for said in NO_ROOM):
            raise
        from django.conf import settings

        database = settings.DATABASES["default"]["NAME"]
        sys.stderr.write(f"CommandError: {database}: {error}; free space (or mend the disk) and run again\n")
        sys.exit(1)
