"""The register of backups: note one that was taken, list them, note that one was destroyed."""

import uuid
from datetime import datetime, time
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from mammo.archive.backups import mark_destroyed, record_backup, standing_backups
from mammo.archive.models import Backup
from mammo.archive.parsed_values import parse_day
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`backups add CONTENT WHERE [--taken T] [--expires D] | list | destroyed ID [--json]`."""

    help = (
        "Note each backup (database, keys, files or all) where it is taken, so that the page of a withdrawal can "
        "say which copies still hold the patient. Put `backups add` at the end of the script that copies."
    )
    example = "manage.py backups add database /mnt/vault/2026-11-24.sql.gz --expires 2027-02-24"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("act", choices=["add", "list", "destroyed"], help="what to do")
        parser.add_argument("what", nargs="?", default="", help="content of the backup, or its id")
        parser.add_argument("where", nargs="?", default="", help="where it lies")
        parser.add_argument("--taken", default="", help="when, as 2026-11-24T02:00 (now)")
        parser.add_argument("--expires", default="", help="the day it is destroyed by itself")

    def run(self, **options: Any) -> dict[str, Any]:
        """Do what was asked."""
        if options["act"] == "list":
            return self._list(options)
        if options["act"] == "destroyed":
            backup = Backup.objects.filter(pk=_key(options["what"])).first()
            if backup is None:
                raise UserError(f"no backup {options['what']!r}")
            mark_destroyed(backup, by_user=None)
            self.say("noted as destroyed", **options)
            return {"id": str(backup.pk), "destroyed": True}
        backup = record_backup(
            options["what"],
            taken_at=_moment(options["taken"]),
            where=options["where"],
            expires_on=parse_day(options["expires"], "--expires") if options["expires"] else None,
            by_user=None,
        )
        self.say(f"noted: {backup} in {backup.where}", **options)
        return {"id": str(backup.pk)}

    def _list(self, options: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {
                "id": str(row.pk),
                "content": row.content,
                "taken": row.taken_at.isoformat(timespec="minutes"),
                "where": row.where,
                "expires": row.expires_on.isoformat() if row.expires_on else None,
            }
            for row in standing_backups()
        ]
        for row in rows:
            self.say("  ".join(value or "-" for value in row.values()), **options)
        return {"backups": rows}


def _moment(written: str) -> datetime:
    if not written:
        return timezone.now()
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise UserError(f"--taken {written}: write it as 2026-11-24T02:00") from None
    if len(written) == len("2026-11-24"):
        moment = datetime.combine(moment.date(), time(0, 0))
    return moment if moment.tzinfo else timezone.make_aware(moment)


def _key(written: str) -> uuid.UUID:
    try:
        return uuid.UUID(written)
    except ValueError:
        raise UserError(f"{written!r}: give the id that `backups list` shows") from None
