"""Two people on one task: whoever comes second gets 409 with both texts, on the page and by the interface."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Correction, Draft, Lease, Pick, Question
from annotation.services import leases
from annotation.services.collisions import TakenError
from annotation.services.corrections import submit_corrections
from annotation.services.drafts import save_draft
from annotation.services.picks import pick
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from tests.annotation import scene

THEIRS, OURS = "杰克写的回答。", "六月写的回答。"


@pytest.fixture
def lapsed(rita: User, june: User, jack: User, sena: User, sol: User) -> Question:
    """A question that June began, whose half hour is over, and that Jack has now."""
    campaign = scene.open_campaign_of(rita, [june, jack], [sena, sol])
    (question,) = scene.proposed(campaign, 1)
    leases.next_question(by_user=june, purpose="correct")
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert leases.next_question(by_user=jack, purpose="correct") == question
    return question


def posted(question: Question, text: str, **more: str) -> dict[str, str]:
    """What the page of correcting sends: the first answer as `text`, the others unchanged."""
    first, *others = question.proposals.order_by("index")
    fields = {
        "idempotency_key": str(uuid.uuid4()),
        "revision": "0",
        "draft_version": "0",
        f"text-{first.pk}": text,
        **{f"text-{one.pk}": one.text for one in others},
        **{f"no_change-{one.pk}": "on" for one in others},
    }
    return fields | more


def browser(person: User) -> Client:
    """A signed-in browser."""
    client = Client()
    client.force_login(person)
    return client


def send(question: Question, person: User, text: str, to: str = "submit", version: int = 0) -> Any:
    """Send or save a correction from a page that holds this version of the draft."""
    form = posted(question, text, draft_version=str(version))
    return browser(person).post(
        reverse(f"annotation:correct-{to}", args=[question.pk]), form, HTTP_HX_REQUEST="true"
    )


def test_two_juniors_on_one_question_get_both_texts(lapsed: Question, june: User, jack: User) -> None:
    assert send(lapsed, jack, THEIRS, "draft").status_code == 200
    refused = send(lapsed, june, OURS)
    page = refused.content.decode()
    assert refused.status_code == 409
    assert THEIRS in page
    assert OURS in page
    assert not Correction.objects.exists()
    # Jack sends in; June's next click gets what he sent, and nothing of his is overwritten.
    assert send(lapsed, jack, THEIRS, version=1).status_code == 204
    for way in ("submit", "draft"):
        refused = send(lapsed, june, OURS, way)
        page = refused.content.decode()
        assert refused.status_code == 409, way
        assert THEIRS in page
        assert OURS in page
    assert set(Correction.objects.values_list("by_user__username", flat=True)) == {"jack"}


def test_what_she_saved_before_is_still_hers(lapsed: Question, june: User, jack: User) -> None:
    save_draft(lapsed, by_user=june, purpose="correct", content={"items": {}}, expected_version=0)
    scene.settle(lapsed, jack)
    with pytest.raises(TakenError, match="finished"):
        save_draft(lapsed, by_user=june, purpose="correct", content={"items": {"x": 1}}, expected_version=1)
    assert Draft.objects.get(user=june).content == {"items": {}}


def test_two_seniors_on_one_question_get_both_texts(
    lapsed: Question, jack: User, sena: User, sol: User
) -> None:
    scene.settle(lapsed, jack)
    candidates = list(Correction.objects.candidates(lapsed))
    pick(lapsed, by_user=sena, correction=candidates[0].pk)
    lost = browser(sol).post(
        reverse("annotation:pick-submit", args=[lapsed.pk]),
        {
            "idempotency_key": str(uuid.uuid4()),
            "draft_version": "0",
            "correction": str(candidates[1].pk),
            f"text-{candidates[1].pk}": candidates[1].text,
        },
        HTTP_HX_REQUEST="true",
    )
    page = lost.content.decode()
    assert lost.status_code == 409
    assert candidates[0].text in page
    assert candidates[1].text in page
    assert Pick.objects.get().by_user == sena


def test_where_several_work_nobody_reads_the_others_text(
    rita: User, june: User, jack: User, sena: User
) -> None:
    joan = scene_person(rita, "joan")
    campaign: Campaign = scene.open_campaign_of(rita, [june, jack, joan], [sena], overlap=2)
    (question,) = scene.proposed(campaign, 1)
    for person in (june, jack):
        leases.hold(question, by_user=person, purpose="correct")
    with pytest.raises(WrongStateError, match="Someone else"):
        submit_corrections(question, by_user=joan, items=scene.items_for(question))


def scene_person(rita: User, name: str) -> User:
    """A third junior at Rita's site."""
    from mammo.accounts.services import create_account

    sites = [rita.sites_as("researcher").get()]
    return create_account(name, password="correct horse battery", roles={"junior": sites}, by_user=None)
