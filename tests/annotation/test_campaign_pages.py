"""A researcher's pages: a campaign made, filled, watched and exported without the command line."""

import re
import uuid

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import (
    Campaign,
    CampaignMember,
    Comment,
    Correction,
    Flag,
    Lease,
    Notification,
    Phrase,
    PracticeResult,
    Question,
    Skip,
)
from annotation.services.picks import pick, return_to_juniors
from annotation.services.practice import PracticeAnswer, add_item
from annotation.services.remarks import flag, settle_flag
from annotation.services.skips import lift, skip
from annotation.services.withdrawals import withdraw
from annotation.statistics import timeline
from mammo.accounts.models import User
from tests.annotation import scene

HTMX = {"HTTP_HX_REQUEST": "true"}


def signed_in(person: User) -> Client:
    """A browser in which `person` is signed in."""
    client = Client()
    client.force_login(person)
    return client


def key() -> dict[str, str]:
    """A fresh idempotency key."""
    return {"idempotency_key": str(uuid.uuid4())}


@pytest.fixture
def campaign(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """An open campaign whose questions need no study."""
    return scene.open_campaign_of(rita, [june, jack], [sena, sol])


@pytest.fixture
def settled(campaign: Campaign, june: User, sena: User) -> Question:
    """A question that was corrected and picked; a second one waits."""
    first, _second = scene.proposed(campaign, 2)
    scene.settle(first, june)
    pick(first, by_user=sena, correction=Correction.objects.candidates(first)[0].pk)
    first.refresh_from_db()
    return first


def form_of(site: object, **changes: object) -> dict[str, object]:
    """What the page of a new campaign sends."""
    return {
        **key(),
        "site": str(site.pk),  # type: ignore[attr-defined]
        "name": "Autumn",
        "languages": ["zh", "en"],
        "proposer_kind": "transformers",
        "proposer_place": "owner/glm",
        "proposer_context": "fields",
        "temperature": "0.8",
        "top_p": "0.9",
        "max_new_tokens": "256",
        "most_draws": "5",
        "seed": "",
        "overlap": "1",
        "senior_overlap": "1",
        "allow_small_edit": "on",
        "consent_zh": "我同意",
    } | changes


def test_a_campaign_is_made_filled_and_opened_on_pages(
    rita: User, june: User, sena: User, site: object
) -> None:
    client = signed_in(rita)
    assert client.get(reverse("annotation:campaign-create")).status_code == 200
    refused = client.post(reverse("annotation:campaign-create"), form_of(site, top_p="1.5"))
    assert refused.status_code == 400
    made = client.post(reverse("annotation:campaign-create"), form_of(site, seed="41"))
    campaign = Campaign.objects.get()
    assert made.url == reverse("annotation:campaign-people", args=[campaign.pk])
    assert (campaign.state, campaign.proposer["path"], campaign.seed) == ("draft", "owner/glm", 41)
    drawn = {"temperature": 0.8, "top_p": 0.9, "max_new_tokens": 256, "most_draws": 5}
    assert campaign.parameters == drawn
    settings = reverse("annotation:campaign-settings", args=[campaign.pk])
    sent = form_of(site, version=campaign.version, most_draws="7", seed="42")
    assert client.post(settings, sent).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.parameters, campaign.seed) == ({**drawn, "most_draws": 7}, 42)
    shown = client.get(reverse("annotation:campaign", args=[campaign.pk])).content.decode()
    assert "<code>most_draws</code> 7" in shown
    people = reverse("annotation:campaign-people", args=[campaign.pk])
    client.post(people, {"do": "add", "correct": [str(june.pk)], "pick": [str(sena.pk)]} | key())
    assert CampaignMember.objects.count() == 2
    client.post(reverse("annotation:campaign-move", args=[campaign.pk]), {**key(), "to": "open"})
    campaign.refresh_from_db()
    assert campaign.state == "open"
    again = client.post(reverse("annotation:campaign-create"), form_of(site))
    assert again.status_code == 400
    assert "exists at this site" in again.content.decode()


def test_settings_are_frozen_once_the_first_answer_exists(
    settled: Question, rita: User, site: object
) -> None:
    client, campaign = signed_in(rita), settled.campaign
    url = reverse("annotation:campaign-settings", args=[campaign.pk])
    assert "frozen" in client.get(url).content.decode()
    sent = form_of(site, overlap="3", practice_required="on", version=campaign.version)
    assert client.post(url, sent).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.overlap, campaign.practice_required) == (1, True)


def test_another_kind_of_proposer_takes_nothing_of_the_earlier_one_along(
    campaign: Campaign, rita: User, site: object
) -> None:
    url = reverse("annotation:campaign-settings", args=[campaign.pk])
    endpoint = {
        "proposer_kind": "openai",
        "proposer_place": "https://llm.example.org/v1",
        "proposer_name": "glm-4",
        "proposer_context": "none",
    }
    sent = form_of(site, version=campaign.version, **endpoint)
    assert signed_in(rita).post(url, sent).status_code == 302
    campaign.refresh_from_db()
    assert campaign.proposer == {
        "kind": "openai",
        "base_url": "https://llm.example.org/v1",
        "model": "glm-4",
        "name": "glm-4",
        "timeout_seconds": 120,
        "max_retries": 5,
        "capabilities": {
            "supports_n": False,
            "supports_seed": False,
            "image_mode": "none",
            "max_concurrency": 1,
        },
    }


def test_settings_of_an_older_page_overwrite_nothing(campaign: Campaign, rita: User, site: object) -> None:
    client = signed_in(rita)
    url = reverse("annotation:campaign-settings", args=[campaign.pk])
    assert f'name="version" value="{campaign.version}"' in client.get(url).content.decode()
    first = form_of(site, version=campaign.version, consent_zh="第一位研究者的同意书")
    assert client.post(url, first).status_code == 302
    stale = client.post(url, form_of(site, version=campaign.version, consent_zh="第二位研究者的同意书"))
    assert stale.status_code == 409
    for text in ("第一位研究者的同意书", "第二位研究者的同意书"):
        assert text in stale.content.decode()
    campaign.refresh_from_db()
    assert campaign.consent_text["zh"] == "第一位研究者的同意书"


def test_settings_that_are_refused_change_nothing_and_stay_in_the_form(
    campaign: Campaign, rita: User, site: object
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state="closed")
    url = reverse("annotation:campaign-settings", args=[campaign.pk])
    sent = form_of(site, version=campaign.version, consent_zh="写了很久的同意书", temperature="0.5")
    refused = signed_in(rita).post(url, sent)
    assert refused.status_code == 400
    assert "is closed" in refused.content.decode()
    assert "写了很久的同意书" in refused.content.decode()
    before = campaign.parameters
    campaign.refresh_from_db()
    assert (campaign.parameters, campaign.proposer["path"]) == (before, "/models/tiny-glm")


def test_a_page_saved_without_a_change_makes_no_new_version(campaign: Campaign, rita: User) -> None:
    client = signed_in(rita)
    url = reverse("annotation:campaign-texts", args=[campaign.pk])
    sent = {
        "instructions": "# 说明\r\n要点一\r\n要点二",
        "guideline": "## 复查时间\r\n六个月。\r\n",
        "guideline_edition": "第2版",
    }
    for _again in range(3):
        campaign.refresh_from_db()
        assert client.post(url, {**sent, "version": campaign.version}).status_code == 302
    assert campaign.guideline_versions.count() == 1
    assert campaign.instruction_versions.count() == 2
    campaign.refresh_from_db()
    assert campaign.instructions == "# 说明\n要点一\n要点二"


def test_texts_are_saved_together_or_not_at_all(campaign: Campaign, rita: User) -> None:
    url = reverse("annotation:campaign-texts", args=[campaign.pk])
    sent = {"version": campaign.version, "instructions": "新的说明", "guideline": "## 用语\r\n不下诊断。"}
    refused = signed_in(rita).post(url, {**sent, "guideline_edition": ""})
    assert refused.status_code == 400
    assert "edition: empty" in refused.content.decode()
    assert "不下诊断" in refused.content.decode()
    assert campaign.instruction_versions.count() == 1


def test_instructions_and_guideline_are_versioned_and_shown_safely(
    campaign: Campaign, rita: User, june: User
) -> None:
    client = signed_in(rita)
    url = reverse("annotation:campaign-texts", args=[campaign.pk])
    sent = {
        "version": campaign.version,
        "instructions": "# 说明\n<script>alert(1)</script> [链接](javascript:alert(1)) **要点**",
        "guideline": "## 复查时间\n六个月。",
        "guideline_edition": "科室指南 第2版",
    }
    assert client.post(url, sent).status_code == 302
    campaign.refresh_from_db()
    assert campaign.instruction_versions.count() == 2
    assert campaign.guideline_versions.get().edition == "科室指南 第2版"
    (question,) = scene.proposed(campaign, 1)
    body = signed_in(june).get(reverse("annotation:correct", args=[question.pk])).content.decode()
    assert "<strong>要点</strong>" in body
    assert "<script>alert" not in body
    assert "javascript:" not in body
    assert "科室指南 第2版" in body
    assert 'value="g-复查时间"' in body
    stale = client.post(url, {**sent, "instructions": "另一种写法"})
    assert stale.status_code == 409
    assert "另一种写法" in stale.content.decode()
    assert "要点" in stale.content.decode()


def test_progress_quality_stuck_and_timeline_show_what_happened(
    settled: Question, rita: User, june: User, otto: User
) -> None:
    client, campaign = signed_in(rita), settled.campaign
    Flag.objects.create(question=settled, by_user=june, kind="unclear", note="看不懂")
    pages = {
        name: client.get(reverse(f"annotation:{name}", args=[campaign.pk])).content.decode()
        for name in ("campaign", "campaign-quality", "campaign-stuck", "campaign-people", "question-list")
    }
    assert "<svg" in pages["campaign"]
    assert "tiny GLM" in pages["campaign-quality"]
    assert "看不懂" in pages["campaign-stuck"]
    body = client.get(reverse("annotation:timeline", args=[settled.pk])).content.decode()
    for text in ("June", "Sena", scene.ANSWERS[0], "seed 1000"):
        assert text in body
    for name in ("campaign", "campaign-quality", "campaign-stuck", "campaign-people", "campaign-settings"):
        for stranger in (june, otto):
            answer = signed_in(stranger).get(reverse(f"annotation:{name}", args=[campaign.pk]))
            assert answer.status_code == 404, (name, stranger)
    assert signed_in(june).get(reverse("annotation:timeline", args=[settled.pk])).status_code == 404
    client.post(reverse("annotation:flag-settle", args=[Flag.objects.get().pk]), {"settlement": "已改写"})
    assert Flag.objects.get().settlement == "已改写"


def test_a_return_stands_on_the_timeline_between_the_rounds(
    campaign: Campaign, rita: User, june: User, sena: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    return_to_juniors(question, by_user=sena, reason="侧别写反了", reason_codes=["wrong"])
    question.refresh_from_db()
    scene.settle(question, june)
    events = [(event.kind, str(event.title)) for event in timeline.timeline(question) if event.kind != "seen"]
    assert [kind for kind, _title in events] == [
        *("asked", "proposed", "proposed", "proposed", "corrected", "corrected", "corrected"),
        *("returned", "corrected", "corrected", "corrected"),
    ]
    (back,) = [event for event in timeline.timeline(question) if event.kind == "returned"]
    assert (back.by_user, back.text) == (sena, "侧别写反了")
    assert str(back.title) == "Sent back to be corrected, end of round 1"
    body = signed_in(rita).get(reverse("annotation:timeline", args=[question.pk])).content.decode()
    assert body.index("侧别写反了") < body.rindex("round 2")


def test_what_became_of_flags_and_skips_and_being_taken_out_stand_on_the_timeline(
    campaign: Campaign, rita: User, june: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    settle_flag(flag(question, by_user=june, kind="unclear", note="看不懂"), "问过患者", by_user=rita)
    lift(skip(question, by_user=june, purpose="correct", code="known"), by_user=rita)
    withdraw(question, "重复的问题", by_user=rita)
    asides = ("flagged", "settled", "skipped", "lifted", "remark", "withdrawn")
    events = {event.kind: event for event in timeline.timeline(question) if event.kind in asides}
    assert tuple(events) == asides
    assert (events["settled"].by_user, events["settled"].text) == (rita, "问过患者")
    assert (events["lifted"].by_user, events["withdrawn"].by_user) == (rita, rita)
    assert "June" in str(events["lifted"].title)
    body = signed_in(rita).get(reverse("annotation:timeline", args=[question.pk])).content.decode()
    for said in ("Flag settled", "问过患者", "Taken out of the campaign", "重复的问题"):
        assert said in body


def test_everything_opens_after_the_choice_and_nothing_before(
    campaign: Campaign, june: User, sena: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    Comment.objects.create(question=question, by_user=june, role="correct", text="第二个我改了侧别")
    client, url = signed_in(sena), reverse("annotation:pick", args=[question.pk])
    before = client.get(url).content.decode()
    for hidden in ("tiny GLM", "第二个我改了侧别", "Wrong fact", "data-compare"):
        assert hidden not in before
    pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    after = client.get(url).content.decode()
    for opened in ("tiny GLM", "第二个我改了侧别", "Wrong fact", "data-compare", scene.ANSWERS[0]):
        assert opened in after


def test_warnings_are_shown_while_correcting_and_kept_beside_the_correction(
    campaign: Campaign, june: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    items = scene.items_for(question)
    sent = {f"text-{items[0].proposal}": "您得了乳腺癌，请每天口服他莫昔芬20mg。"}
    body = (
        signed_in(june).post(reverse("annotation:correct-check", args=[question.pk]), sent).content.decode()
    )
    assert 'data-kind="diagnosis"' in body
    assert 'data-kind="dosage"' in body
    assert Correction.objects.count() == 0
    client = signed_in(june)
    form = {**key(), "revision": 0, "round": 1, "draft_version": 0}
    for item in items:
        form[f"text-{item.proposal}"] = item.text
    form[f"text-{items[0].proposal}"] = "您得了乳腺癌。"
    form[f"no_change-{items[2].proposal}"] = "on"
    assert (
        client.post(reverse("annotation:correct-submit", args=[question.pk]), form, **HTMX).status_code == 204
    )
    row = Correction.objects.get(proposal=items[0].proposal)
    assert (row.warnings, row.text) == (["diagnosis"], "您得了乳腺癌。")


def test_skip_flag_remark_and_phrase_from_the_page(campaign: Campaign, june: User, rita: User) -> None:
    (question,) = scene.proposed(campaign, 1)
    client = signed_in(june)
    assert "Remarks" in client.get(reverse("annotation:correct", args=[question.pk])).content.decode()
    said = client.post(
        reverse("annotation:comment", args=[question.pk]), {**key(), "text": "请看第三句"}, **HTMX
    )
    assert "请看第三句" in said.content.decode()
    client.post(reverse("annotation:flag", args=[question.pk]), {**key(), "kind": "consent"}, **HTMX)
    book = client.post(
        reverse("annotation:phrase-add", args=[campaign.pk]), {**key(), "phrase": "请按时复查。"}, **HTMX
    )
    assert "请按时复查。" in book.content.decode()
    assert "请按时复查。" in client.get(reverse("annotation:correct", args=[question.pk])).content.decode()
    client.post(reverse("annotation:phrase-remove", args=[Phrase.objects.get().pk]), **HTMX)
    assert not Phrase.objects.exists()
    client.post(reverse("annotation:correct-skip", args=[question.pk]), {**key(), "code": "known"})
    assert not Lease.objects.exists()
    body = client.get(reverse("annotation:correct-list")).content.decode()
    assert "Skipped by you" in body
    client.post(reverse("annotation:skip-lift", args=[Skip.objects.get().pk]))
    assert question in Question.objects.waiting_for(june, "correct")
    kinds = set(Notification.objects.filter(user=rita).values_list("kind", flat=True))
    assert kinds == {"comment", "flagged", "skipped"}
    news = signed_in(rita)
    assert "flagged" in news.get(reverse("annotation:news")).content.decode()
    news.post(reverse("annotation:news-read"))
    assert not Notification.objects.unread(rita).exists()


def test_practice_comes_first_and_its_first_result_is_kept(
    campaign: Campaign, june: User, rita: User
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(practice_required=True)
    campaign.refresh_from_db()
    (question,) = scene.proposed(campaign, 1)
    answers = [
        PracticeAnswer(text="左乳有结节。", tags=["wrong_side"], reference="右乳有结节。"),
        PracticeAnswer(text="请半年后复查。"),
    ]
    item = add_item(campaign, by_user=rita, question="哪一侧？", answers=answers, best=1, language="zh")
    client = signed_in(june)
    assert client.get(reverse("annotation:correct", args=[question.pk])).status_code == 409
    assert "Begin to practise" in client.get(reverse("annotation:correct-list")).content.decode()
    url = reverse("annotation:practise", args=[campaign.pk, "correct"])
    page = client.get(url).content.decode()
    assert "左乳有结节。" in page
    assert "右乳有结节。" not in page
    (own_key,) = re.findall(r'name="idempotency_key" value="([^"]+)"', page)
    sent = {"idempotency_key": own_key, "item": str(item.pk), "tags-0": ["wrong_side"], "tags-1": ["other"]}
    done = client.post(url, sent)
    feedback = client.get(done.url).content.decode()
    assert "右乳有结节。" in feedback
    again = client.post(url, sent)
    assert (again.status_code, again.headers["Location"]) == (302, done.url), "a second click"
    row = PracticeResult.objects.get()
    assert (row.right, row.possible) == (1, 2)
    assert client.post(url, {**key(), "item": str(item.pk)}).status_code == 409
    assert client.get(reverse("annotation:correct", args=[question.pk])).status_code == 200
    progress = signed_in(rita).get(reverse("annotation:campaign", args=[campaign.pk])).content.decode()
    assert re.findall(r"<li>(\w+) \(.*?: (.*?)</li>", progress) == [
        ("Jack", "0 examples, 0 of 0 right"),
        ("June", "1 examples, 1 of 2 right"),
        ("Sena", "0 examples, 0 of 0 right"),
        ("Sol", "0 examples, 0 of 0 right"),
    ]
    with pytest.raises(Exception, match="frozen"):
        add_item(campaign, by_user=rita, question="又一个？", answers=answers, best=0, language="zh")


def test_a_persons_hours_are_a_file_without_formulas(settled: Question, june: User) -> None:
    Campaign.objects.filter(pk=settled.campaign_id).update(name="=1+1")
    body = signed_in(june).get(reverse("annotation:own-hours")).content.decode("utf-8-sig")
    rows = body.splitlines()
    assert rows[0] == "day,campaign,work,cases,minutes"
    assert rows[1].split(",")[1] == "'=1+1"
    assert rows[1].split(",")[2:4] == ["correct", "1"]
