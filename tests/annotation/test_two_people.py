"""Two people on one task: whoever comes second gets 409 with both texts, on the page and by the interface."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, CampaignMember, Correction, Draft, Lease, Pick, Question
from annotation.presentation import candidate_cards
from annotation.services import leases
from annotation.services.assignments import unassign
from annotation.services.campaigns import remove_member
from annotation.services.collisions import TakenError
from annotation.services.corrections import submit_corrections
from annotation.services.drafts import save_draft
from annotation.services.picks import pick
from annotation.services.pools import set_question_pool
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
        "round": 1,
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


def test_whose_half_hour_is_over_is_told_and_can_take_the_question_up_again(
    lapsed: Question, june: User, jack: User
) -> None:
    kept = send(lapsed, june, OURS, "draft")
    assert kept.status_code == 200
    assert "You hold this question no more" in kept.content.decode()
    mine, url = browser(june), reverse("annotation:correct", args=[lapsed.pk])
    opened = mine.get(url)
    assert opened.status_code == 409
    assert "What you wrote is kept as your draft" in opened.content.decode()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))  # Jack's half hour
    assert mine.post(reverse("annotation:correct-next")).headers["Location"] == url
    assert OURS in mine.get(url).content.decode()
    again = send(lapsed, june, f"{OURS}又一句。", "draft", version=1)
    assert "You hold this question no more" not in again.content.decode()
    assert send(lapsed, june, f"{OURS}又一句。", version=2).status_code == 204
    assert set(Correction.objects.values_list("by_user__username", flat=True)) == {"june"}


def test_what_she_saved_before_is_still_hers(lapsed: Question, june: User, jack: User) -> None:
    url = reverse("annotation:correct", args=[lapsed.pk])
    assert send(lapsed, june, OURS, "draft").status_code == 200
    kept = Draft.objects.get(user=june).content
    held = browser(june).get(url)
    assert held.status_code == 409
    scene.settle(lapsed, jack)
    for page in (held, browser(june).get(url)):
        body = page.content.decode()
        assert "What you had written" in body
        assert OURS in body
    assert "What you had written" not in browser(jack).get(url).content.decode()
    with pytest.raises(TakenError, match="finished"):
        save_draft(lapsed, by_user=june, purpose="correct", content={"items": {"x": 1}}, expected_version=1)
    assert Draft.objects.get(user=june).content == kept


def test_who_was_taken_out_while_typing_is_told_so(lapsed: Question, jack: User, rita: User) -> None:
    page = browser(jack).get(reverse("annotation:correct", args=[lapsed.pk])).content.decode()
    assert 'data-text-gone="Not saved: you no longer work on this question.' in page
    assert send(lapsed, jack, THEIRS, "draft").status_code == 200
    remove_member(CampaignMember.objects.get(user=jack), by_user=rita)
    assert send(lapsed, jack, f"{THEIRS}又一句。", "draft", version=1).status_code == 404
    assert THEIRS in str(Draft.objects.get(user=jack).content)


def test_who_types_in_a_question_that_went_to_another_pool_is_told_so(
    lapsed: Question, june: User, jack: User, rita: User
) -> None:
    assert send(lapsed, june, OURS, "draft").status_code == 200
    unassign(lapsed, jack, "correct", by_user=rita)
    set_question_pool(Question.objects.get(pk=lapsed.pk), "north wing", by_user=rita)
    assert send(lapsed, june, f"{OURS}又一句。", "draft", version=1).status_code == 404
    assert OURS in str(Draft.objects.get(user=june).content)


def test_what_a_senior_had_written_is_hers_when_another_one_chose(
    waiting: Question, sena: User, sol: User
) -> None:
    first, *_others = Correction.objects.candidates(waiting)
    url = reverse("annotation:pick", args=[waiting.pk])
    assert browser(sena).get(url).status_code == 200
    typed = {"round": 1, "draft_version": "0", "correction": str(first.pk), "written": OURS}
    saved = browser(sena).post(reverse("annotation:pick-draft", args=[waiting.pk]), typed)
    assert saved.status_code == 200
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    pick(waiting, by_user=sol, correction=first.pk)
    page = browser(sena).get(url).content.decode()
    assert "What you had written" in page
    assert OURS in page
    letter = next(card.letter for card in candidate_cards(waiting, sena) if card.id == first.pk)
    assert f"Chosen: {letter}" in page


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
            "round": 1,
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
