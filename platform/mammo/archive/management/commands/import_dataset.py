"""Import a public data set from its own folders and tables."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.services import site_by_code
from mammo.archive.dataset_import import import_dataset
from mammo.archive.datasets import DATASETS
from mammo.archive.studies_import import GivenNames
from mammo.core.command import Command as BaseCommand


class Command(BaseCommand):
    """`import_dataset NAME FOLDER --site S [--json]`."""

    help = "Import a public data set that was downloaded before: " + "; ".join(
        f"{name}: {dataset.title} ({dataset.notes})" for name, dataset in DATASETS.items()
    )
    example = "manage.py import_dataset vindr /data/vindr-mammo-1.0.0 --site public"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("name", choices=sorted(DATASETS), help="the public data set")
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder that holds the set")
        parser.add_argument("--site", required=True, help="code of the site it is kept under")

    def run(self, **options: Any) -> dict[str, Any]:
        """Import and report."""
        given: GivenNames = {}
        batch, pathology = import_dataset(
            DATASETS[options["name"]],
            options["folder"],
            site=site_by_code(options["site"]),
            by_user=None,
            progress=_show if sys.stderr.isatty() else None,
            given_names=given,
        )
        items = [
            {"source": given.get(item.pk, item.source), "outcome": item.outcome, "reason": item.reason}
            for item in batch.items.select_related("batch__site")
        ]
        self.say(", ".join(f"{count} {name}" for name, count in batch.counts.items()), **options)
        counts = pathology.counts if pathology else None
        if counts:
            self.say(
                "pathology: " + ", ".join(f"{count} {name}" for name, count in counts.items()), **options
            )
        return {"items": items, "counts": batch.counts, "pathology": counts}


def _show(done: int, total: int) -> None:
    print(f"\r{done} of {total} files", end="", file=sys.stderr, flush=True)
