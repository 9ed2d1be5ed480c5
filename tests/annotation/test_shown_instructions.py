"""A judgement names the instructions that its page showed, and people are told when they change."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Correction, InstructionVersion, Notification, Pick, Question
from annotation.services.campaigns import change_instructions
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.test_views import HTMX, form_of, pick_form, signed_in


def instruct(campaign: Campaign, rita: User, text: str) -> int:
    """Another wording of the instructions; its number."""
    campaign.refresh_from_db()
    change_instructions(campaign, text, by_user=rita, expected_version=campaign.version)
    newest = InstructionVersion.objects.filter(campaign=campaign).latest("number")
    return int(newest.number)


def shown_on(client: Client, page: str, question: Question) -> str:
    """The number that a page sends back."""
    body = client.get(reverse(f"annotation:{page}", args=[question.pk])).content.decode()
    (number,) = re.findall(r'name="instruction_version" value="(\d+)"', body)
    return str(number)


def test_a_correction_names_the_instructions_that_its_page_showed(
    question: Question, june: User, rita: User
) -> None:
    client = signed_in(june)
    first = instruct(question.campaign, rita, "建议要写明时间。")
    shown = shown_on(client, "correct", question)
    assert shown == str(first)
    assert instruct(question.campaign, rita, "建议要写明时间和方法。") == first + 1
    sent = form_of(question, instruction_version=shown)
    assert (
        client.post(reverse("annotation:correct-submit", args=[question.pk]), sent, **HTMX).status_code == 204
    )
    assert {row.instruction_version for row in Correction.objects.all()} == {first}


@pytest.mark.parametrize("address", ["pick-submit", "pick-write"])
def test_a_choice_names_the_instructions_that_its_page_showed(
    corrected: Question, sena: User, rita: User, address: str
) -> None:
    client = signed_in(sena)
    first = instruct(corrected.campaign, rita, "选最准确的。")
    shown = shown_on(client, "pick", corrected)
    instruct(corrected.campaign, rita, "选最完整的。")
    own = {"written": "请六个月后复查超声。", "written_reason": "都漏了超声"}
    sent = pick_form(corrected, instruction_version=shown, **own)
    assert client.post(reverse(f"annotation:{address}", args=[corrected.pk]), sent, **HTMX).status_code == 204
    assert Pick.objects.get().instruction_version == first


def test_a_decision_names_the_instructions_that_its_page_showed(
    rita: User, disputed: Question, ada: User
) -> None:
    question, campaign = disputed, disputed.campaign
    one = Correction.objects.candidates(question)[0]
    first = instruct(campaign, rita, "以安全为先。")
    assert shown_on(signed_in(ada), "adjudicate", question) == str(first)
    instruct(campaign, rita, "以完整为先。")
    sent = {
        "idempotency_key": str(uuid.uuid4()),
        "round": 1,
        "draft_version": 0,
        "chosen": str(one.pk),
        "reason": "更安全",
        "active_seconds": "41.5",
        "instruction_version": str(first),
    }
    answer = signed_in(ada).post(reverse("annotation:adjudicate-submit", args=[question.pk]), sent, **HTMX)
    assert answer.status_code == 204, answer.content
    row = Pick.objects.get(is_adjudication=True)
    assert (row.instruction_version, row.active_seconds) == (first, 41.5)


def test_without_a_number_the_instructions_that_stand_are_named(
    question: Question, june: User, rita: User
) -> None:
    newest = instruct(question.campaign, rita, "建议要写明时间。")
    sent = form_of(question)
    assert (
        signed_in(june).post(reverse("annotation:correct-submit", args=[question.pk]), sent).status_code
        == 302
    )
    assert {row.instruction_version for row in Correction.objects.all()} == {newest}


@pytest.mark.parametrize("forged", ["7", "x", "", "²", "9" * 20, pytest.param("9" * 5000, id="5000 digits")])
def test_instructions_that_never_were_are_refused(
    question: Question, june: User, rita: User, forged: str
) -> None:
    instruct(question.campaign, rita, "建议要写明时间。")
    sent: dict[str, Any] = form_of(question, instruction_version=forged)
    refused = signed_in(june).post(reverse("annotation:correct-submit", args=[question.pk]), sent, **HTMX)
    assert refused.status_code == 400
    assert "instruction_version" in refused.content.decode()
    assert not Correction.objects.exists()


def test_another_campaigns_instructions_are_refused(
    question: Question, june: User, sena: User, rita: User
) -> None:
    instruct(question.campaign, rita, "建议要写明时间。")
    other = scene.open_campaign_of(rita, [june], [sena], name="Other")
    numbers = [instruct(other, rita, text) for text in ("一", "二", "三")]
    sent = form_of(question, instruction_version=str(numbers[-1]))
    refused = signed_in(june).post(reverse("annotation:correct-submit", args=[question.pk]), sent, **HTMX)
    assert refused.status_code == 400
    assert not Correction.objects.exists()


def test_everybody_of_an_open_campaign_is_told_that_the_instructions_changed(
    campaign: Campaign, rita: User, june: User, jack: User, sena: User, sol: User, dana: User
) -> None:
    instruct(campaign, rita, "建议要写明时间。")
    told = Notification.objects.filter(kind="instruct", campaign=campaign)
    assert {row.user for row in told} == {june, jack, sena, sol}
    page = signed_in(june).get(reverse("annotation:news")).content.decode()
    assert "The instructions changed" in page
    assert "The instructions changed" not in signed_in(dana).get(reverse("annotation:news")).content.decode()


def test_nobody_is_told_of_the_instructions_of_a_draft(campaign: Campaign, rita: User) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state="draft")
    instruct(campaign, rita, "建议要写明时间。")
    assert not Notification.objects.filter(kind="instruct").exists()
