"""`study_report`: one PDF and one HTML page of a trial, from the rows or from an exported folder."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.reports.lookup import reader_study_by_name
from evaluation.services.trials import trial_by_name
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_together


class Command(BaseCommand):
    """Write the study report of a trial or a reader study."""

    help = "Write the study report of a locked trial or reader study: design, flow, tables, figures, methods, hashes."
    example = 'python manage.py study_report --trial "First trial" report/'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder", type=Path, metavar="DIR", help="folder to write report.pdf and report.html to"
        )
        parser.add_argument("--trial", metavar="T", help="name or id of the trial")
        parser.add_argument("--reader-study", metavar="R", help="name or id of the reader study")
        parser.add_argument(
            "--from",
            dest="export",
            type=Path,
            metavar="DIR",
            help="folder that export_scores or export_readings wrote",
        )
        parser.add_argument("--simulated", action="store_true", help="take rows marked as simulated too")

    def run(self, **options: Any) -> dict[str, Any]:
        """Build and write; returns the files and the hash of the data.

        Raises:
            UserError: neither or both sources were named, or the trial is not locked.
        """
        from evaluation.reports.study.render import to_html, to_pdf

        if sum(options[name] is not None for name in ("trial", "export", "reader_study")) != 1:
            raise UserError(
                "study_report: name one of --trial, --reader-study, or --from, the folder of an export"
            )
        title, parts, digest = self._report(**options)
        folder: Path = options["folder"]
        folder.mkdir(parents=True, exist_ok=True)
        files = {"report.html": to_html(title, parts), "report.pdf": to_pdf(title, parts)}
        for part in parts:
            for picture in part.pictures:
                files[f"{picture.name}.svg"], files[f"{picture.name}.png"] = picture.svg, picture.png
        write_together({folder / name: content for name, content in files.items()})
        print(f"written: {folder / 'report.pdf'}", file=sys.stderr)
        return {"files": [str(folder / name) for name in files], "sha256": digest}

    def _report(self, *, export: Path | None, simulated: bool, **options: Any) -> tuple[str, list[Any], str]:
        """Title, sections and hash of the data."""
        from evaluation.reports.study import data, reader_data, reader_sections, sections

        if options["reader_study"] is not None or (export is not None and reader_data.holds_readings(export)):
            found = (
                reader_data.from_folder(export)
                if export is not None
                else reader_data.from_reader_study(
                    reader_study_by_name(options["reader_study"]), simulated=simulated
                )
            )
            title, parts = reader_sections.reader_report_title(found), reader_sections.reader_sections(found)
            return title, parts, found.sha256
        trial = (
            data.from_folder(export)
            if export is not None
            else data.from_trial(trial_by_name(options["trial"]), simulated=simulated)
        )
        return sections.report_title(trial), sections.sections(trial), trial.sha256
