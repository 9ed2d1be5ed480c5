"""`answer TRIAL|FILE --system SPEC.json`: answers of one system to all questions of a trial or of a file."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.models import Arm, Trial
from evaluation.services.answer_requests import system_spec
from evaluation.services.answers import DEFAULT_PARAMETERS, MODULE, queue_answers
from evaluation.services.arms import add_system_arm
from evaluation.services.trials import trial_by_name
from mammo.accounts.models import User
from mammo.core import raw_files
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import read_jsonlines, write_atomically
from mammo.jobs import services as jobs
from mammo.jobs.models import JobState
from mammo.jobs.runner import run_here
from modeling.data.exchange import BadRequestError
from modeling.inference import spec_files
from modeling.models import Checkpoint

EXIT_BAD_REQUEST = 2


class Command(BaseCommand):
    """Let a system answer."""

    help = (
        "Answers of one system to all questions of a trial (a job), or of a JSON-lines file (here and now)."
    )
    example = 'python manage.py answer "First trial" --system glm.json --name "Untuned GLM-4" --wait'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "target", metavar="TRIAL|FILE", help="a trial's name or id, or questions as JSON lines"
        )
        parser.add_argument(
            "--system",
            required=True,
            metavar="SPEC.json",
            help=f"the answering system: a file, or a ready spec ({', '.join(spec_files.ready_specs())})",
        )
        parser.add_argument("--name", help="trial: name of the arm (by default `name` in the spec)")
        parser.add_argument(
            "--checkpoint",
            metavar="SHA256",
            help="trial: the checkpoint that wrote a file of answers (kind file), by the beginning of its sha256 or id",
        )
        parser.add_argument("--by", metavar="USERNAME", help="trial: researcher in whose name this is done")
        parser.add_argument(
            "--wait", action="store_true", help="trial: run the job here instead of queueing it"
        )
        parser.add_argument("--out", type=Path, metavar="F", help="file: where the answers go (JSON lines)")
        parser.add_argument("--seed", type=int, default=1, help="file: seed of the sampling (1)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Answer; returns the job (trial) or the counts (file).

        Raises:
            UserError: an unusable spec, trial or file, or a system that failed.
        """
        spec = read_spec(options["system"])
        path = Path(options["target"])
        if path.is_file():
            return self._answer_file(path, spec, **options)
        if path.suffix in (".jsonl", ".json"):
            raise UserError(f"{path}: cannot be read (no such file); give an existing JSON-lines file")
        return self._answer_trial(trial_by_name(options["target"]), spec, **options)

    def _answer_trial(self, trial: Trial, spec: dict[str, Any], **options: Any) -> dict[str, Any]:
        user = _researcher(trial, options["by"])
        name = options["name"] or spec.get("name") or ""
        given = spec_files.without_description(spec)
        writer = _writer(trial, options["checkpoint"])
        if writer is not None and given.get("kind") != "file":
            raise UserError("--checkpoint: names who wrote a file of answers; this spec is of another kind")
        arm = next(
            (
                a
                for a in trial.arms.filter(kind=Arm.Kind.SYSTEM)
                if name in ("", a.name)
                and given in (a.spec, system_spec(a))
                and writer in (None, a.checkpoint)
            ),
            None,
        )
        if arm is None:
            if not name:
                raise UserError("--name: no arm of the trial has this spec yet; name the new one")
            arm = add_system_arm(trial, name, by_user=user, spec=given, checkpoint=writer)
        job = queue_answers(trial, by_user=user, arms=[arm])
        if job is None:
            self.say(f"{arm.name}: has answered every question already", **options)
            return {"trial": str(trial.pk), "arm": str(arm.pk), "job": None, "answers": arm.answers.count()}
        if options["wait"] and job.state == JobState.QUEUED:
            job = run_here(job)
        elif options["wait"]:
            job = jobs.wait(job)
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            raise UserError(f"{arm.name}: the job ended as {job.state}: {job.error or 'see its log'}")
        self.say(f"{arm.name}: job {job.pk} is {job.state}; {arm.answers.count()} answers", **options)
        return {
            "trial": str(trial.pk),
            "arm": str(arm.pk),
            "job": str(job.pk),
            "state": job.state,
            "answers": arm.answers.count(),
        }

    def _answer_file(self, path: Path, spec: dict[str, Any], **options: Any) -> dict[str, Any]:
        out: Path | None = options["out"]
        if out is None:
            raise UserError("--out: name the file that the answers are written to")
        questions = [
            _file_question(path, number, row) for number, row in enumerate(read_jsonlines(path), start=1)
        ]
        if not questions:
            raise UserError(f"{path}: holds no questions")
        request = {
            "systems": [{"key": "system", "spec": spec}],
            "questions": questions,
            "n": 1,
            "seed": options["seed"],
            "parameters": DEFAULT_PARAMETERS,
            "distinct": False,
        }
        answers = _run_child(request)
        write_atomically(out, answers)
        count = answers.count(b"\n")
        self.say(f"{count} answers written to {out}", **options)
        return {"questions": len(questions), "answers": count, "out": str(out)}


def read_spec(name: str) -> dict[str, Any]:
    """Read the JSON object that describes a system, or a ready one.

    Raises:
        UserError: the file is missing, is no JSON object, or names no known kind.
    """
    try:
        return spec_files.read_spec(name)
    except BadRequestError as error:
        raise UserError(f"--system {error}") from None


def _researcher(trial: Trial, username: str | None) -> User:
    """The named account, or the trial's maker: the trail needs a person."""
    if username is None:
        return trial.by_user
    user = User.objects.filter(username=username).first()
    if user is None:
        raise UserError(f"--by {username}: no such account")
    return user


def _writer(trial: Trial, name: str | None) -> Checkpoint | None:
    """The site's checkpoint whose sha256 or id begins so."""
    if name is None:
        return None
    rows = Checkpoint.objects.filter(run__site=trial.site).select_related("run__snapshot")
    found = [row for row in rows if name and (row.sha256.startswith(name) or str(row.pk).startswith(name))]
    if len(found) != 1:
        raise UserError(
            f"--checkpoint {name}: {len(found)} checkpoints of the trial's site begin so; name one"
        )
    return found[0]


def _file_question(path: Path, number: int, row: dict[str, Any]) -> dict[str, Any]:
    turns = row.get("turns")
    following: list[str] = []
    if turns is None and row.get("rounds") is not None:
        turns, following = _rounds(path, number, row["rounds"])
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) for turn in turns):
        raise UserError(
            f"{path}, question {number}: `turns` must be a list of texts that ends with the patient"
        )
    if len(turns) % 2 == 0:
        raise UserError(
            f"{path}, question {number}: `turns` ends with an answer; it must end with the patient"
        )
    dialogue = {"following": following} if following else {}
    return dialogue | {
        "id": str(row.get("id") or number),
        "turns": turns,
        "language": "en" if row.get("language", row.get("lang")) == "en" else "zh",
        "images": row.get("images") or [],
        "context": row.get("context") or "",
    }


def _rounds(path: Path, number: int, given: Any) -> tuple[list[str], list[str]]:
    """The first turn of a dialogue and those that follow it."""
    if not isinstance(given, list) or not given or not all(isinstance(t, str) and t.strip() for t in given):
        raise UserError(
            f"{path}, question {number}: `rounds` must be a list of the patient's texts, none of them empty"
        )
    return given[:1], given[1:]


def _run_child(request: dict[str, Any]) -> bytes:
    """Run the answering module in a process of its own; its files are gone afterwards."""
    with raw_files.laid_out() as folder:
        asked, answered = folder / "request.json", folder / "answer.jsonl"
        asked.touch(mode=0o600)
        asked.write_text(json.dumps(request, ensure_ascii=False), encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, "-m", MODULE, str(asked), str(answered)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        if ended.returncode != 0:
            lines = [line for line in ended.stderr.splitlines() if line.strip()]
            reason = lines[-1] if lines else f"exit code {ended.returncode}"
            raise UserError(
                reason if ended.returncode == EXIT_BAD_REQUEST else f"the system failed: {reason}"
            )
        return answered.read_bytes()
