"""A senior who is researcher too learns neither before their choice nor between rounds who wrote which answer."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import CampaignMember, Correction, Lease, Question
from annotation.services.assignments import assign
from annotation.services.picks import pick, return_to_juniors
from annotation.services.remarks import comment
from mammo.accounts.models import User
from mammo.accounts.services import grant_role
from tests.annotation import scene
from tests.annotation.test_views import signed_in
from tests.api.conftest import Caller
from tests.api.test_annotation_work import V1, post


@pytest.fixture
def asked(rita: User, june: User, jack: User, sena: User, sol: User) -> Question:
    """June corrected a question that two seniors are to pick for; Rita runs the campaign."""
    campaign = scene.open_campaign_of(rita, [june, jack], [sena, sol], senior_overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    return question


@pytest.fixture
def rita_picks(asked: Question, rita: User) -> User:
    """Rita, who is a senior of the campaign too."""
    grant_role(rita, "senior", asked.campaign.site, by_user=None)
    CampaignMember.objects.create(campaign=asked.campaign, user=rita, purpose="pick")
    return rita


def holders(client: Client, question: Question) -> list[str]:
    answer = client.get(f"{V1}/questions/{question.pk}/holders/")
    assert answer.status_code == 200
    return [row["user"] for row in answer.json()["holders"]]


def test_holders_tell_a_member_nothing_of_finished_work(
    asked: Question, rita: User, sena: User, caller: Caller, request: pytest.FixtureRequest
) -> None:
    assign(asked, sena, "pick", by_user=rita)
    assert holders(caller(rita), asked) == ["june", "sena"]
    member = request.getfixturevalue("rita_picks")
    assert holders(caller(member), asked) == ["sena"]
    pick(asked, by_user=sena, correction=Correction.objects.candidates(asked)[0].pk)
    assert holders(caller(member), asked) == []


@pytest.mark.parametrize("to", ["", "june", "jack", "sena"])
def test_a_member_who_moves_seats_is_refused_in_the_same_words(
    asked: Question, rita_picks: User, caller: Caller, to: str
) -> None:
    before = list(Lease.objects.values_list("user", "purpose", "expires_at"))
    client, path = caller(rita_picks), f"questions/{asked.pk}/holders"
    answers = [post(client, path, {"purpose": "correct", "from": who, "to": to}) for who in ("june", "jack")]
    answers += [post(client, path, {"purpose": "correct", "to": who}) for who in ("june", "jack")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(409, answers[0].content)}
    assert "can't be given or taken back now" in answers[0].json()["detail"]
    assert list(Lease.objects.values_list("user", "purpose", "expires_at")) == before


def test_a_page_of_a_member_who_moves_seats_is_refused_in_the_same_words(
    asked: Question, rita_picks: User, june: User, jack: User
) -> None:
    client, url = signed_in(rita_picks), reverse("annotation:question-give", args=[asked.pk])
    for who in (june, jack):
        sent = {"idempotency_key": str(uuid.uuid4()), "purpose": "correct", "from": str(who.pk)}
        refused = client.post(url, sent)
        assert refused.status_code == 409
        assert "can&#x27;t be given or taken back now" in refused.content.decode()


def test_a_member_may_still_give_what_is_not_finished(
    asked: Question, rita_picks: User, caller: Caller
) -> None:
    given = post(caller(rita_picks), f"questions/{asked.pk}/holders", {"purpose": "pick", "to": "sena"})
    assert (given.status_code, [row["user"] for row in given.json()["holders"]]) == (200, ["sena"])


def opened(client: Any, question: Question) -> int:
    return int(client.get(f"{V1}/questions/{question.pk}/opened/").status_code)


def test_what_was_hidden_opens_when_the_question_is_settled_and_not_before(
    asked: Question, june: User, sena: User, sol: User, caller: Caller
) -> None:
    comment(asked, "我改了第二个", by_user=june)
    first = Correction.objects.candidates(asked)[0]
    pick(asked, by_user=sena, correction=first.pk)
    page, client = reverse("annotation:pick", args=[asked.pk]), caller(sena)

    def shown() -> str:
        return str(signed_in(sena).get(page).content.decode())

    assert opened(client, asked) == 409
    assert "once the question is settled" in shown()
    assert "tiny GLM" not in shown()
    assert "我改了第二个" not in shown()
    return_to_juniors(asked, by_user=sol, reason="再改")
    asked.refresh_from_db()
    scene.settle(asked, june)
    for senior in (sena, sol):
        pick(asked, by_user=senior, correction=Correction.objects.candidates(asked)[0].pk)
    assert opened(client, asked) == 200
    assert "tiny GLM" in shown()
    assert "我改了第二个" in shown()
