"""`export_training CAMPAIGN DIR --format F`: training sets from picks."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation.exporting.writing import IMAGES, goes_together
from annotation.services.campaigns import campaign_by_name
from annotation.services.export import FORMATS, export_training
from mammo.accounts.services import site_by_code
from mammo.archive.models import Split
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """Write a campaign's picked answers as a training set."""

    help = (
        "Export picked answers for training, split by patient, with lineage, a data card and a content hash."
    )
    example = "manage.py export_training 'Spring' out/spring --format llamafactory --preferences"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", metavar="CAMPAIGN", help="its name")
        parser.add_argument(
            "folder", type=Path, metavar="DIR", help="folder to make; must not exist, or be empty"
        )
        parser.add_argument("--format", required=True, choices=FORMATS, help="of the training set")
        parser.add_argument("--preferences", action="store_true", help="add pairs for preference tuning")
        parser.add_argument(
            "--images",
            choices=IMAGES,
            default="reference",
            help="files beside the rows, packed into them (Parquet), or none: texts alone",
        )
        parser.add_argument("--split", help="name of a split; the campaign's own when not given")
        parser.add_argument("--site", help="code of the site, where several have a campaign of this name")

    def run(self, **options: Any) -> dict[str, Any]:
        site = site_by_code(options["site"]) if options["site"] else None
        if not goes_together(options["format"], options["images"]):
            raise UserError(
                "--images packed: only Parquet holds pictures in its rows; choose --format parquet, or leave it out"
            )
        campaign = campaign_by_name(options["campaign"], site=site)
        export = export_training(
            campaign,
            options["folder"],
            format=options["format"],
            by_user=None,
            preferences=options["preferences"],
            images=options["images"],
            split=_split(options["split"]) if options["split"] else None,
        )
        self.say(
            f"{export.folder}: {export.counts['samples']} samples, content hash {export.content_hash}",
            **options,
        )
        return {
            "export": str(export.pk),
            "export_id": export.export_id,
            "folder": export.folder,
            "content_hash": export.content_hash,
            "counts": export.counts,
        }


def _split(name: str) -> Split:
    found = Split.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Split.objects.order_by("name").values_list("name", flat=True)) or "none yet"
        raise UserError(f"--split {name}: no such split; known: {known}")
    return found
