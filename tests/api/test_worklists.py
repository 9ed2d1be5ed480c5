"""One's own worklists over the interface: what one holds and what one has done, of this round, and nobody else's."""

from collections.abc import Sequence

import pytest
from django.test import Client

from annotation.models import Correction, Question
from annotation.services import leases
from annotation.services.assignments import assign
from annotation.services.picks import pick, return_to_juniors
from mammo.accounts.models import User
from tests.annotation import scene
from tests.api.conftest import Caller
from tests.api.test_annotation_work import V1


@pytest.fixture
def questions(rita: User, june: User, jack: User, sena: User, sol: User) -> list[Question]:
    """Three questions with proposals, in a campaign of two juniors and two seniors."""
    return scene.proposed(scene.open_campaign_of(rita, [june, jack], [sena, sol]), 3)


def listed(client: Client, **filters: str) -> list[str]:
    answer = client.get(f"{V1}/questions/", filters)
    assert answer.status_code == 200, answer.content
    return sorted(row["id"] for row in answer.json()["results"])


def ids(questions: Sequence[Question]) -> list[str]:
    return sorted(str(question.pk) for question in questions)


def test_what_a_junior_holds_and_has_done(
    questions: list[Question], rita: User, june: User, jack: User, caller: Caller
) -> None:
    first, second, third = questions
    hers, his = caller(june), caller(jack)
    assert listed(hers, held_for="correct") == listed(hers, done_for="correct") == []
    assign(first, june, "correct", by_user=rita)
    leases.hold(second, by_user=june, purpose="correct")
    leases.hold(third, by_user=jack, purpose="correct")
    assert listed(hers, held_for="correct") == ids([first, second]), "assigned, and begun"
    assert listed(his, held_for="correct") == ids([third])
    assert listed(hers, held_for="pick") == []
    scene.settle(first, june)
    assert listed(hers, held_for="correct") == ids([second])
    assert listed(hers, done_for="correct") == ids([first])
    assert listed(hers, done_for="correct", held_for="correct") == []
    assert listed(his, done_for="correct") == []
    assert hers.get(f"{V1}/questions/", {"held_for": "write"}).status_code == 400


def test_done_is_of_the_present_round(
    questions: list[Question], june: User, sena: User, sol: User, caller: Caller
) -> None:
    first, second, _third = questions
    for question in (first, second):
        scene.settle(question, june)
    leases.hold(first, by_user=sena, purpose="pick")
    assert listed(caller(sena), held_for="pick") == ids([first])
    pick(first, by_user=sena, correction=Correction.objects.candidates(first)[0].pk)
    assert listed(caller(sena), held_for="pick") == []
    assert listed(caller(sena), done_for="pick") == ids([first])
    assert listed(caller(sol), done_for="pick") == []
    return_to_juniors(second, by_user=sol, reason="再改")
    assert listed(caller(june), done_for="correct") == ids([first]), "the other one is hers to do again"
    assert listed(caller(june), is_returned="true") == ids([second])
