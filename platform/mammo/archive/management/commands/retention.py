"""Destroy originals and texts as received whose retention period is over."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from mammo.archive.retention import AT_ONCE, forget_before
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`retention [--days N] [--json]`."""

    help = (
        "Destroy the encrypted originals and the reports and questions as they were received that came in longer "
        "ago than MAMMO_RETENTION_DAYS; viewing copies, cleaned texts and labels stay. `up` does it every hour."
    )
    example = "manage.py retention --days 365"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("--days", type=int, help="instead of MAMMO_RETENTION_DAYS")

    def run(self, **options: Any) -> dict[str, Any]:
        """Destroy, and say how much."""
        days = options["days"] if options["days"] is not None else settings.MAMMO_RETENTION_DAYS
        if days < 1:
            raise UserError("no retention period: set MAMMO_RETENTION_DAYS or give --days of at least 1")
        moment = timezone.now() - timedelta(days=days)
        originals = texts = 0
        while True:
            done = forget_before(moment)
            originals, texts = originals + done.originals, texts + done.texts
            if done.originals < AT_ONCE and done.texts < AT_ONCE:
                break
        self.say(f"destroyed {originals} originals and {texts} texts as received", **options)
        return {"originals": originals, "texts": texts}
