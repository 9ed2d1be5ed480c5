"""Judgements by the interface name the instructions and the guideline that their person was shown."""

from typing import Any

import pytest

from annotation import presentation
from annotation.models import Campaign, Correction, Pick, Return
from annotation.services.campaign_settings import change_guideline
from annotation.services.campaigns import change_instructions
from mammo.accounts.models import User
from tests.annotation import scene
from tests.api.conftest import Caller
from tests.api.test_annotation_work import V1, made, post


@pytest.fixture
def spring(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """An open campaign with one question to correct, two wordings of its instructions, two of its guideline."""
    campaign = scene.open_campaign_of(rita, [june, jack], [sena, sol])
    scene.proposed(campaign, 1)
    for number, heading in ((1, "复查时间"), (2, "用语")):
        campaign.refresh_from_db()
        change_instructions(campaign, f"{number}。", by_user=rita, expected_version=campaign.version)
        campaign.refresh_from_db()
        text, named = f"## {heading}\n写明。", f"第{number}版"
        change_guideline(campaign, text, edition=named, by_user=rita, expected_version=campaign.version)
        campaign.refresh_from_db()
    return campaign


def test_corrections_name_the_edition_that_was_shown(spring: Campaign, june: User, caller: Caller) -> None:
    client, question = caller(june), spring.questions.get()
    at = f"questions/{question.pk}/correct"
    cited = {"error_tags": ["wrong_fact"], "citations": {"wrong_fact": "g-复查时间"}}
    items = [
        {"proposal": item["proposal"], "text": "核对过了。", **cited}
        for item in client.get(f"{V1}/{at}/").json()["items"]
    ]
    body = {"items": items, "revision": 0, "guideline_version": 1}
    for wrong in ({"guideline_version": 9}, {"guideline_version": 2}, {"guideline_version": None}):
        refused = post(client, at, body | wrong)
        assert refused.status_code == 400, wrong
    assert "guideline_version" in post(client, at, body | {"guideline_version": 9}).content.decode()
    assert {row["guideline_version"] for row in made(client, at, body)} == {1}
    assert {row.guideline_version for row in Correction.objects.all()} == {1}


@pytest.mark.parametrize("path", ["pick", "pick/write"])
def test_choices_name_the_instructions_that_were_shown(
    spring: Campaign, june: User, sena: User, caller: Caller, path: str
) -> None:
    question = spring.questions.get()
    scene.settle(question, june)
    client, at = caller(sena), f"questions/{question.pk}/{path}"
    chosen = str(Correction.objects.candidates(question)[0].pk)
    bodies: dict[str, dict[str, Any]] = {
        "pick": {"correction": chosen},
        "pick/write": {"text": "请六个月后复查超声。", "reason": "都漏了超声"},
    }
    body = bodies[path] | {"instruction_version": 1, "active_seconds": 17.5}
    refused = post(client, at, body | {"instruction_version": 9})
    assert (refused.status_code, "instruction_version" in refused.content.decode()) == (400, True)
    assert not Pick.objects.exists()
    made(client, at, body)
    row = Pick.objects.get()
    assert (row.instruction_version, row.active_seconds) == (1, 17.5)


def test_who_sends_back_names_what_was_shown(
    spring: Campaign, june: User, sena: User, caller: Caller
) -> None:
    question = spring.questions.get()
    scene.settle(question, june)
    client, at = caller(sena), f"questions/{question.pk}/pick/return"
    body = {"reason": "复查时间没有写", "instruction_version": 1, "guideline_version": 1}
    for wrong in ("instruction_version", "guideline_version"):
        refused = post(client, at, body | {wrong: 9})
        assert (refused.status_code, wrong in refused.content.decode()) == (400, True)
    assert not Return.objects.exists()
    made(client, at, body)
    row = Return.objects.get()
    assert (row.instruction_version, row.guideline_version) == (1, 1)


def test_a_draft_names_a_heading_for_each_error(spring: Campaign, june: User, caller: Caller) -> None:
    client, question = caller(june), spring.questions.get()
    first = str(question.proposals.all()[0].pk)
    item = {"text": "核对过了。", "tags": ["wrong_fact"], "citations": {"wrong_fact": "g-用语"}}
    body = {"version": 0, "items": {first: item}}
    kept = made(client, f"questions/{question.pk}/correct/draft", body, 200)
    assert kept["content"]["items"][first]["citations"] == {"wrong_fact": "g-用语"}
    cards = {str(card.id): card for card in presentation.correction_cards(question, june)}
    assert cards[first].citations == {"wrong_fact": "g-用语"}
