"""Entry of `manage.py` and of the console script `mammo`."""

import os
import sys


def main() -> None:
    """Run one management command; errors in what the user gave end as one line, never as a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import DatabaseError
    except ModuleNotFoundError as error:
        sys.exit(
            f"{error.name} is not installed for {sys.executable}; run `make setup` once, then "
            "`. .venv/bin/activate` in each terminal (or name `.venv/bin/python manage.py ...`)"
        )

    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        # Of Django's own commands; those of the platform say it themselves.
        from mammo.core.database_errors import told_of_database

        # A query of a migration that fails is shown whole: "run migrate first" would lead in a circle.
        told = told_of_database(error, tables="migrate" not in sys.argv[1:2])
        if not told:
            raise
        sys.stderr.write(f"CommandError: {told}\n")
        sys.exit(1)
