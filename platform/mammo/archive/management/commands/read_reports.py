"""Read density and BI-RADS out of report texts, and blank them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from mammo.archive.report_reading import EDITIONS, OVERALL_RULES, ReportReading, read_report
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import read_jsonlines, write_jsonlines


class Command(BaseCommand):
    """`{"id", "text"}` per line in; density, BI-RADS, both blanked texts and a confidence out."""

    help = (
        "Read mammography reports: each input line is a JSON object with `id` and `text`; each output "
        "line holds id, density, birads (left, right, overall), blanked, blanked_strict, confidence, rule, "
        "edition. "
        "The output is written whole or not at all."
    )
    example = "python manage.py read_reports reports.jsonl labels.jsonl"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", type=Path, metavar="IN.jsonl", help="JSON lines with id and text")
        parser.add_argument("target", type=Path, metavar="OUT.jsonl", help="file to write")
        parser.add_argument(
            "--edition", choices=EDITIONS, default=settings.MAMMO_BIRADS_EDITION, help="of BI-RADS"
        )
        parser.add_argument(
            "--overall-rule",
            choices=OVERALL_RULES,
            default=settings.MAMMO_BIRADS_OVERALL_RULE,
            help="how the sides make the category of the exam",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        source: Path = options["source"]
        target: Path = options["target"]
        if target.exists() and source.exists() and target.samefile(source):
            raise UserError(f"{target}: is the input as well; name another output file")
        named = {"edition": options["edition"], "overall_rule": options["overall_rule"]}
        rows = [_answer(identifier, read_report(text, **named)) for identifier, text in _reports(source)]
        write_jsonlines(target, rows)
        counts = {
            "reports": len(rows),
            "with_density": sum(row["density"] is not None for row in rows),
            "with_birads": sum(row["birads"]["overall"] is not None for row in rows),
            "doubtful": sum(row["doubtful"] for row in rows),
        }
        self.say(
            f"{target}: {counts['reports']} reports read, {counts['with_density']} with a density, "
            f"{counts['with_birads']} with a BI-RADS category, {counts['doubtful']} for a person to confirm",
            **options,
        )
        return {"output": str(target), "counts": counts}


def _reports(source: Path) -> Iterator[tuple[str, str]]:
    """(id, text) of every line; raises UserError with the row for a missing, empty or repeated field."""
    seen: dict[str, int] = {}
    for number, row in enumerate(read_jsonlines(source), start=1):
        for field in ("id", "text"):
            if not isinstance(row.get(field), str):
                raise UserError(f"{source}, row {number}: field `{field}` is missing or no text; add it")
        if row["id"] in seen:
            earlier = seen[row["id"]]
            raise UserError(
                f"{source}, row {number}: id {row['id']!r} stands in row {earlier} too; make it unique"
            )
        seen[row["id"]] = number
        yield row["id"], row["text"]


def _answer(identifier: str, reading: ReportReading) -> dict[str, Any]:
    return {
        "id": identifier,
        "density": reading.density,
        "birads": {
            "left": reading.birads.left,
            "right": reading.birads.right,
            "overall": reading.birads.overall,
        },
        "blanked": reading.blanked,
        "blanked_strict": reading.blanked_strict,
        "confidence": reading.confidence,
        "doubtful": reading.is_doubtful,
        "rule": reading.rule,
        "edition": reading.edition,
    }
