"""A correction names the edition of the guideline that its page showed; people are told of a new one."""

import json
import re
import uuid
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Correction, Notification, Pick, Question, Return
from annotation.services.campaign_settings import change_guideline
from annotation.services.campaigns import change_instructions
from annotation.services.drafts import save_draft
from annotation.services.export import export_training
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.test_views import HTMX, form_of, pick_form, signed_in

DATES, WORDING = "## 复查时间\n六个月。", "## 用语\n不下诊断。"


def edit(campaign: Campaign, rita: User, text: str, edition: str) -> int:
    """Another edition of the guideline; its number."""
    campaign.refresh_from_db()
    row = change_guideline(campaign, text, edition=edition, by_user=rita, expected_version=campaign.version)
    return int(row.number)


def shown_on(client: Client, question: Question, page: str = "correct") -> str:
    """The number that a page sends back."""
    body = client.get(reverse(f"annotation:{page}", args=[question.pk])).content.decode()
    (number,) = re.findall(r'name="guideline_version" value="(\d+)"', body)
    return str(number)


def citing(question: Question, code: str, **more: str) -> dict[str, object]:
    """What the page sends when each tagged error cites a heading."""
    cited = {
        f"cite-{item.proposal}-{tag}": code for item in scene.items_for(question) for tag in item.error_tags
    }
    return form_of(question, **cited, **more)


def send(client: Client, question: Question, sent: dict[str, object]) -> int:
    """The status of sending in."""
    address = reverse("annotation:correct-submit", args=[question.pk])
    return client.post(address, sent, **HTMX).status_code


def test_a_correction_names_the_edition_that_its_page_showed(
    question: Question, june: User, rita: User
) -> None:
    client = signed_in(june)
    assert shown_on(client, question) == "0"
    first = edit(question.campaign, rita, DATES, "第1版")
    shown = shown_on(client, question)
    assert shown == str(first)
    assert edit(question.campaign, rita, WORDING, "第2版") == first + 1
    # The heading stands in the edition that was shown, no longer in the newest one.
    assert send(client, question, citing(question, "g-复查时间", guideline_version=shown)) == 204
    rows = Correction.objects.all()
    assert {row.guideline_version for row in rows} == {first}
    assert {code for row in rows for code in row.citations.values()} == {"g-复查时间"}


def test_a_heading_of_another_edition_than_the_shown_one_is_refused(
    question: Question, june: User, rita: User
) -> None:
    first = edit(question.campaign, rita, DATES, "第1版")
    edit(question.campaign, rita, WORDING, "第2版")
    sent = citing(question, "g-用语", guideline_version=str(first))
    assert send(signed_in(june), question, sent) == 400
    assert send(signed_in(june), question, citing(question, "g-用语", guideline_version="0")) == 400
    assert not Correction.objects.exists()


def test_without_a_number_the_edition_that_stands_is_named(
    question: Question, june: User, rita: User
) -> None:
    edit(question.campaign, rita, DATES, "第1版")
    newest = edit(question.campaign, rita, WORDING, "第2版")
    assert send(signed_in(june), question, citing(question, "g-用语")) == 204
    assert {row.guideline_version for row in Correction.objects.all()} == {newest}


@pytest.mark.parametrize("forged", ["7", "x", "", "²", "9" * 20, pytest.param("9" * 5000, id="5000 digits")])
def test_an_edition_that_never_was_is_refused(
    question: Question, june: User, rita: User, forged: str
) -> None:
    edit(question.campaign, rita, DATES, "第1版")
    sent = form_of(question, guideline_version=forged)
    address = reverse("annotation:correct-submit", args=[question.pk])
    refused = signed_in(june).post(address, sent, **HTMX)
    assert (refused.status_code, "guideline_version" in refused.content.decode()) == (400, True)
    assert not Correction.objects.exists()


def test_another_campaigns_edition_is_refused(question: Question, june: User, sena: User, rita: User) -> None:
    edit(question.campaign, rita, DATES, "第1版")
    other = scene.open_campaign_of(rita, [june], [sena], name="Other")
    numbers = [edit(other, rita, DATES, f"第{number}版") for number in (1, 2, 3)]
    assert send(signed_in(june), question, form_of(question, guideline_version=str(numbers[-1]))) == 400
    assert not Correction.objects.exists()


def test_history_and_training_set_say_from_which_edition_was_cited(
    question: Question, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    campaign = question.campaign
    first = edit(campaign, rita, DATES, "科室指南 第1版")
    campaign.refresh_from_db()
    told = change_instructions(campaign, "一。", by_user=rita, expected_version=campaign.version).number
    edit(campaign, rita, WORDING, "科室指南 第2版")
    sent = citing(question, "g-复查时间", guideline_version=str(first), instruction_version=str(told))
    assert send(signed_in(june), question, sent) == 204
    campaign.refresh_from_db()
    change_instructions(campaign, "二。", by_user=rita, expected_version=campaign.version)
    question.refresh_from_db()
    chosen = Correction.objects.candidates(question).filter(no_change=False)[0]
    picked = pick_form(question, correction=str(chosen.pk), **{f"text-{chosen.pk}": chosen.text})
    signed_in(sena).post(reverse("annotation:pick-submit", args=[question.pk]), picked, **HTMX)
    assert Pick.objects.get().correction == chosen

    history = signed_in(rita).get(reverse("annotation:timeline", args=[question.pk])).content.decode()
    assert history.count(f"cites “复查时间” of 科室指南 第1版 (version {first})") == 2
    assert "科室指南 第2版" not in history

    export_training(campaign, tmp_path / "out", format="trl", by_user=rita)
    (row,) = map(json.loads, (tmp_path / "out" / "lineage.jsonl").read_text("utf-8").splitlines())
    assert row["citations"] == {"wrong_fact": "g-复查时间"}
    assert (row["guideline_version"], row["guideline_edition"]) == (first, "科室指南 第1版")
    assert (row["correction_instruction_version"], row["instruction_version"]) == (told, told + 1)


def test_each_error_of_an_answer_cites_its_own_heading(question: Question, june: User, rita: User) -> None:
    edit(question.campaign, rita, f"{DATES}\n{WORDING}", "科室指南 第1版")
    client, sent = signed_in(june), form_of(question)
    one, other = (item.proposal for item in scene.items_for(question) if item.error_tags)
    sent |= {
        f"tags-{one}": ["wrong_fact", "language", "other"],
        f"cite-{one}-wrong_fact": "g-复查时间",
        f"cite-{one}-language": "g-用语",
        f"cite-{one}-other": "",
        # Not tagged: what its field still holds is not said.
        f"cite-{other}-unsafe_advice": "g-用语",
    }
    client.post(reverse("annotation:correct-draft", args=[question.pk]), sent, **HTMX)
    page = client.get(reverse("annotation:correct", args=[question.pk])).content.decode()
    for tag, code in (("wrong_fact", "g-复查时间"), ("language", "g-用语")):
        field = page.split(f'name="cite-{one}-{tag}"')[1].split("</select>")[0]
        assert re.findall(r'value="([^"]*)" selected', field) == [code]
    assert send(client, question, sent | {"round": 1, "draft_version": "1"}) == 204
    cited = {"wrong_fact": "g-复查时间", "language": "g-用语"}
    rows = {row.proposal_id: row.citations for row in Correction.objects.all()}
    assert (rows[one], rows[other]) == (cited, {})
    history = signed_in(rita).get(reverse("annotation:timeline", args=[question.pk])).content.decode()
    assert "Wrong fact: cites “复查时间” of 科室指南 第1版 (version 1)" in history
    assert "Language: cites “用语” of 科室指南 第1版 (version 1)" in history


def test_a_draft_that_named_one_heading_means_it_for_all_its_errors(
    question: Question, june: User, rita: User
) -> None:
    edit(question.campaign, rita, DATES, "第1版")
    item = scene.items_for(question)[0]
    drafted = {
        "text": item.text,
        "no_change": False,
        "tags": ["wrong_fact", "other"],
        "citation": "g-复查时间",
    }
    content = {"items": {str(item.proposal): drafted}}
    save_draft(question, by_user=june, purpose="correct", content=content, expected_version=0)
    page = signed_in(june).get(reverse("annotation:correct", args=[question.pk])).content.decode()
    assert page.count('value="g-复查时间" selected') == 2


@pytest.mark.parametrize(("page", "address"), [("pick", "return"), ("adjudicate", "adjudicate-return")])
def test_who_sends_back_names_what_the_page_showed(
    request: pytest.FixtureRequest, rita: User, june: User, page: str, address: str, tmp_path: Path
) -> None:
    question = request.getfixturevalue({"pick": "corrected", "adjudicate": "disputed"}[page])
    senior = request.getfixturevalue({"pick": "sena", "adjudicate": "ada"}[page])
    campaign, client = question.campaign, signed_in(senior)
    first = edit(campaign, rita, DATES, "科室指南 第1版")
    campaign.refresh_from_db()
    told = change_instructions(campaign, "一。", by_user=rita, expected_version=campaign.version).number
    shown = {"guideline_version": shown_on(client, question, page), "instruction_version": str(told)}
    assert shown["guideline_version"] == str(first)
    edit(campaign, rita, WORDING, "科室指南 第2版")
    campaign.refresh_from_db()
    change_instructions(campaign, "二。", by_user=rita, expected_version=campaign.version)
    sent = {
        "idempotency_key": str(uuid.uuid4()),
        "round": 1,
        "draft_version": "0",
        "return_reason": "复查时间没有写",
    }
    url = reverse(f"annotation:{address}", args=[question.pk])
    for forged in ({"guideline_version": "9"}, {"instruction_version": "9"}):
        assert client.post(url, sent | shown | forged, **HTMX).status_code == 400
    assert client.post(url, sent | shown, **HTMX).status_code == 204
    row = Return.objects.get()
    assert (row.guideline_version, row.instruction_version) == (first, told)

    history = signed_in(rita).get(reverse("annotation:timeline", args=[question.pk])).content.decode()
    assert f"guideline shown: 科室指南 第1版 (version {first})" in history
    assert f"instructions shown: version {told}" in history

    question.refresh_from_db()
    scene.settle(question, june)
    Question.objects.filter(pk=question.pk).update(stage="picked")
    chosen = Correction.objects.candidates(question)[0]
    Pick.objects.create(question=question, correction=chosen, by_user=senior, round=2, text=chosen.text)
    export_training(campaign, tmp_path / "out", format="trl", by_user=rita)
    (line,) = map(json.loads, (tmp_path / "out" / "lineage.jsonl").read_text("utf-8").splitlines())
    assert line["returns"] == [
        {
            "return": str(row.pk),
            "round": 1,
            "returned_by": str(senior.pk),
            "reason_codes": [],
            "instruction_version": told,
            "guideline_version": first,
            "guideline_edition": "科室指南 第1版",
        }
    ]
    assert "复查时间没有写" not in json.dumps(line, ensure_ascii=False)


def test_a_return_of_before_says_that_nothing_was_kept(
    corrected: Question, rita: User, june: User, sena: User
) -> None:
    edit(corrected.campaign, rita, DATES, "第1版")
    Return.objects.create(question=corrected, by_user=sena, round=1, reason="再改")
    history = signed_in(rita).get(reverse("annotation:timeline", args=[corrected.pk])).content.decode()
    assert "再改" in history
    assert "guideline shown" not in history


def test_everybody_of_an_open_campaign_is_told_that_the_guideline_changed(
    campaign: Campaign, rita: User, june: User, jack: User, sena: User, sol: User, dana: User
) -> None:
    edit(campaign, rita, DATES, "第1版")
    told = Notification.objects.filter(kind="guideline", campaign=campaign)
    assert {row.user for row in told} == {june, jack, sena, sol}
    page = signed_in(june).get(reverse("annotation:news")).content.decode()
    assert f"The guideline changed: {campaign.name}" in page
    assert "The guideline changed" not in signed_in(dana).get(reverse("annotation:news")).content.decode()


def test_nobody_is_told_of_the_guideline_of_a_draft(campaign: Campaign, rita: User) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state="draft")
    edit(campaign, rita, DATES, "第1版")
    assert not Notification.objects.filter(kind="guideline").exists()
