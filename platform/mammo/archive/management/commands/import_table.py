"""Import a table of a RIS, LIS or pathology system, whatever it calls its columns."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.models import Site
from mammo.accounts.services import site_by_code
from mammo.archive.pathology_import import import_pathology
from mammo.archive.reports_import import import_reports
from mammo.archive.table_kinds import KINDS
from mammo.archive.table_mappings import check, proposed, remember, remembered
from mammo.archive.tables import Mapping, header_and_rows, read_table
from mammo.archive.unmatched import fetched_by
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`import_table KIND FILE --site S [--map THEIRS=OURS]... [--preview] [--json]`."""

    help = (
        "Import a table of reports or pathology (CSV, TSV or XLSX, UTF-8 or GB18030). Columns are mapped by "
        "known names, by what was remembered for this site and these columns, and by --map; --preview shows "
        "the mapping and the first rows and changes nothing. Rows that match no study wait for `not_taken`."
    )
    example = "manage.py import_table pathology lis.xlsx --site north --map 标本号=lesion --preview"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("kind", choices=sorted(KINDS), help="what the rows are")
        parser.add_argument("file", type=Path, help="CSV, TSV or XLSX, UTF-8 or GB18030")
        parser.add_argument("--site", required=True, help="code of the hospital the data comes from")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="THEIRS=OURS",
            help="OURS may be empty: leave the column out",
        )
        parser.add_argument("--preview", action="store_true", help="show the mapping and change nothing")

    def run(self, **options: Any) -> dict[str, Any]:
        """Show, or import and remember."""
        site, kind, path = site_by_code(options["site"]), options["kind"], options["file"]
        header, rows = header_and_rows(path)
        mapping = {
            **proposed(kind, header), **(remembered(site, kind, header) or {}), **_given(options["map"], header),
        }  # fmt: skip
        check(kind, mapping)
        for theirs, ours in mapping.items():
            self.say(f"{theirs} -> {ours or '(left out)'}", **options)
        if options["preview"]:
            for row in rows:
                self.say("  ".join(cell[:30] or "-" for cell in row), **options)
            return {"mapping": mapping, "rows": rows}
        return {"mapping": mapping, **self._imported(site, kind, path, mapping, options)}

    def _imported(
        self, site: Site, kind: str, path: Path, mapping: Mapping, options: dict[str, Any]
    ) -> dict[str, Any]:
        if kind == "pathology":
            batch = import_pathology(path, site=site, by_user=None, mapping=mapping)
        else:
            rows = read_table(path, KINDS[kind], "FILE", mapping)
            batch = import_reports(rows, path, site=site, by_user=None, is_simulated=site.is_simulated)
        remember(site, kind, mapping, by_user=None)
        self.say(", ".join(f"{count} {name}" for name, count in batch.counts.items()), **options)
        outcomes = {name for name, count in batch.counts.items() if count}
        if outcomes == {"rejected"}:
            self.exit_code = 1
            first = batch.items.select_related("batch__site").order_by("pk")[0]
            self.stderr.write(f"nothing was imported: {first.source}: {first.reason}")
        if batch.counts["rejected"]:
            self.say(f"rows that were not taken, with the reason: {fetched_by(batch)}", **options)
        return {"import": str(batch.pk), "counts": batch.counts}


def _given(pairs: list[str], header: list[str]) -> Mapping:
    found: Mapping = {}
    for pair in pairs:
        theirs, separator, ours = pair.partition("=")
        if not separator or theirs not in header:
            raise UserError(f"--map {pair}: write THEIRS=OURS; the table has {', '.join(header)}")
        found[theirs] = ours.strip()
    return found
