"""Fixtures of the annotation tests."""

import pytest

from annotation.models import Campaign, Question
from mammo.accounts.models import User
from mammo.archive.models import Study
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
