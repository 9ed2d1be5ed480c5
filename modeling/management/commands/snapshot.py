"""`snapshot NAME --site S --split NAME --height H --width W`: freeze a training set."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.services.campaigns import campaign_by_name
from mammo.accounts.services import site_by_code
from mammo.archive.models import Split
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.jobs import services as jobs
from modeling.services import create_snapshot, create_split


class Command(BaseCommand):
    """Queue the freezing of a training set."""

    help = "Freeze studies, reports, labels and picked answers into a training set that never changes."
    example = "manage.py snapshot spring --site north --split spring --height 1008 --width 800 --wait"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="of the training set; it never changes")
        parser.add_argument("--site", required=True, help="code of the site")
        parser.add_argument(
            "--split", required=True, help="name of the split; made by patient if there is none"
        )
        parser.add_argument("--campaign", help="whose picked answers go in")
        parser.add_argument(
            "--height", type=int, default=1008, help="pixels that images are brought to (1008)"
        )
        parser.add_argument("--width", type=int, default=800, help="pixels that images are brought to (800)")
        parser.add_argument("--seed", type=int, default=0, help="of a split that is made")
        parser.add_argument("--wait", action="store_true", help="stay until the job has ended")

    def run(self, **options: Any) -> dict[str, Any]:
        site = site_by_code(options["site"])
        campaign = campaign_by_name(options["campaign"], site=site) if options["campaign"] else None
        split = Split.objects.filter(name=options["split"]).first() or create_split(
            options["split"], site=site, by_user=None, purpose="training", seed=options["seed"]
        )
        snapshot = create_snapshot(
            options["name"],
            site=site,
            split=split,
            height=options["height"],
            width=options["width"],
            by_user=None,
            campaign=campaign,
        )
        self.say(f"Snapshot {snapshot.name}: job {snapshot.job_id} is queued.", **options)
        job = snapshot.job
        if options["wait"] and job is not None:
            job = jobs.wait(job)
            if job.state != "succeeded":
                raise UserError(
                    f"snapshot {snapshot.name}: job {job.pk} {job.state}: {job.error or 'see its log'}"
                )
            snapshot.refresh_from_db()
            self.say(f"{snapshot.folder}: content hash {snapshot.content_hash}", **options)
            if left_out := snapshot.manifest["counts"]["reports_waiting"]:
                self.say(
                    f"Reports left out: {left_out} (they wait for a data manager, see the studies to look at).",
                    **options,
                )
        return {
            "snapshot": str(snapshot.pk),
            "job": str(snapshot.job_id),
            "folder": snapshot.folder or None,
            "content_hash": snapshot.content_hash or None,
            "reports_left_out": snapshot.manifest.get("counts", {}).get("reports_waiting"),
        }
