"""Fixtures of the annotation tests."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from annotation.models import Campaign, Question
from mammo.accounts.models import User
from mammo.archive.models import Study
from mammo.core.jsonlines import read_jsonlines
from mammo.jobs import kinds
from mammo.jobs import services as jobs
from mammo.jobs.child import WITHHELD
from mammo.jobs.models import Job
from tests.annotation import scene


@pytest.fixture
def study(rita: User) -> Study:
    """The study A001 of patient P001 at north."""
    return scene.patient_with_study(rita.sites_as("researcher").get())


@pytest.fixture
def campaign(rita: User, june: User, jack: User, sena: User, sol: User, study: Study) -> Campaign:
    """An open campaign at north: June and Jack correct, Sena and Sol pick."""
    return scene.open_campaign_of(rita, [june, jack], [sena, sol])


@pytest.fixture
def question(campaign: Campaign) -> Question:
    """A question about study A001 with three proposals."""
    found = scene.ask(campaign)
    scene.propose(campaign, found)
    return found[0]


@pytest.fixture
def corrected(question: Question, june: User) -> Question:
    """The question as June corrected it."""
    scene.settle(question, june)
    return question


@pytest.fixture
def run_child() -> Callable[[str], None]:
    """Runs the oldest queued job of a kind as its worker would: request, child process, answer, rows."""

    def run(kind: str) -> None:
        job = jobs.claim(
            Job.objects.filter(kind=kind, state="queued").earliest("created_at").pk, "test worker"
        )
        assert job is not None
        registered = kinds.get(kind)
        with tempfile.TemporaryDirectory() as folder:
            request, answer = Path(folder) / "request.json", Path(folder) / "answer.jsonl"
            request.write_text(
                json.dumps(registered.build_request(job), ensure_ascii=False), encoding="utf-8"
            )
            paths = os.pathsep.join(str(settings.BASE_DIR / part) for part in ("", "platform"))
            known = {name: value for name, value in os.environ.items() if name not in WITHHELD}
            subprocess.run(
                [sys.executable, "-m", registered.module, str(request), str(answer)],
                check=True,
                env={**known, "PYTHONPATH": paths},
            )
            jobs.finish(job, read_jsonlines(answer))

    return run
