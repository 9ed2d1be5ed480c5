"""`study_report`: one PDF and one HTML page of a trial, from the rows or from an exported folder."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.services.trials import trial_by_name
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically


class Command(BaseCommand):
    """Write the study report of a trial."""

    help = "Write the study report of a locked trial: design, flow, tables, figures, methods, hashes."
    example = 'python manage.py study_report --trial "First trial" report/'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder", type=Path, metavar="DIR", help="folder to write report.pdf and report.html to"
        )
        parser.add_argument("--trial", metavar="T", help="name or id of the trial")
        parser.add_argument(
            "--from", dest="export", type=Path, metavar="DIR", help="folder that export_scores wrote"
        )
        parser.add_argument("--simulated", action="store_true", help="take scores marked as simulated too")

    def run(self, **options: Any) -> dict[str, Any]:
        """Build and write; returns the files and the hash of the data.

        Raises:
            UserError: neither or both sources were named, or the trial is not locked.
        """
        from evaluation.reports.study.data import from_folder, from_trial
        from evaluation.reports.study.render import to_html, to_pdf
        from evaluation.reports.study.sections import report_title, sections

        if (options["trial"] is None) == (options["export"] is None):
            raise UserError("study_report: name either --trial or --from, the folder of an export")
        if options["export"] is not None:
            data = from_folder(options["export"])
        else:
            data = from_trial(trial_by_name(options["trial"]), simulated=options["simulated"])
        parts, title = sections(data), report_title(data)
        folder: Path = options["folder"]
        folder.mkdir(parents=True, exist_ok=True)
        files = {"report.html": to_html(title, parts), "report.pdf": to_pdf(title, parts)}
        for part in parts:
            for picture in part.pictures:
                files[f"{picture.name}.svg"], files[f"{picture.name}.png"] = picture.svg, picture.png
        for name, content in files.items():
            write_atomically(folder / name, content)
        print(f"written: {folder / 'report.pdf'}", file=sys.stderr)
        return {"files": [str(folder / name) for name in files], "sha256": data.sha256}
