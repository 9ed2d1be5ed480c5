"""`propose CAMPAIGN`: queue proposals for the questions that lack them."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.models import Question
from annotation.services.campaigns import campaign_by_name
from annotation.services.proposals import queue_proposals, unfinished_job
from mammo.accounts.services import site_by_code
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job


class Command(BaseCommand):
    """Ask the campaign's proposer for the answers that are missing."""

    help = "Queue a job that proposes answers to the questions of a campaign that lack them."
    example = "manage.py propose 'Spring' --wait"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", metavar="CAMPAIGN", help="its name")
        parser.add_argument("--site", help="code of the site, where several have a campaign of this name")
        parser.add_argument("--gpus", type=int, help="GPUs that the proposer may use (MAMMO_ANSWERING_GPUS)")
        parser.add_argument("--wait", action="store_true", help="stay until the job has ended")

    def run(self, **options: Any) -> dict[str, Any]:
        site = site_by_code(options["site"]) if options["site"] else None
        campaign = campaign_by_name(options["campaign"], site=site)
        job = queue_proposals(campaign, by_user=None, gpus=options["gpus"])
        if job is None:
            unread = Question.objects.filter(campaign=campaign).unconfirmed().count()
            self.say(
                f"{unread} wordings wait for a data manager to confirm them (page Wordings)."
                if unread
                else "No question lacks proposals.",
                **options,
            )
        else:
            self.say(f"Job {job.pk} is queued.", **options)
            following: Job | None = job if options["wait"] else None
            while following is not None:  # many questions are several jobs, one behind the other
                job = jobs.wait(following)
                if job.state != "succeeded":
                    raise UserError(f"job {job.pk} {job.state}: {job.error or 'see its log'}")
                following = unfinished_job(campaign)
        lacking = Question.objects.filter(campaign=campaign).lacking_proposals().count()
        return {
            "job": str(job.pk) if job else None,
            "state": job.state if job else None,
            "lacking": lacking,
        }
