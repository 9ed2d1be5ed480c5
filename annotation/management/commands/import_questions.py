"""`import_questions FILE --campaign NAME --site S`: patients' questions from a table."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation.question_table import read_question_table
from annotation.services.campaigns import campaign_by_name
from annotation.services.questions import import_questions
from mammo.accounts.services import site_by_code
from mammo.core.command import Command as BaseCommand


class Command(BaseCommand):
    """Bring in a table of questions; can be repeated."""

    help = "Add patients' questions (CSV, JSON lines or XLSX) to a campaign."
    example = "manage.py import_questions questions.csv --campaign 'Spring' --site north"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, help="columns patient, accession, language, turns or text, source, consent"
        )
        parser.add_argument("--campaign", required=True, help="name of the campaign")
        parser.add_argument("--site", required=True, help="code of the site")

    def run(self, **options: Any) -> dict[str, Any]:
        site = site_by_code(options["site"])
        campaign = campaign_by_name(options["campaign"], site=site)
        rows = read_question_table(options["file"])
        result = import_questions(campaign, rows, by_user=None, table_name=options["file"].name)
        for item in result.items:
            if item.outcome == "rejected":
                self.say(f"row {item.row}: {item.reason}", **options)
        said = ", ".join(f"{count} {outcome}" for outcome, count in result.counts.items() if count)
        self.say(f"{campaign.name}: {said}", **options)
        return {"items": [asdict(item) for item in result.items], "counts": result.counts}
