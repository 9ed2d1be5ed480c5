"""Import mammograms: files, folders and zip archives of DICOM, or PNG/PGM with a labels table."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.services import site_by_code
from mammo.archive.models import ImportBatch
from mammo.archive.services import import_studies
from mammo.archive.studies_import import GivenNames
from mammo.core.command import Command as BaseCommand


class Command(BaseCommand):
    """`import_studies PATH... --site S [--reports F] [--labels F] [--json]`."""

    help = (
        "Import mammograms: files, folders and zip archives of DICOM, or PNG/PGM with a table of labels. Every file "
        "has one outcome (imported, duplicate, quarantined, rejected) and a reason; originals are kept encrypted, "
        "what everybody meets is de-identified. Can be repeated, and goes on where an interrupted import ended."
    )
    example = "manage.py import_studies /data/2019 --site north --reports reports.csv"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder or zip archive")
        parser.add_argument("--site", required=True, help="code of the hospital the data comes from")
        parser.add_argument(
            "--reports", help="CSV, JSON lines or XLSX of reports: text, and patient,accession or study_uid"
        )
        parser.add_argument(
            "--labels", help="CSV of labels: file[,patient,study,laterality,view,mirrored,density,birads]"
        )
        parser.add_argument("--simulated", action="store_true", help="mark every row as simulated data")

    def run(self, **options: Any) -> dict[str, Any]:
        """Import and report one item per file."""
        site = site_by_code(options["site"])
        given: GivenNames = {}
        batch = import_studies(
            [Path(path) for path in options["paths"]],
            site=site,
            reports=Path(options["reports"]) if options["reports"] else None,
            labels=Path(options["labels"]) if options["labels"] else None,
            by_user=None,
            is_simulated=options["simulated"],
            progress=_show_progress if sys.stderr.isatty() else None,
            given_names=given,
        )
        items = [
            {
                "source": given.get(item.pk, item.source),
                "outcome": item.outcome,
                # Of what was not imported as far as its own tags say it.
                "side": item.image.laterality if item.image else (item.details or {}).get("laterality", ""),
                "view": item.image.view if item.image else (item.details or {}).get("view", ""),
                "reason": item.reason,
            }
            for item in batch.items.select_related("batch__site", "image")
        ]
        refused = bool(items) and all(item["outcome"] == "rejected" for item in items)
        for item in (
            items if len(items) > 1 or not refused else ()
        ):  # a single refusal stands on standard error
            if item["outcome"] in ("quarantined", "rejected"):
                self.say(f"{item['outcome']}: {item['source']}: {item['reason']}", **options)
        self.say(", ".join(f"{count} {name}" for name, count in batch.counts.items()), **options)
        result: dict[str, Any] = {"items": items, "counts": batch.counts}
        if options["reports"]:
            result["reports"] = self._reports(batch, options)
        if refused:
            self.exit_code = 1
            why = f"all {len(items)} files were rejected, each for the reason above"
            if len(items) == 1:
                why = f"{items[0]['source']}: {items[0]['reason']}"
            self.stderr.write(f"nothing was imported: {why}")
        return result

    def _reports(self, batch: ImportBatch, options: dict[str, Any]) -> dict[str, Any]:
        reports = ImportBatch.objects.filter(site=batch.site, kind="reports").order_by("-created_at")[0]
        problems = [
            {"source": item.source, "outcome": item.outcome, "reason": item.reason}
            for item in reports.items.exclude(outcome="imported")
            .exclude(outcome="duplicate")
            .select_related("batch__site")
        ]
        for problem in problems:
            self.say(f"{problem['outcome']}: {problem['source']}: {problem['reason']}", **options)
        self.say(
            "reports: " + ", ".join(f"{count} {name}" for name, count in reports.counts.items()), **options
        )
        return {"counts": reports.counts, "problems": problems}


def _show_progress(done: int, total: int) -> None:
    end = "\n" if done >= total else ""
    print(f"\r{done} of {total} files", end=end, file=sys.stderr, flush=True)
