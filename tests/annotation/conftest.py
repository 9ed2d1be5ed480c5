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
from playwright.sync_api import Page

from annotation.models import Campaign, Correction, Question
from annotation.services.campaigns import add_member, create_campaign, open_campaign
from annotation.services.picks import pick
from mammo.accounts.models import User
from mammo.accounts.services import create_account
from mammo.archive.models import Study
from mammo.core.child_environment import without_secrets
from mammo.core.errors import WrongStateError
from mammo.core.jsonlines import read_jsonlines
from mammo.jobs import kinds
from mammo.jobs import services as jobs
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
def plain(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """An open campaign whose questions need no study."""
    return scene.open_campaign_of(rita, [june, jack], [sena, sol])


@pytest.fixture
def waiting(plain: Campaign, june: User) -> Question:
    """A question without a study that waits for a senior."""
    (question,) = scene.proposed(plain, 1)
    scene.settle(question, june)
    return question


@pytest.fixture
def narrow(page: Page) -> Page:
    """A laptop's page, 1280 x 800."""
    page.set_viewport_size({"width": 1280, "height": 800})
    return page


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[Page, str], None]:
    """Takes a screenshot; into MAMMO_SCREENSHOTS where that is set."""
    folder = Path(os.environ.get("MAMMO_SCREENSHOTS", tmp_path))

    def take(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", full_page=True)

    return take


@pytest.fixture
def ada(site: object) -> User:
    """The senior who adjudicates."""
    return create_account(
        "ada", password="correct horse battery", display_name="Ada", roles={"senior": [site]}, by_user=None
    )


@pytest.fixture
def disputed(rita: User, june: User, sena: User, sol: User, ada: User) -> Question:
    """A question for which Sena and Sol picked different answers."""
    site = rita.sites_as("researcher").get()
    campaign = create_campaign(
        "Two",
        site=site,
        by_user=rita,
        proposer={"kind": "transformers", "path": "/models/tiny"},
        senior_overlap=2,
        adjudication=True,
        seed=3,
    )
    for person, purpose in ((june, "correct"), (sena, "pick"), (sol, "pick")):
        add_member(campaign, person, purpose, by_user=rita)
    with pytest.raises(WrongStateError, match="Adjudicate"):
        open_campaign(campaign, by_user=rita)
    add_member(campaign, ada, "adjudicate", by_user=rita)
    add_member(campaign, sena, "adjudicate", by_user=rita)
    open_campaign(campaign, by_user=rita)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    first, second, _third = Correction.objects.candidates(question)
    pick(question, by_user=sena, correction=first.pk)
    pick(question, by_user=sol, correction=second.pk, text=second.text + "。")
    question.refresh_from_db()
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
            subprocess.run(
                [sys.executable, "-m", registered.module, str(request), str(answer)],
                check=True,
                env={**without_secrets(), "PYTHONPATH": paths},
            )
            jobs.finish(job, read_jsonlines(answer))

    return run
