"""Pools: some questions are for some people of a campaign only, and can be put into another pool on its page."""

import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, CampaignMember, Correction, Notification, Question
from annotation.services import leases
from annotation.services.assignments import assign, unassign
from annotation.services.campaigns import add_member, remove_member
from annotation.services.picks import pick, return_to_juniors
from annotation.services.pools import set_pool, set_question_pool
from annotation.statistics.progress import stuck
from mammo.accounts.models import AuditEvent, User
from mammo.accounts.services import create_account
from mammo.core.errors import WrongStateError
from tests.annotation import scene


def signed_in(person: User) -> Client:
    """A browser in which `person` is signed in."""
    client = Client()
    client.force_login(person)
    return client


def key() -> dict[str, str]:
    """A fresh idempotency key."""
    return {"idempotency_key": str(uuid.uuid4())}


def test_a_question_waits_for_the_people_of_its_pool_and_can_be_put_into_another(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena])
    questions = scene.ask(campaign, scene.plain_row("要复查吗？", pool="夜班"))
    scene.propose(campaign, questions)
    (question,) = questions
    client, url = signed_in(rita), reverse("annotation:question-pool", args=[question.pk])
    stuck = reverse("annotation:campaign-stuck", args=[campaign.pk])
    assert not Question.objects.waiting_for(june, "correct").exists()
    assert "nobody is in its pool" in client.get(stuck).content.decode()
    set_pool(CampaignMember.objects.get(user=june), "夜班", by_user=rita)
    assert "nobody is in its pool" not in client.get(stuck).content.decode()
    assert "夜班" in client.get(reverse("annotation:question-list", args=[campaign.pk])).content.decode()
    assert leases.next_question(by_user=june, purpose="correct") == question
    held = client.post(url, {**key(), "pool": "白班"})
    assert held.status_code == 409
    assert "take it back first" in held.content.decode()
    leases.release(question, by_user=june, purpose="correct")
    assert client.post(url, {**key(), "pool": ""}).status_code == 302
    assert leases.next_question(by_user=jack, purpose="correct") == question
    assert AuditEvent.objects.filter(action="annotation.question_pool_changed").count() == 1
    assert signed_in(june).post(url, {**key(), "pool": "x"}).status_code == 404


@pytest.fixture
def five(rita: User, june: User, sena: User) -> Campaign:
    """An open campaign with five questions; June is in the pool 夜班."""
    campaign = scene.open_campaign_of(rita, [june], [sena])
    rows = [scene.plain_row(f"第{number}问？", number) for number in range(1, 6)]
    scene.propose(campaign, scene.ask(campaign, *rows))
    set_pool(CampaignMember.objects.get(user=june), "夜班", by_user=rita)
    return campaign


def pools_of(campaign: Campaign) -> list[str]:
    """The pools of its questions, by number."""
    return list(
        Question.objects.filter(campaign=campaign).order_by("position").values_list("pool", flat=True)
    )


def test_ticked_questions_and_whole_lists_go_into_a_pool_at_once(
    five: Campaign, rita: User, june: User
) -> None:
    client, url = signed_in(rita), reverse("annotation:question-pools", args=[five.pk])
    page = client.get(reverse("annotation:question-list", args=[five.pk])).content.decode()
    ticks = re.findall(r'name="question" value="([^"]+)"', page)
    assert len(ticks) == 5
    assert client.post(url, {**key(), "pool": "白班", "question": ticks[:2]}).status_code == 302
    assert pools_of(five) == ["白班", "白班", "", "", ""]
    assert client.post(url, {**key(), "pool": "夜班", "all": "on", "stage": "proposed"}).status_code == 302
    assert pools_of(five) == ["夜班"] * 5
    event = AuditEvent.objects.filter(action="annotation.pools_changed").latest("sequence")
    assert (event.details["questions"], event.details["pools"]) == (5, ["夜班"])
    assert AuditEvent.objects.filter(action="annotation.question_pool_changed").count() == 7
    assert client.post(url, {**key(), "pool": "白班"}).status_code == 400
    assert client.post(url, {**key(), "pool": "白班", "question": [str(five.pk)]}).status_code == 404
    assert signed_in(june).post(url, {**key(), "pool": "x", "all": "on"}).status_code == 404


def test_a_question_that_cannot_be_moved_is_named_and_none_is_moved(
    five: Campaign, rita: User, june: User
) -> None:
    client, url = signed_in(rita), reverse("annotation:question-pools", args=[five.pk])
    client.post(url, {**key(), "pool": "夜班", "all": "on"})
    held = leases.next_question(by_user=june, purpose="correct")
    assert held is not None
    refused = client.post(url, {**key(), "pool": "白班", "all": "on"})
    assert refused.status_code == 409
    assert f"question {held.position}:" in refused.content.decode()
    assert "Nothing was changed" in refused.content.decode()
    assert pools_of(five) == ["夜班"] * 5


def test_a_table_of_two_columns_puts_questions_into_pools(five: Campaign, rita: User) -> None:
    client, url = signed_in(rita), reverse("annotation:question-pools", args=[five.pk])

    def send(text: str, name: str = "pools.csv") -> Any:
        return client.post(url, {**key(), "table": SimpleUploadedFile(name, text.encode())})

    assert send("question,pool\n1,夜班\n3,白班\n").status_code == 302
    assert pools_of(five) == ["夜班", "", "白班", "", ""]
    assert send("question,pool\n1,\n").status_code == 302
    assert pools_of(five) == ["", "", "白班", "", ""]
    for text, said in (
        ("question,pool\n9,夜班\n", "question 9: the campaign has none of this number"),
        ("question,pool\nfirst,夜班\n", "row 2: question &#x27;first&#x27; is no number"),
        ("question,pool\n1,夜班\n1,白班\n", "row 3: question 1 stands in another pool above"),
        ("number,pool\n1,夜班\n", "unknown column"),
    ):
        refused = send(text)
        assert refused.status_code == 400
        assert said in refused.content.decode(), text
    assert send("x", "pools.txt").status_code == 400
    assert pools_of(five) == ["", "", "白班", "", ""]


def test_the_interface_moves_many_at_once_and_a_repetition_changes_nothing(
    five: Campaign, rita: User
) -> None:
    client, name = signed_in(rita), str(uuid.uuid4())

    def post(pools: list[dict[str, Any]], header: str) -> Any:
        return client.post(
            f"/api/v1/campaigns/{five.pk}/pools/",
            {"pools": pools},
            content_type="application/json",
            headers={"Idempotency-Key": header},
        )

    wanted = [{"question": 2, "pool": "夜班"}, {"question": 4, "pool": "白班"}, {"question": 5, "pool": ""}]
    moved = post(wanted, name)
    assert moved.status_code == 200, moved.content
    assert len(moved.json()["moved"]) == 2
    assert post(wanted, name).json() == moved.json()
    assert pools_of(five) == ["", "夜班", "", "白班", ""]
    assert post([*wanted, wanted[0]], str(uuid.uuid4())).status_code == 400
    assert post([{"question": 9, "pool": "x"}], str(uuid.uuid4())).status_code == 400


def test_a_returned_question_waits_for_the_people_of_the_pool_it_was_put_into(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena])
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    for person in (jack, sena):
        set_pool(CampaignMember.objects.get(user=person), "夜班", by_user=rita)
    question = set_question_pool(question, "夜班", by_user=rita)
    return_to_juniors(question, by_user=sena, reason="没有说明复查时间")
    assert not Notification.objects.filter(user=june, kind="returned").exists()
    assert leases.next_question(by_user=june, purpose="correct") is None
    assert leases.next_question(by_user=jack, purpose="correct") == question


def test_a_returned_question_waits_for_its_junior_who_is_of_its_pool(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena])
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    for person in (june, jack, sena):
        set_pool(CampaignMember.objects.get(user=person), "夜班", by_user=rita)
    question = set_question_pool(question, "夜班", by_user=rita)
    return_to_juniors(question, by_user=sena, reason="没有说明复查时间")
    assert Notification.objects.get(user=june, kind="returned").question == question
    assert leases.next_question(by_user=jack, purpose="correct") is None
    assert leases.next_question(by_user=june, purpose="correct") == question


def test_an_adjudicator_of_another_pool_is_not_told(
    rita: User, june: User, sena: User, sol: User, ada: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2)
    Campaign.objects.filter(pk=campaign.pk).update(adjudication=True)
    (question,) = scene.proposed(campaign, 1)
    tom = create_account(
        "tom",
        password="correct horse battery",
        display_name="Tom",
        roles={"senior": [campaign.site]},
        by_user=None,
    )
    for person, pool in ((ada, "夜班"), (tom, "")):
        add_member(campaign, person, "adjudicate", by_user=rita, pool=pool)
    for member in campaign.members.exclude(purpose="adjudicate"):
        set_pool(member, "夜班", by_user=rita)
    question = set_question_pool(question, "夜班", by_user=rita)
    scene.settle(question, june)
    first, second, _third = Correction.objects.candidates(question)
    pick(question, by_user=sena, correction=first.pk)
    pick(question, by_user=sol, correction=second.pk)
    told = Notification.objects.filter(kind="adjudicate").values_list("user__username", flat=True)
    assert list(told) == ["ada"]


def test_who_sits_at_questions_of_a_pool_is_not_moved_out_of_it(
    five: Campaign, rita: User, june: User
) -> None:
    client, url = signed_in(rita), reverse("annotation:campaign-people", args=[five.pk])
    member = CampaignMember.objects.get(user=june)
    put = {"do": "pool", "member": str(member.pk), "pool": "白班", "idempotency_key": str(uuid.uuid4())}
    for question in Question.objects.filter(position__in=(2, 4)):
        set_question_pool(question, "夜班", by_user=rita)
    for question in Question.objects.filter(position__in=(1, 2, 4)):
        assign(question, june, "correct", by_user=rita)
    refused = client.post(url, put)
    assert refused.status_code == 409
    assert "not for the new pool: 2, 4; take them back first" in refused.content.decode()
    member.refresh_from_db()
    assert member.pool == "夜班"
    assert not AuditEvent.objects.filter(action="annotation.pool_changed", details__pool="白班").exists()
    scene.settle(Question.objects.get(position=2), june)
    assert "pool: 4; take" in client.post(url, put).content.decode(), "what is settled is held no longer"
    unassign(Question.objects.get(position=4), june, "correct", by_user=rita)
    assert client.post(url, put).status_code == 302
    member.refresh_from_db()
    assert member.pool == "白班", "question 1 is everybody's"


def test_of_many_held_questions_ten_are_named(rita: User, june: User, sena: User) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    questions = scene.proposed(campaign, 12)
    member = CampaignMember.objects.get(user=june)
    set_pool(member, "夜班", by_user=rita)
    for question in questions:
        assign(set_question_pool(question, "夜班", by_user=rita), june, "correct", by_user=rita)
    with pytest.raises(WrongStateError, match="9, 10, and 2 more; take them back first"):
        set_pool(member, "", by_user=rita)


def test_a_member_named_again_over_the_interface_stays_in_the_pool(
    five: Campaign, rita: User, june: User
) -> None:
    client, member = signed_in(rita), CampaignMember.objects.get(user=june)

    def name(**more: Any) -> tuple[int, str]:
        sent = {"user": "june", "purpose": "correct", **more}
        answer = client.post(
            f"/api/v1/campaigns/{five.pk}/members/",
            sent,
            content_type="application/json",
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        member.refresh_from_db()
        return answer.status_code, member.pool

    assert name() == (200, "夜班")
    assert name(pool=None) == (200, "夜班")
    question = set_question_pool(Question.objects.get(position=3), "夜班", by_user=rita)
    assign(question, june, "correct", by_user=rita)
    assert name(pool="") == (409, "夜班")
    unassign(question, june, "correct", by_user=rita)
    assert name(pool="") == (200, "")
    assert name(pool=" 白班 ") == (200, "白班")


def given_ahead(rita: User, june: User, sena: User, sol: User) -> Question:
    """A question of the pool 白班 at its correction, whose senior Sena was named already."""
    campaign = scene.open_campaign_of(rita, [june], [sena, sol])
    for member in campaign.members.exclude(user=sol):
        set_pool(member, "白班", by_user=rita)
    (question,) = scene.proposed(campaign, 1)
    question = set_question_pool(question, "白班", by_user=rita)
    assign(question, sena, "pick", by_user=rita)
    return question


def test_a_seat_given_ahead_of_time_is_not_left_with_somebody_of_another_pool(
    rita: User, june: User, sena: User, sol: User
) -> None:
    question = given_ahead(rita, june, sena, sol)
    set_pool(CampaignMember.objects.get(user=june), "夜班", by_user=rita)
    with pytest.raises(WrongStateError, match=r"Sena.*not of the pool “夜班”; take it back first"):
        set_question_pool(question, "夜班", by_user=rita)
    with pytest.raises(WrongStateError, match="not for the new pool: 1; take them back first"):
        set_pool(CampaignMember.objects.get(user=sena), "夜班", by_user=rita)
    unassign(question, sena, "pick", by_user=rita)
    set_pool(CampaignMember.objects.get(user=sena), "夜班", by_user=rita)
    assert set_question_pool(question, "夜班", by_user=rita).pool == "夜班"


def test_a_seat_given_ahead_of_time_is_free_once_its_holder_is_taken_out(
    rita: User, june: User, sena: User, sol: User
) -> None:
    question = given_ahead(rita, june, sena, sol)
    set_pool(CampaignMember.objects.get(user=sol), "白班", by_user=rita)
    remove_member(CampaignMember.objects.get(user=sena), by_user=rita)
    scene.settle(question, june)
    assert leases.next_question(by_user=sol, purpose="pick") == question


def test_who_has_finished_keeps_no_question_from_another_pool(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], overlap=2)
    (question,) = scene.proposed(campaign, 1)
    leases.hold(question, by_user=june, purpose="correct")
    scene.settle(question, june)
    set_pool(CampaignMember.objects.get(user=jack), "夜班", by_user=rita)
    assert set_question_pool(question, "夜班", by_user=rita).pool == "夜班"
    assert leases.next_question(by_user=jack, purpose="correct") == question


def test_a_named_seat_of_somebody_outside_the_pool_is_told_among_what_is_stuck(
    rita: User, june: User, sena: User, sol: User
) -> None:
    question = given_ahead(rita, june, sena, sol)
    scene.settle(question, june)
    assert not stuck(question.campaign)
    # As it could come about before seats given ahead of time were looked at.
    CampaignMember.objects.filter(user=sena).update(pool="夜班")
    CampaignMember.objects.filter(user=sol).update(pool="白班")
    assert [one.reasons for one in stuck(question.campaign)] == [("holder_gone",)]
    Question.objects.filter(pk=question.pk).update(pool="")
    assert not stuck(question.campaign)
    CampaignMember.objects.filter(user=sena).delete()
    assert [one.reasons for one in stuck(question.campaign)] == [("holder_gone",)]
