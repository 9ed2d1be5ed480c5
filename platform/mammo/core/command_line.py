"""Entry of `manage.py` and of the console script `mammo`."""

import os
import sys


def main() -> None:
    """Run one management command; errors in what the user gave end as one line, never as a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
