"""Whoever sends something in while a campaign is changed or closed comes before it, or meets what stands then."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections, transaction

from annotation.models import Campaign, Correction, Draft, Question
from annotation.services import stages
from annotation.services.campaign_settings import change_settings
from annotation.services.campaigns import close_campaign
from annotation.services.corrections import submit_corrections
from annotation.services.drafts import save_draft
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from tests.annotation import scene

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
PATIENCE = 20.0


@pytest.fixture
def asked(plain: Campaign) -> Question:
    """A question that waits to be corrected; of a campaign in which one junior is enough."""
    (question,) = scene.proposed(plain, 1)
    return question


@contextmanager
def meanwhile(act: Callable[[], Any]) -> Iterator[None]:
    """Another connection has done this and commits it only after a second."""
    done = threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                act()
                done.set()
                threading.Event().wait(1.0)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as other:
        working = other.submit(work)
        assert done.wait(PATIENCE)
        yield
        working.result(PATIENCE)


def correct(question: Question, june: User) -> Callable[[], Any]:
    """June sends the question in."""
    return lambda: submit_corrections(question, by_user=june, items=scene.items_for(question))


def need_two(campaign: Campaign, rita: User) -> Callable[[], Any]:
    """Rita asks two juniors for each question."""
    return lambda: change_settings(campaign, by_user=rita, expected_version=campaign.version, overlap=2)


def test_a_frozen_setting_waits_for_the_answer_that_is_being_sent_in(
    plain: Campaign, asked: Question, june: User, rita: User
) -> None:
    with meanwhile(correct(asked, june)), pytest.raises(WrongStateError, match="frozen"):
        need_two(plain, rita)()
    asked.refresh_from_db()
    assert asked.stage == Question.Stage.CORRECTED


def test_an_answer_that_waited_for_a_setting_counts_under_it(
    plain: Campaign, asked: Question, june: User, rita: User
) -> None:
    with meanwhile(need_two(plain, rita)):
        correct(asked, june)()
    asked.refresh_from_db()
    assert asked.stage == Question.Stage.PROPOSED


def test_closing_waits_for_the_answer_that_is_being_sent_in(
    plain: Campaign, asked: Question, rita: User
) -> None:
    committed = threading.Event()

    def begin() -> None:
        stages.locked(asked)
        transaction.on_commit(committed.set)

    with meanwhile(begin):
        close_campaign(plain, by_user=rita)
        assert committed.wait(0.3)


def test_an_answer_that_waited_for_the_closing_is_refused(
    plain: Campaign, asked: Question, june: User, rita: User
) -> None:
    with (
        meanwhile(lambda: close_campaign(plain, by_user=rita)),
        pytest.raises(WrongStateError, match="is not open"),
    ):
        correct(asked, june)()
    assert not Correction.objects.exists()


def test_no_draft_follows_what_is_being_sent_in(asked: Question, june: User) -> None:
    with meanwhile(correct(asked, june)), pytest.raises(WrongStateError, match="sent already"):
        save_draft(asked, by_user=june, purpose="correct", content={"items": {}}, expected_version=0)
    assert not Draft.objects.exists()
