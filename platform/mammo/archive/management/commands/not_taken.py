"""Write the rows of a table that an import did not take, with the reason, into a file."""

import os
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from mammo.accounts import audit
from mammo.archive.models import ImportBatch
from mammo.archive.unmatched import KEPT, unmatched_csv
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`not_taken IMPORT FILE [--json]`."""

    help = (
        "Write the rows that an import of a table did not take, with the reason of each, into a new CSV file. They "
        f"are kept encrypted for {KEPT.days} days. The file identifies patients: destroy it when it is mended."
    )
    example = "manage.py not_taken 0b0c7a4e-5d0e-4b7e-9d59-0f6c1f0f7a11 not-taken.csv"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("batch", metavar="IMPORT", help="id of the import, as the import said it")
        parser.add_argument(
            "file", metavar="FILE", type=Path, help="file to make; only this account may read it"
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Open the rows for whoever asks; that they did is an audit event."""
        batch = _batch(options["batch"])
        try:
            rows = unmatched_csv(batch)
        except FileNotFoundError:
            raise UserError(
                f"import {batch.pk}: no rows are kept; all were taken, or {KEPT.days} days are over: import it again"
            ) from None
        descriptor = os.open(options["file"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(rows)
        with transaction.atomic():
            audit.record("archive.unmatched_rows_fetched", by_user=None, on=batch, site=batch.site)
        self.say(f"written, identifies patients: {options['file']}", **options)
        return {"file": str(options["file"])}


def _batch(written: str) -> ImportBatch:
    try:
        found = ImportBatch.objects.select_related("site").filter(pk=uuid.UUID(written)).first()
    except ValueError:
        found = None
    if found is None:
        raise UserError(f"no import {written!r}: give the id that `import_table` printed")
    return found
