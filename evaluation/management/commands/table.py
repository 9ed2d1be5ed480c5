"""`table N`: a table of the paper, from the rows."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from evaluation.models import ReaderStudy, Trial
from evaluation.reports.lookup import reader_study_by_name, run_by_name, snapshot_by_name
from evaluation.reports.options import TableOptions
from evaluation.reports.score_rows import shown_rows
from evaluation.reports.strata import STRATA, require_stratum
from evaluation.reports.table import Table
from evaluation.reports.tables import BUILDERS, build_table, require_builder
from evaluation.reports.writers import TEXT_FORMATS, WRITERS
from evaluation.reports.writers.comma_separated import write_sources
from evaluation.services.exports import rows_for_command
from evaluation.services.trials import trial_by_name
from mammo.accounts import audit
from mammo.core.command import Command as BaseCommand
from mammo.core.digits import number_in
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_together

# The table of answers flagged as unsafe stands beside the paper's ten and has no number there.
UNSAFE = "unsafe"
WITHOUT_ROWS = "without the rows behind it: real scores and readings leave with the --request of an approved export alone"


def _is_masked(name: str | None) -> bool:
    """Whether the table is of a trial whose arms stand under codes."""
    return bool(name) and trial_by_name(str(name)).state != Trial.State.UNBLINDED


def _record(of: Trial | ReaderStudy, number: object, kind: str, *, rows: bool) -> None:
    """Put on record that a table of real data left, and whether the rows behind it did."""
    audit.record(
        "evaluation.table_downloaded",
        by_user=None,
        on=of,
        site=of.site,
        table=str(number),
        kind=kind,
        rows=rows,
    )


class Command(BaseCommand):
    """Print or write a table."""

    help = (
        f"Compute a table of the paper from the rows (this version: {', '.join(map(str, sorted(BUILDERS)))})."
    )
    example = 'python manage.py table 1 --trial "First trial" --format tex --out table1.tex'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "number", metavar="N", help=f"number of the table in the paper, or {UNSAFE} (flagged answers)"
        )
        parser.add_argument("--trial", metavar="T", help="name or id of the trial")
        parser.add_argument("--reader-study", metavar="R", help="name or id of the reader study (table 7)")
        parser.add_argument(
            "--run", metavar="RUN", nargs="+", default=[], help="names or ids of runs (tables 5 to 8 and 10)"
        )
        parser.add_argument("--snapshot", metavar="S", help="name or id of the snapshot (tables 4 and 9)")
        parser.add_argument("--by", metavar="STRATUM", help=f"one row per stratum: {', '.join(STRATA)}")
        parser.add_argument(
            "--threshold",
            type=float,
            default=0.5,
            help="chance from which a classifier calls malignant (0.5)",
        )
        parser.add_argument("--prevalence", type=float, help="table 7: PPV and NPV at this prevalence too")
        parser.add_argument("--simulated", action="store_true", help="take rows marked as simulated too")
        parser.add_argument("--paper", action="store_true", help="add the paper's figures, marked as such")
        parser.add_argument("--format", default="md", help=f"{', '.join(WRITERS)} (md)")
        parser.add_argument("--out", type=Path, metavar="F", help="file to write; by default the terminal")
        parser.add_argument(
            "--rows",
            type=Path,
            metavar="F",
            help="companion CSV: every database row behind the numbers (of real scores and readings with --request)",
        )
        parser.add_argument(
            "--request",
            default="",
            metavar="ID",
            help="an approved request of the page of exports, for the rows",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Build and write; returns the table as JSON with the files written.

        Raises:
            UserError: unknown table, format or trial, a trial that is not locked, or real rows without an approved
                request for them.
        """
        kind, out, companion = options["format"], options["out"], options["rows"]
        if kind not in WRITERS:
            raise UserError(f"--format {kind}: no such format; known: {', '.join(WRITERS)}")
        if out is None and kind not in TEXT_FORMATS and not options["json"]:
            raise UserError(f"--format {kind}: not for a terminal; name a file with --out")
        table = self._table(**options)
        judged = self._judged(**options)
        real = [of for of in judged if not of.is_simulated]
        written: dict[Path, bytes] = {}
        if out is not None:
            written[out] = WRITERS[kind](table)
            if companion is None and (options["request"] or not real):
                companion = out.with_name(f"{out.stem}_rows.csv")
        with transaction.atomic():
            if companion is not None:
                for of in judged:
                    rows_for_command(options["request"], of, simulated=options["simulated"])
                rows = shown_rows(table.sources, is_masked=_is_masked(options["trial"]))
                written[companion] = write_sources(rows)
            for of in real if written else ():
                _record(of, options["number"], kind, rows=companion is not None)
            write_together(written)  # never a table beside another one's rows
        if out is None and not options["json"]:
            self.stdout.write(WRITERS[kind](table).decode("utf-8-sig"))
        if out is not None and companion is None:
            print(f"note: {WITHOUT_ROWS}", file=sys.stderr)
        files = [str(path) for path in written]
        for path in files:
            print(f"written: {path}", file=sys.stderr)
        if files:
            for note in table.notes:
                print(f"note: {note}", file=sys.stderr)
        return table.as_json() | {"files": files}

    def _judged(self, **options: Any) -> list[Trial | ReaderStudy]:
        """The trial and the reader study whose scores and readings stand behind the table."""
        trial, study = options["trial"], options["reader_study"]
        found: list[Trial | ReaderStudy] = [trial_by_name(trial)] if trial else []
        return [*found, reader_study_by_name(study)] if study else found

    def _unsafe(self, **options: Any) -> Table:
        from evaluation.reports.unsafe_answers import unsafe_table

        if not options["trial"]:
            raise UserError(f"table {UNSAFE}: name the trial with --trial")
        if options["by"] or options["paper"]:
            raise UserError(f"table {UNSAFE}: it has no strata and no figures of the paper")
        return unsafe_table(trial_by_name(options["trial"]), simulated=options["simulated"])

    def _table(self, **options: Any) -> Table:
        if options["number"] == UNSAFE:
            return self._unsafe(**options)
        number = number_in(str(options["number"]))
        if number is None:
            raise UserError(f"table {options['number'][:20]}: give the number of a table, such as 1")
        require_builder(number)  # a table that there is not is told before a trial that there is not
        trial = trial_by_name(options["trial"]) if options["trial"] else None
        if options["by"]:
            require_stratum(options["by"])
        if options["prevalence"] is not None and not 0 < options["prevalence"] < 1:
            raise UserError(
                f"--prevalence {options['prevalence']:g}: give a share between 0 and 1, such as 0.006"
            )
        chosen = TableOptions(
            trial,
            simulated=options["simulated"],
            paper=options["paper"],
            reader_study=reader_study_by_name(options["reader_study"]) if options["reader_study"] else None,
            runs=tuple(run_by_name(name) for name in options["run"]),
            snapshot=snapshot_by_name(options["snapshot"]) if options["snapshot"] else None,
            by=options["by"],
            threshold=options["threshold"],
            prevalence=options["prevalence"],
        )
        return build_table(number, chosen)
