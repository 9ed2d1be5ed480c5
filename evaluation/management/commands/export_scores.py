"""`export_scores`: raw scores of a locked trial for other programs, with what reproduces the report."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from evaluation.models import DataExport
from evaluation.services.exports import export_for_command
from evaluation.services.trials import trial_by_name
from mammo.accounts import audit
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_together


class Command(BaseCommand):
    """Export scores as long tables, a codebook and snippets."""

    help = (
        "Export the scores of a locked trial: CSV, XLSX, Parquet, codebook, R and Python snippets, manifest."
    )
    example = "python manage.py export_scores --request 0b2f6c1e-6d1b-4f0e-9a55-0d3f8f3f8a11 export/"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="new or empty folder")
        parser.add_argument("--trial", metavar="T", help="of simulated data: the trial")
        parser.add_argument(
            "--request", default="", metavar="ID", help="an approved request of the page of exports"
        )
        parser.add_argument("--reason", default="", help="of simulated data: why; it is written to the trail")
        parser.add_argument("--simulated", action="store_true", help="take scores marked as simulated too")

    def run(self, **options: Any) -> dict[str, Any]:
        """Write the files; returns them with the hash of the scores.

        Raises:
            UserError: no reason, the folder holds something, the trial is not locked, or all its scores are simulated
                and left out.
        """
        from evaluation.reports.study.archives import simulated_left_out
        from evaluation.reports.study.data import from_trial
        from evaluation.reports.study.raw_export import export_files

        folder: Path = options["folder"]
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: holds files already; name a new or empty folder")
        trial = trial_by_name(options["trial"]) if options["trial"] else None
        with transaction.atomic():
            request = export_for_command(options["request"], trial, options["reason"])
            trial = request.trial if request is not None else trial
            if trial is None:
                raise UserError(f"--request {options['request']}: it is of a reader study; export_readings")
            simulated = request.simulated if request else options["simulated"]
            data = from_trial(trial, simulated=simulated)
            left_out = simulated_left_out(trial, simulated=simulated)
            if left_out and not data.scores:
                raise UserError(f"{trial.name}: no score is left to export, {_marked(left_out, request)}")
            files = export_files(data)
            _write(folder, files)
            audit.record(
                "evaluation.scores.exported",
                by_user=None,
                on=trial,
                reason=request.reason if request else options["reason"],
                sha256=data.sha256,
                scores=len(data.scores),
                files=sorted(files),
            )
        if left_out:
            print(f"note: {_marked(left_out, request)}", file=sys.stderr)
        print(f"written: {folder}", file=sys.stderr)
        return {"files": sorted(str(folder / name) for name in files), "sha256": data.sha256}


def _marked(count: int, request: DataExport | None) -> str:
    """How many scores are left out, and what takes them in."""
    mend = (
        "--simulated takes them in"
        if request is None
        else "ask for an export with simulated rows to take them in"
    )
    return f"{count} are marked as simulated and left out; {mend}"


def _write(folder: Path, files: dict[str, bytes]) -> None:
    write_together({folder / name: content for name, content in files.items()})
