"""Fixtures of the evaluation tests."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from evaluation.models import Trial
from mammo.accounts.models import User
from tests.evaluation import scene


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A request leaves its language behind in the thread: the next test begins in English."""
    with translation.override("en"):
        yield


@pytest.fixture
def stan(rita: User) -> User:
    """A statistician at north."""
    return scene.person(rita.sites_as("researcher").get(), "Stan", "statistician")


@pytest.fixture
def draft(rita: User, june: User, sena: User, sol: User) -> Trial:
    """A draft with nine questions and three arms, answered; June wrote the human arm; Sena and Sol rate."""
    from evaluation.services.raters import add_rater

    trial = scene.draft_trial(rita, scene.questions_of(rita, [june, sena, sol]), june)
    scene.answer_all(trial, rita, june)
    for rater in (sena, sol):
        add_rater(trial, rater, by_user=rita)
    return trial


@pytest.fixture
def trial(rita: User, june: User, sena: User, sol: User) -> Trial:
    """A trial open for scoring by Sena and Sol."""
    return scene.open_trial(rita, june, [sena, sol])
