"""Fetch mammograms from a PACS by DICOMweb (QIDO-RS and WADO-RS) and import them."""

import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.services import site_by_code
from mammo.archive.dicomweb import Pacs
from mammo.archive.models import ImportBatch
from mammo.archive.pacs_files import PacsFiles
from mammo.archive.pacs_query import Query
from mammo.archive.parsed_values import parse_day
from mammo.archive.studies_import import run_import
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError

PASSWORD_VARIABLE = "MAMMO_DICOMWEB_PASSWORD"  # noqa: S105 (its name)


class Command(BaseCommand):
    """`fetch_studies URL --site S [--from D] [--to D] [--patient N] [--accession N] [--study UID] [--json]`."""

    help = (
        "Fetch studies from a PACS by DICOMweb and import them; what was imported before is not fetched "
        f"again. The password of --user is read from the environment variable {PASSWORD_VARIABLE}."
    )
    example = "manage.py fetch_studies https://pacs/dicom-web --site north --from 2019-01-01 --to 2019-03-31"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("url", metavar="URL", help="address of the DICOMweb service")
        parser.add_argument("--site", required=True, help="code of the hospital the data comes from")
        parser.add_argument("--from", dest="first", help="first study date")
        parser.add_argument("--to", dest="last", help="last study date")
        parser.add_argument("--patient", default="", help="hospital number")
        parser.add_argument("--accession", default="", help="accession number")
        parser.add_argument("--study", default="", help="StudyInstanceUID")
        parser.add_argument("--all", action="store_true", help="fetch everything the PACS has")
        parser.add_argument("--modality", default="MG", help="modality of a series in the study (MG)")
        parser.add_argument("--user", default="", help="account at the PACS")
        parser.add_argument("--certificates", type=Path, help="certificates (PEM) to trust")

    def run(self, **options: Any) -> dict[str, Any]:
        """Fetch, import, and report one item per file."""
        site = site_by_code(options["site"])
        query = Query(
            first=_day(options["first"], "--from"),
            last=_day(options["last"], "--to"),
            patient=options["patient"],
            accession=options["accession"],
            study_uid=options["study"],
            modality=options["modality"],
        )
        if not options["all"] and query.is_empty:
            raise UserError("say what to fetch: --from, --to, --patient, --accession or --study; or --all")
        pacs = Pacs(
            options["url"],
            user=options["user"],
            password=os.environ.get(PASSWORD_VARIABLE, ""),
            certificates=options["certificates"],
        )
        next(pacs.studies(query), None)  # a wrong address ends here, before a batch is opened
        batch = run_import(
            PacsFiles(pacs, query, site=site),
            site=site,
            by_user=None,
            origin=ImportBatch.Origin.DICOMWEB,
            progress=_show if sys.stderr.isatty() else None,
        )
        items = [
            {"source": item.source, "outcome": item.outcome, "reason": item.reason}
            for item in batch.items.select_related("batch__site")
        ]
        self.say(", ".join(f"{count} {name}" for name, count in batch.counts.items()), **options)
        return {"items": items, "counts": batch.counts}


def _day(written: str | None, option: str) -> date | None:
    return parse_day(written, option) if written else None


def _show(done: int, total: int) -> None:
    print(f"\r{done} files", end="", file=sys.stderr, flush=True)
