"""`export_readings`: readings of a locked reader study as files for iMRMC, MRMCaov and `analyse mrmc`."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.reports.lookup import reader_study_by_name
from mammo.accounts import audit
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically


class Command(BaseCommand):
    """Export readings."""

    help = "Export the readings of a locked reader study: readings.csv, a file for iMRMC, and R's call of MRMCaov."
    example = 'python manage.py export_readings --reader-study "Readers" --reason "analysis in R" export/'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="new or empty folder")
        parser.add_argument(
            "--reader-study", metavar="R", required=True, help="name or id of the reader study"
        )
        parser.add_argument("--reason", required=True, help="why; it is written to the trail")
        parser.add_argument("--simulated", action="store_true", help="take readings marked as simulated too")

    def run(self, **options: Any) -> dict[str, Any]:
        """Write the files; returns their names.

        Raises:
            UserError: no reason, the folder holds something, there are no readings, or the study is not locked.
        """
        from evaluation.reports.reader_readings import study_readings
        from evaluation.reports.study.reader_files import MRMCAOV_SNIPPET, imrmc_file, mrmcaov_file

        folder: Path = options["folder"]
        if not options["reason"].strip():
            raise UserError("export_readings: give a --reason; it is written to the trail")
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: holds files already; name a new or empty folder")
        study = reader_study_by_name(options["reader_study"])
        found = study_readings(study, simulated=options["simulated"])
        if not found:
            raise UserError(f"{study.name}: there are no readings; simulated ones count with --simulated")
        files = {
            "readings.csv": mrmcaov_file(found),
            "readings.imrmc": imrmc_file(study.name, found),
            "mrmcaov.R": MRMCAOV_SNIPPET.encode(),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
        audit.record(
            "evaluation.readings.exported",
            by_user=None,
            on=study,
            reason=options["reason"],
            readings=len(found),
            files=sorted(files),
        )
        print(f"written: {folder}", file=sys.stderr)
        return {"files": sorted(str(folder / name) for name in files)}
