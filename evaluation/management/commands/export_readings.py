"""`export_readings`: readings of a locked reader study as files for iMRMC, MRMCaov and `analyse mrmc`."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from evaluation.models import DataExport, ReaderStudy
from evaluation.reports.lookup import reader_study_by_name
from evaluation.services.exports import export_for_command
from mammo.accounts import audit
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_together


class Command(BaseCommand):
    """Export readings."""

    help = (
        "Export the readings of a locked reader study: what study_report --from makes its report of again, a file for "
        "iMRMC, and R's call of MRMCaov."
    )
    example = "python manage.py export_readings --request 0b2f6c1e-6d1b-4f0e-9a55-0d3f8f3f8a11 export/"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="new or empty folder")
        parser.add_argument("--reader-study", metavar="R", help="of simulated data: the reader study")
        parser.add_argument(
            "--request", default="", metavar="ID", help="an approved request of the page of exports"
        )
        parser.add_argument("--reason", default="", help="of simulated data: why; it is written to the trail")
        parser.add_argument("--simulated", action="store_true", help="take readings marked as simulated too")

    def run(self, **options: Any) -> dict[str, Any]:
        """Write the files; returns their names.

        Raises:
            UserError: no reason, the folder holds something, there are no readings, or the study is not locked.
        """
        folder: Path = options["folder"]
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: holds files already; name a new or empty folder")
        named = reader_study_by_name(options["reader_study"]) if options["reader_study"] else None
        with transaction.atomic():
            request = export_for_command(options["request"], named, options["reason"])
            study = request.reader_study if request is not None else named
            if study is None:
                raise UserError(f"--request {options['request']}: it is of a trial; export_scores")
            return self._written(folder, study, request, options)

    def _written(
        self, folder: Path, study: ReaderStudy, request: DataExport | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        from evaluation.reports.study.reader_data import from_reader_study, to_files

        data = from_reader_study(study, simulated=request.simulated if request else options["simulated"])
        files = to_files(data)
        write_together({folder / name: content for name, content in files.items()})
        audit.record(
            "evaluation.readings.exported",
            by_user=None,
            on=study,
            reason=request.reason if request else options["reason"],
            readings=len(data.found),
            files=sorted(files),
        )
        print(f"written: {folder}", file=sys.stderr)
        return {"files": sorted(str(folder / name) for name in files)}
