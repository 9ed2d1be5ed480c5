"""`zero_shot --system SPEC --method M --snapshot NAME`: chances of malignancy for Tables 9 and 10."""

from typing import Any

from django.core.management.base import CommandParser

from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.jobs import services as jobs
from modeling.data.exchange import BadRequestError
from modeling.inference.spec_files import read_judging_spec
from modeling.services import snapshot_by_name
from modeling.services.zero_shot import LANGUAGES, METHODS, start_zero_shot


class Command(BaseCommand):
    """Queue the judging of held-out studies by one system."""

    help = "Ask a system for a chance of malignancy of every test study; refused where it has none by the method."
    example = "manage.py zero_shot --system mammovlm.json --method yes_no --snapshot spring --wait"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--system", required=True, help="JSON file with the system's spec, or a ready one's name"
        )
        parser.add_argument("--method", choices=METHODS, required=True, help="how the chance comes about")
        parser.add_argument("--snapshot", required=True, help="training set whose test studies are judged")
        parser.add_argument("--language", choices=LANGUAGES, default="zh", help="of the question (zh)")
        parser.add_argument("--gpus", type=int, help="how many GPUs it sees (MAMMO_ANSWERING_GPUS)")
        parser.add_argument("--wait", action="store_true", help="stay until the job has ended")

    def run(self, **options: Any) -> dict[str, Any]:
        try:
            spec = read_judging_spec(options["system"])
        except BadRequestError as error:
            raise UserError(f"--system {error}") from None
        run = start_zero_shot(
            spec, snapshot=snapshot_by_name(options["snapshot"], site=None), method=options["method"],
            language=options["language"], by_user=None, gpus=options["gpus"],
        )  # fmt: skip
        self.say(f"Run {run.pk}: job {run.job_id} is queued.", **options)
        job = run.job
        if options["wait"] and job is not None:
            job = jobs.wait(job)
            if job.state != "succeeded":
                raise UserError(f"run {run.pk}: job {job.pk} {job.state}: {job.error or 'see its log'}")
        return {"run": str(run.pk), "job": str(run.job_id), "state": job.state if job is not None else None}
