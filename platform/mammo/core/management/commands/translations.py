"""Extract, check and compile the Chinese messages without GNU gettext."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from mammo.core import translations
from mammo.core.command import Command as BaseCommand


class Command(BaseCommand):
    """`translations extract|check|compile [--only ROOM]`; needs no database."""

    help = (
        "Bring the message catalogues up to date with the sources, check that they are whole, compile them."
    )
    reports = False
    example = "manage.py translations extract --only annotation"
    requires_system_checks: list[str] = []

    def arguments(self, parser: CommandParser) -> None:
        """Add the action and the choice of rooms."""
        parser.add_argument("action", choices=["extract", "check", "compile"], help="what to do")
        parser.add_argument("--only", action="append", default=[], help="folder: mammo, annotation, ...")

    def run(self, **options: Any) -> None:
        """Run the action; a failed check ends with exit code 1."""
        is_well, lines = translations.run(options["action"], options["only"])
        self.stdout.write("\n".join(lines))
        if not is_well:
            raise CommandError("translate what is listed above in the .po files")
