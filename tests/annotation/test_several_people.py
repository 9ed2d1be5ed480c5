"""People of a campaign added together: all of them, each with an event of their own, or nobody."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, CampaignMember
from annotation.services.campaigns import create_campaign
from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from tests.annotation.test_views import signed_in
from tests.api.conftest import Caller, caller  # noqa: F401  (a fixture)


@pytest.fixture
def draft(rita: User, site: Site) -> Campaign:
    """A campaign without people."""
    return create_campaign(
        "Spring", site=site, by_user=rita, proposer={"kind": "transformers", "path": "/models/glm"}
    )


def add(client: Client, campaign: Campaign, **sent: Any) -> Any:
    """What the page of people sends."""
    given = {"idempotency_key": str(uuid.uuid4()), "do": "add", **sent}
    return client.post(reverse("annotation:campaign-people", args=[campaign.pk]), given, follow=True)


def working(campaign: Campaign) -> set[tuple[str, str, str]]:
    return set(campaign.members.values_list("user__username", "purpose", "pool"))


def events() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(action="annotation.member_added").order_by("sequence")
    return [(row.details["user"], row.details["purpose"]) for row in rows]


def test_the_page_shows_who_can_do_what_with_role_and_hospital(
    draft: Campaign, rita: User, june: User, sena: User, north_stranger: User
) -> None:
    body = signed_in(rita).get(reverse("annotation:campaign-people", args=[draft.pk])).content.decode()
    for person, purpose in ((june, "correct"), (sena, "pick"), (sena, "adjudicate")):
        assert f'name="{purpose}" value="{person.pk}"' in body
    assert f'Correct <span class="text-secondary">(Junior radiologist, {draft.site.name})</span>' in body
    assert f'{june} <span class="text-secondary">({june.username})</span>' in body
    assert f'name="pick" value="{june.pk}"' not in body
    assert str(north_stranger.pk) not in body


@pytest.fixture
def north_stranger(other_site: Site) -> User:
    """A junior of another hospital."""
    return create_account(
        "ines", password="correct horse battery", roles={"junior": [other_site]}, by_user=None
    )


def test_the_page_adds_everybody_who_is_ticked_with_an_event_each(
    draft: Campaign, rita: User, june: User, jack: User, sena: User, sol: User
) -> None:
    shown = add(
        signed_in(rita),
        draft,
        correct=[str(june.pk), str(jack.pk)],
        pick=[str(sena.pk), str(sol.pk)],
        adjudicate=[str(sol.pk)],
        pool="night",
    )
    assert f"Added to this campaign: {june}, {jack}, {sena}, {sol}." in shown.content.decode()
    assert working(draft) == {
        ("june", "correct", "night"),
        ("jack", "correct", "night"),
        ("sena", "pick", "night"),
        ("sol", "pick", "night"),
        ("sol", "adjudicate", "night"),
    }
    assert sorted(events()) == sorted(
        (str(person.pk), purpose)
        for person, purpose in (
            (june, "correct"), (jack, "correct"), (sena, "pick"), (sol, "pick"), (sol, "adjudicate"),
        )
    )  # fmt: skip
    body = signed_in(rita).get(reverse("annotation:campaign-people", args=[draft.pk])).content.decode()
    assert f'name="correct" value="{june.pk}"' not in body, "who works here is not offered again"


def test_nobody_is_added_where_one_lost_the_role_meanwhile_and_the_page_names_her(
    draft: Campaign, rita: User, june: User, jack: User, site: Site
) -> None:
    jack.memberships.update(role="author")
    refused = add(signed_in(rita), draft, correct=[str(june.pk), str(jack.pk)])
    assert refused.status_code == 400
    assert "jack is no junior at north; give the account that role first" in refused.content.decode()
    assert (working(draft), events()) == (set(), [])


def test_nothing_ticked_is_said_and_an_account_elsewhere_does_not_exist(
    draft: Campaign, rita: User, june: User, north_stranger: User
) -> None:
    client = signed_in(rita)
    refused = add(client, draft)
    assert (refused.status_code, "choose at least one person" in refused.content.decode()) == (400, True)
    assert add(client, draft, correct=[str(june.pk), str(north_stranger.pk)]).status_code == 404
    assert add(client, draft, correct=["x"]).status_code == 404
    assert working(draft) == set()


def send(desk: Client, campaign: Campaign, *members: dict[str, Any], key: uuid.UUID | None = None) -> Any:
    return desk.post(
        f"/api/v1/campaigns/{campaign.pk}/members/several/",
        json.dumps({"members": list(members)}),
        content_type="application/json",
        headers={"Idempotency-Key": str(key or uuid.uuid4())},
    )


def test_the_interface_adds_several_once_and_moves_who_is_there_into_the_named_pool(
    draft: Campaign,
    rita: User,
    june: User,
    jack: User,
    sena: User,
    caller: Caller,  # noqa: F811
) -> None:
    desk, key = caller(rita), uuid.uuid4()
    rows = [
        {"user": "june", "purpose": "correct", "pool": "night"},
        {"user": "jack", "purpose": "correct"},
        {"user": "sena", "purpose": "pick"},
    ]
    for _time in range(2):
        answer = send(desk, draft, *rows, key=key)
        assert answer.status_code == 200, answer.content
        assert [(one["user"], one["pool"]) for one in answer.json()["members"]] == [
            ("jack", ""), ("june", "night"), ("sena", ""),
        ]  # fmt: skip
    assert len(events()) == 3
    send(
        desk,
        draft,
        {"user": "june", "purpose": "correct"},
        {"user": "jack", "purpose": "correct", "pool": "day"},
    )
    assert working(draft) == {("june", "correct", "night"), ("jack", "correct", "day"), ("sena", "pick", "")}
    assert len(events()) == 3


def test_the_interface_adds_nobody_where_one_can_t_and_names_the_account(
    draft: Campaign,
    rita: User,
    june: User,
    sena: User,
    north_stranger: User,
    caller: Caller,  # noqa: F811
) -> None:
    desk, first = caller(rita), {"user": "june", "purpose": "correct"}
    for last, said in (
        ({"user": "sena", "purpose": "correct"}, "sena is no junior at north"),
        ({"user": "ines", "purpose": "correct"}, "ines: no account of this name holds a role at north"),
        ({"user": "nobody", "purpose": "pick"}, "nobody: no account of this name holds a role at north"),
    ):
        refused = send(desk, draft, first, last)
        assert (refused.status_code, said in refused.json()["detail"]) == (400, True), refused.json()
    assert "june stands in it twice" in send(desk, draft, first, first).content.decode()
    assert send(desk, draft).status_code == 400
    assert not CampaignMember.objects.exists()
    assert events() == []
    assert send(caller(june), draft, first).status_code == 404
