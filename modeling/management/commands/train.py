"""`train STAGE --snapshot NAME`: start a training run."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from mammo.accounts.services import site_by_code
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.outside_json import parsed
from mammo.jobs import services as jobs
from modeling.models import Checkpoint
from modeling.services import snapshot_by_name, start_run
from modeling.services.stages import SPECS, StageSpec, stage_spec


class Command(BaseCommand):
    """Queue one training run."""

    help = f"Train a stage ({', '.join(spec.stage.value for spec in SPECS)}) on a snapshot, as a job."
    example = "manage.py train density --snapshot spring --config density.json --wait"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("stage", metavar="STAGE", help="what to train; the stages are named above")
        parser.add_argument("--snapshot", help="name of a frozen training set")
        parser.add_argument("--site", help="code of the site; the snapshot's when not given")
        parser.add_argument("--config", type=Path, help="JSON file with fields of the stage's setting")
        parser.add_argument(
            "--preset", choices=["default", "faithful", "demo"], help="setting to lay them over"
        )
        parser.add_argument(
            "--from",
            dest="starts_from",
            action="append",
            default=[],
            metavar="CHECKPOINT",
            help="id or SHA-256 of a checkpoint to start from; may be repeated",
        )
        parser.add_argument(
            "--language-model",
            type=Path,
            help="folder of a pretrained language model, or the hub name of one that was fetched",
        )
        parser.add_argument("--corpus", type=Path, help="dialogues (JSON lines) for the language stage")
        parser.add_argument("--seed", type=int, default=0, help="of the run (0)")
        parser.add_argument(
            "--gpus", type=int, default=0, help="how many GPUs it sees; 0 trains on the processor"
        )
        parser.add_argument("--wait", action="store_true", help="stay until the job has ended")

    def run(self, **options: Any) -> dict[str, Any]:
        # A wrong stage is told before anything that depends on it.
        _require_options(stage_spec(options["stage"]), options)
        site = site_by_code(options["site"]) if options["site"] else None
        config = _config(options["config"])
        if options["preset"]:
            config["preset"] = options["preset"]
        run = start_run(
            options["stage"],
            by_user=None,
            snapshot=snapshot_by_name(options["snapshot"], site=site) if options["snapshot"] else None,
            config=config,
            starts_from=[_checkpoint(name) for name in options["starts_from"]],
            language_model=options["language_model"],
            corpus=options["corpus"],
            site=site,
            seed=options["seed"],
            gpus=options["gpus"],
        )
        self.say(f"Run {run.pk}: job {run.job_id} is queued.", **options)
        job = run.job
        if options["wait"] and job is not None:
            job = jobs.wait(job)
            if job.state != "succeeded":
                raise UserError(f"run {run.pk}: job {job.pk} {job.state}: {job.error or 'see its log'}")
        checkpoints = list(run.checkpoints.order_by("created_at"))
        for checkpoint in checkpoints:
            self.say(f"{checkpoint.folder}: {json.dumps(checkpoint.metrics, ensure_ascii=False)}", **options)
        return {
            "run": str(run.pk),
            "job": str(run.job_id),
            "state": job.state if job is not None else None,
            "checkpoints": [
                {"id": str(c.pk), "folder": c.folder, "sha256": c.sha256, "metrics": c.metrics}
                for c in checkpoints
            ],
        }


def _require_options(spec: StageSpec, options: dict[str, Any]) -> None:
    """What the stage needs, by the names of this command's options."""
    stage = spec.stage.value
    if spec.reads_snapshot and not options["snapshot"]:
        raise UserError(
            f"--snapshot: missing; the stage {stage} trains on a frozen training set: name one, "
            f"such as `train {stage} --snapshot NAME` (`manage.py snapshot NAME` freezes one)"
        )
    if not spec.reads_snapshot and options["corpus"] is None:
        raise UserError(f"--corpus: missing; the stage {stage} trains on a file of dialogues: name it")
    if not spec.reads_snapshot and not options["site"]:
        raise UserError(f"--site: missing; the stage {stage} reads no training set: name the site of the run")


def _config(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = parsed(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"--config {path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"--config {path}: not JSON ({error}); mend the file") from None
    if not isinstance(found, dict):
        raise UserError(f"--config {path}: expected one JSON object with the setting's fields")
    return found


def _checkpoint(name: str) -> Checkpoint:
    rows = Checkpoint.objects.select_related("run")
    try:
        found = rows.filter(pk=UUID(name)).first()
    except ValueError:
        found = rows.filter(sha256=name).order_by("-created_at").first()
    if found is None:
        raise UserError(f"--from {name}: no such checkpoint; the page of its run shows the id")
    return found
