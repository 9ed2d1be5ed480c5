"""`figure KIND`: a figure from the rows as SVG, PDF or PNG."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.reports.lookup import reader_study_by_name, run_by_name
from evaluation.reports.options import TableOptions
from evaluation.services.trials import trial_by_name
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically


class Command(BaseCommand):
    """Draw a figure."""

    help = "Draw a figure: radar, forest, distributions, agreement, repeats (of a trial), roc, calibration (of runs)."
    example = 'python manage.py figure forest --trial "First trial" --aspect correctness forest.svg'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", metavar="KIND", help="kind of figure")
        parser.add_argument(
            "out", type=Path, metavar="FILE", help="file to write; its ending says the format"
        )
        parser.add_argument("--trial", metavar="T", help="name or id of the trial")
        parser.add_argument("--aspect", metavar="A", help="key of the aspect (the first)")
        parser.add_argument("--run", metavar="RUN", nargs="+", default=[], help="names or ids of runs")
        parser.add_argument(
            "--reader-study", metavar="R", help="name or id of the reader study (points of roc)"
        )
        parser.add_argument("--simulated", action="store_true", help="take rows marked as simulated too")

    def run(self, **options: Any) -> dict[str, Any]:
        """Draw and write; returns the file.

        Raises:
            UserError: unknown kind or ending, or what the figure needs is missing.
        """
        from evaluation.reports.figures.canvas import FORMATS, to_bytes
        from evaluation.reports.figures.from_rows import build_figure

        out: Path = options["out"]
        ending = out.suffix.removeprefix(".").lower()
        if ending not in FORMATS:
            raise UserError(f"{out}: give a file name that ends in {', '.join(FORMATS)}")
        chosen = TableOptions(
            trial_by_name(options["trial"]) if options["trial"] else None,
            simulated=options["simulated"],
            reader_study=reader_study_by_name(options["reader_study"]) if options["reader_study"] else None,
            runs=tuple(run_by_name(name) for name in options["run"]),
        )
        figure = build_figure(options["kind"], chosen, aspect=options["aspect"])
        write_atomically(out, to_bytes(figure, ending))
        print(f"written: {out}", file=sys.stderr)
        return {"files": [str(out)]}
