"""Seconds at work: what a draft keeps of earlier visits counts with the last one."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Correction, Draft, Pick, PracticeResult, Question, Return
from annotation.services.campaigns import add_member
from annotation.services.picks import pick
from annotation.services.practice import PracticeAnswer, add_item
from mammo.accounts.models import User
from mammo.accounts.services import create_account
from tests.annotation import scene
from tests.annotation.pages import saved, sign_in
from tests.annotation.test_views import HTMX, form_of, pick_form, signed_in


def counted_on(client: Client, page: str, question: Question) -> float:
    """The seconds with which a page begins to count."""
    body = client.get(reverse(f"annotation:{page}", args=[question.pk])).content.decode()
    (value,) = re.findall(r'name="active_seconds" value="([^"]*)"', body)
    return float(value)


def leave(client: Client, page: str, question: Question, sent: dict[str, Any]) -> None:
    """The page's draft is saved, and nothing sent in."""
    address = reverse(f"annotation:{page}-draft", args=[question.pk])
    assert client.post(address, sent, **HTMX).status_code == 200


def test_a_correction_that_is_taken_up_again_counts_both_visits(question: Question, june: User) -> None:
    client = signed_in(june)
    assert counted_on(client, "correct", question) == 0
    leave(client, "correct", question, form_of(question, active_seconds="60"))
    resumed = counted_on(client, "correct", question)
    assert resumed == 60
    sent = form_of(question, active_seconds=resumed + 30, draft_version=1)
    assert client.post(reverse("annotation:correct-submit", args=[question.pk]), sent).status_code == 302
    assert sum(Correction.objects.values_list("active_seconds", flat=True)) == 90


def test_a_choice_that_is_taken_up_again_counts_both_visits(corrected: Question, sena: User) -> None:
    client = signed_in(sena)
    leave(client, "pick", corrected, pick_form(corrected, active_seconds="25"))
    resumed = counted_on(client, "pick", corrected)
    assert resumed == 25
    sent = pick_form(corrected, active_seconds=resumed + 16, draft_version=1)
    assert client.post(reverse("annotation:pick-submit", args=[corrected.pk]), sent).status_code == 302
    assert Pick.objects.get().active_seconds == 41


def test_a_decision_that_is_taken_up_again_counts_both_visits(
    rita: User, june: User, sena: User, sol: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2)
    Campaign.objects.filter(pk=campaign.pk).update(adjudication=True)
    roles = {"senior": [campaign.site]}
    ada = create_account("ada", password="correct horse battery", display_name="A", roles=roles, by_user=None)
    add_member(campaign, ada, "adjudicate", by_user=rita)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    first, second, _third = Correction.objects.candidates(question)
    pick(question, by_user=sena, correction=first.pk)
    pick(question, by_user=sol, correction=second.pk)
    client = signed_in(ada)
    leave(
        client,
        "adjudicate",
        question,
        {"round": 1, "draft_version": 0, "reason": "想一想", "active_seconds": "12"},
    )
    assert counted_on(client, "adjudicate", question) == 12


def test_seconds_that_no_page_counts_are_not_kept_in_a_draft(question: Question, june: User) -> None:
    client = signed_in(june)
    leave(client, "correct", question, form_of(question, active_seconds="1e999"))
    assert Draft.objects.get().content["active_seconds"] == 0
    assert counted_on(client, "correct", question) == 0


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_clock_of_a_resumed_page_goes_on_from_the_draft(
    narrow: Page,
    live_server: object,
    rita: User,
    june: User,
    sena: User,
) -> None:
    page = narrow
    (question,) = scene.proposed(scene.open_campaign_of(rita, [june], [sena]), 1)
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")  # type: ignore[attr-defined]
    page.wait_for_load_state()
    page.evaluate("document.getElementById('work').elements.active_seconds.value = '70'")
    page.locator("[data-answer] textarea").first.fill("半年后复查。")
    expect(saved(page)).to_contain_text("Saved")
    page.reload()
    page.mouse.move(200, 200)
    page.mouse.move(300, 300)
    expect(page.locator("[name=active_seconds]")).to_have_value(re.compile("^7[1-9]$"))
    for place in (1, 2):
        page.locator("[data-no-change]").nth(place).check()
    page.locator("[data-submit]").click()
    page.wait_for_url("**/annotation/correct/")
    assert sum(Correction.objects.values_list("active_seconds", flat=True)) >= 71


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_clock_of_practice_runs_too(
    narrow: Page,
    live_server: object,
    rita: User,
    june: User,
    sena: User,
) -> None:
    page, campaign = narrow, scene.open_campaign_of(rita, [june], [sena])
    answers = [PracticeAnswer(text="请半年后复查。"), PracticeAnswer(text="请一年后复查。")]
    add_item(campaign, by_user=rita, question="何时复查？", answers=answers, best=0, language="zh")
    sign_in(page, live_server.url, june, f"/annotation/campaigns/{campaign.pk}/practise/correct/")  # type: ignore[attr-defined]
    page.wait_for_load_state()
    page.mouse.move(200, 200)
    page.mouse.move(300, 300)
    expect(page.locator("[name=active_seconds]")).to_have_value(re.compile("^[1-9]"))
    page.locator("#practice button").click()
    expect(page.locator(".feedback")).to_be_visible()
    assert 1 <= PracticeResult.objects.get().active_seconds < 60


@pytest.mark.parametrize(
    ("person", "page", "name"), [("sena", "pick", "corrected"), ("ada", "adjudicate", "disputed")]
)
def test_the_seconds_before_sending_back_are_kept_with_the_return(
    request: pytest.FixtureRequest, person: str, page: str, name: str
) -> None:
    client, question = signed_in(request.getfixturevalue(person)), request.getfixturevalue(name)
    words = {"return_reason": "没有说明复查时间", "round": 1, "draft_version": 0, "active_seconds": "20"}
    leave(client, page, question, words)
    resumed = counted_on(client, page, question)
    address = reverse(
        "annotation:return" if page == "pick" else "annotation:adjudicate-return", args=[question.pk]
    )
    key = {"idempotency_key": str(uuid.uuid4())}
    sent = words | key | {"round": 1, "draft_version": 1, "active_seconds": resumed + 13}
    assert client.post(address, sent, **HTMX).status_code == 204
    assert Return.objects.get().active_seconds == 33


def test_the_seconds_before_sending_back_come_over_the_interface_too(corrected: Question, sena: User) -> None:
    answer = signed_in(sena).post(
        f"/api/v1/questions/{corrected.pk}/pick/return/",
        {"reason": "没有说明复查时间", "active_seconds": 41.5},
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert answer.status_code == 201, answer.content
    assert Return.objects.get().active_seconds == 41.5
