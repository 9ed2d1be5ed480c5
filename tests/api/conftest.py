"""Fixtures of the interface's tests: callers with tokens, a site where every kind of row exists."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from annotation.models import Correction, TrainingExport
from annotation.services.picks import pick
from annotation.services.splits import create_split
from evaluation.models import Trial
from mammo.accounts.models import User
from mammo.api.scopes import Scope
from mammo.api.tokens import create_token
from mammo.archive.models import ImportBatch, ImportItem
from mammo.jobs import services as jobs
from modeling.models import Checkpoint, Metric, Run, Snapshot
from tests.evaluation import scene

ROOT = Path(__file__).resolve().parents[2]
Caller = Callable[..., Client]


@pytest.fixture(autouse=True)
def _plenty_of_calls(settings: Any) -> None:
    """Rates that no test reaches by accident, counted from zero."""
    settings.MAMMO_API_RATES = dict.fromkeys(("token", "account", "anonymous"), "100000/min")
    cache.clear()


@pytest.fixture
def caller() -> Caller:
    """A client that calls with a token of this account (all scopes when none are named)."""

    def make(user: User, *scopes: str) -> Client:
        _token, secret = create_token(user, "test", scopes=scopes or Scope.values, days=1, by_user=user)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.fixture
def house(rita: User, june: User, sena: User, sol: User, dana: User) -> Trial:
    """An open trial at north, and beside it a pick, an export, a split, a snapshot, a run, an import, a job."""
    trial = scene.open_trial(rita, june, [sena, sol], count=3)
    campaign = trial.trial_questions.first().question.campaign
    question = campaign.questions.first()
    scene.annotation_scene.propose(campaign, campaign.questions.all())
    question.refresh_from_db()
    scene.annotation_scene.settle(question, june)
    pick(question, by_user=sol, correction=Correction.objects.candidates(question)[0].pk)
    site = campaign.site
    split = create_split("first", site=site, by_user=rita, purpose="training")
    export = TrainingExport.objects.create(
        campaign=campaign, format="trl", folder="/secret/folder", content_hash="e" * 64, by_user=rita
    )
    snapshot = Snapshot.objects.create(
        site=site, name="frozen", folder="/secret/folder", content_hash="c" * 64, split=split, export=export
    )
    run = Run.objects.create(site=site, stage="density", snapshot=snapshot, by_user=rita)
    Checkpoint.objects.create(run=run, folder="/secret/folder", sha256="d" * 64, step=3)
    Metric.objects.create(run=run, step=1, name="loss", value=0.5)
    batch = ImportBatch.objects.create(site=site, by_user=dana, kind="studies")
    for number in range(3):
        ImportItem.objects.create(batch=batch, source=f"/ward/{number}.dcm", outcome="rejected", reason="no")
    jobs.submit("annotation.propose", by_user=rita, parameters={"campaign": str(campaign.pk)}, site=site)
    return trial


@pytest.fixture
def stan(site: Any) -> User:
    """A statistician at north."""
    return scene.person(site, "Stan", "statistician")


@pytest.fixture
def trial(rita: User, june: User, sena: User, sol: User) -> Trial:
    """A trial open for scoring by Sena and Sol."""
    return scene.open_trial(rita, june, [sena, sol], count=4)
