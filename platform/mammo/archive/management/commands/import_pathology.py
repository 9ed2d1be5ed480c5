"""Import pathology results by breast or lesion."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.services import site_by_code
from mammo.archive.services import import_pathology
from mammo.archive.unmatched import fetched_by
from mammo.core.command import Command as BaseCommand


class Command(BaseCommand):
    """`import_pathology FILE.csv|xlsx --site S [--json]`."""

    help = (
        "Import pathology results by breast or lesion. A row is matched to a study by the hospital number (hashed "
        "on arrival) and a date window; what matches none waits with the reason for `not_taken`. Can be repeated: "
        "a result that is there already is not stored twice."
    )
    example = "manage.py import_pathology pathology.xlsx --site north"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument(
            "file", help="columns patient, accession, date, side, lesion, method, class, follow_up_months"
        )
        parser.add_argument("--site", required=True, help="code of the hospital the data comes from")
        parser.add_argument("--simulated", action="store_true", help="mark every row as simulated data")

    def run(self, **options: Any) -> dict[str, Any]:
        """Import and report one item per row."""
        site = site_by_code(options["site"])
        batch = import_pathology(
            Path(options["file"]), site=site, by_user=None, is_simulated=options["simulated"]
        )
        items = [
            {"source": item.source, "outcome": item.outcome, "reason": item.reason}
            for item in batch.items.select_related("batch__site")
        ]
        self.say(", ".join(f"{count} {name}" for name, count in batch.counts.items()), **options)
        if items and all(item["outcome"] == "rejected" for item in items):
            self.exit_code = 1
            self.stderr.write(f"nothing was imported: {items[0]['source']}: {items[0]['reason']}")
        if batch.counts["rejected"]:
            self.say(f"rows that were not taken, with the reason: {fetched_by(batch)}", **options)
        return {"import": str(batch.pk), "items": items, "counts": batch.counts}
