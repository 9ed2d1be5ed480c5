"""Fixtures of the Django side of modeling: a campaign with picks, a frozen snapshot."""

from pathlib import Path

import pytest

from annotation.models import Campaign, Correction
from annotation.services.picks import pick
from annotation.services.splits import create_split
from mammo.accounts.models import Site, User
from mammo.archive.models import Pathology, Split
from modeling.models import Snapshot
from tests.annotation import scene


@pytest.fixture
def campaign(rita: User, june: User, sena: User) -> Campaign:
    """Ten patients of north with one study each; the questions of three of them are picked."""
    site = rita.sites_as("researcher").get()
    for number in range(10):
        study = scene.patient_with_study(site, f"P{number:03}", f"A{number:03}", density="ABCD"[number % 4])
        for result in ("benign", "malignant")[: number % 3]:
            Pathology.objects.create(
                study=study, laterality="R", method="core_biopsy", result=result, lesion=result
            )
    campaign = scene.open_campaign_of(rita, [june], [sena])
    rows = [scene.row(f"问题{i}？", i + 2, f"P{i:03}", f"A{i:03}") for i in range(3)]
    questions = scene.ask(campaign, *rows)
    scene.propose(campaign, questions)
    for question in questions:
        scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    return campaign


@pytest.fixture
def split(campaign: Campaign, rita: User) -> Split:
    """All ten patients, 8:1:1."""
    return create_split("all", site=campaign.site, by_user=rita, purpose="training")


@pytest.fixture
def frozen(site: Site, tmp_path: Path) -> Snapshot:
    """A snapshot row that says it is frozen."""
    return Snapshot.objects.create(site=site, name="frozen", folder=str(tmp_path), content_hash="c" * 64)
