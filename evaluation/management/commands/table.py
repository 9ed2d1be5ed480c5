"""`table N`: a table of the paper, from the rows."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.reports.options import TableOptions
from evaluation.reports.table import Table
from evaluation.reports.tables import BUILDERS, build_table
from evaluation.reports.writers import TEXT_FORMATS, WRITERS
from evaluation.reports.writers.comma_separated import write_sources
from evaluation.services.trials import trial_by_name
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically


class Command(BaseCommand):
    """Print or write a table."""

    help = (
        f"Compute a table of the paper from the rows (this version: {', '.join(map(str, sorted(BUILDERS)))})."
    )
    example = 'python manage.py table 1 --trial "First trial" --format tex --out table1.tex'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", metavar="N", help="number of the table in the paper")
        parser.add_argument("--trial", metavar="T", help="name or id of the trial")
        parser.add_argument("--simulated", action="store_true", help="take rows marked as simulated too")
        parser.add_argument("--paper", action="store_true", help="add the paper's figures, marked as such")
        parser.add_argument("--format", default="md", help=f"{', '.join(WRITERS)} (md)")
        parser.add_argument("--out", type=Path, metavar="F", help="file to write; by default the terminal")
        parser.add_argument(
            "--rows", type=Path, metavar="F", help="companion CSV: every database row behind the numbers"
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Build and write; returns the table as JSON with the files written.

        Raises:
            UserError: unknown table, format or trial, or a trial that is not locked.
        """
        kind, out, companion = options["format"], options["out"], options["rows"]
        if kind not in WRITERS:
            raise UserError(f"--format {kind}: no such format; known: {', '.join(WRITERS)}")
        if out is None and kind not in TEXT_FORMATS and not options["json"]:
            raise UserError(f"--format {kind}: not for a terminal; name a file with --out")
        table = self._table(**options)
        files: list[str] = []
        if out is not None:
            write_atomically(out, WRITERS[kind](table))
            files.append(str(out))
            companion = companion or out.with_name(f"{out.stem}_rows.csv")
        elif not options["json"]:
            self.stdout.write(WRITERS[kind](table).decode("utf-8-sig"))
        if companion is not None:
            write_atomically(companion, write_sources(table.sources))
            files.append(str(companion))
        for path in files:
            print(f"written: {path}", file=sys.stderr)
        return table.as_json() | {"files": files}

    def _table(self, **options: Any) -> Table:
        number = options["number"]
        if not str(number).isdecimal():
            raise UserError(f"table {number}: give the number of a table, such as 1")
        trial = trial_by_name(options["trial"]) if options["trial"] else None
        chosen = TableOptions(trial, simulated=options["simulated"], paper=options["paper"])
        return build_table(int(number), chosen)
