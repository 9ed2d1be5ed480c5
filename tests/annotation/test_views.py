"""Pages: who sees what, one row per wish, and 409 with both texts."""

import re
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Correction, Draft, Lease, Pick, Question, Return
from mammo.accounts.models import User
from mammo.core.models import IdempotentPost
from tests.annotation import scene

HTMX = {"HTTP_HX_REQUEST": "true"}


def signed_in(person: User) -> Client:
    """A browser in which `person` is signed in."""
    client = Client()
    client.force_login(person)
    return client


def form_of(question: Question, **changes: Any) -> dict[str, Any]:
    """What the correct page sends for items that settle the question."""
    sent: dict[str, Any] = {
        "idempotency_key": str(uuid.uuid4()),
        "revision": 0,
        "round": 1,
        "draft_version": 0,
    }
    for item in scene.items_for(question):
        sent[f"text-{item.proposal}"] = item.text
        sent[f"tags-{item.proposal}"] = list(item.error_tags)
        if item.no_change:
            sent[f"no_change-{item.proposal}"] = "on"
    return sent | changes


def pick_form(question: Question, **changes: Any) -> dict[str, Any]:
    """What the pick page sends for the first candidate."""
    chosen = Correction.objects.candidates(question)[0]
    sent = {
        "idempotency_key": str(uuid.uuid4()),
        "round": 1,
        "draft_version": 0,
        "correction": str(chosen.pk),
    }
    return sent | {f"text-{chosen.pk}": chosen.text, "reasons": ["correctness"]} | changes


def test_the_worklist_shows_what_waits(question: Question, june: User) -> None:
    page = signed_in(june).get(reverse("annotation:correct-list"))
    assert "我的乳腺密度是多少" in page.content.decode()
    assert reverse("annotation:correct", args=[question.pk]) in page.content.decode()


def test_next_leads_to_the_held_question_and_then_to_nothing(
    question: Question, june: User, jack: User
) -> None:
    answer = signed_in(june).post(reverse("annotation:correct-next"))
    assert answer.url == reverse("annotation:correct", args=[question.pk])
    assert Lease.objects.get().user == june
    assert signed_in(jack).post(reverse("annotation:correct-next")).url == reverse("annotation:correct-list")


def test_the_page_shows_the_case_and_every_proposal(question: Question, june: User) -> None:
    study = question.study
    assert study is not None
    study.date, study.symptom, study.history = date(2026, 3, 9), "右乳肿块", "母亲患乳腺癌"
    study.save()
    earlier = scene.patient_with_study(study.site, "P001", "A000", density="B")
    earlier.date = date(2025, 2, 1)
    earlier.save()
    body = signed_in(june).get(reverse("annotation:correct", args=[question.pk])).content.decode()
    for text in (*scene.ANSWERS, "52", "体检", "右乳结节，BI-RADS 4A类，建议活检。"):
        assert text in body
    assert "张三" not in body
    assert reverse("archive:viewer", args=[question.study_id]) in body
    assert "tiny GLM" not in body
    strip = body.split('<dl class="facts"')[1].split("</dl>")[0]
    assert dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", strip)) == {
        "Age": "52",
        "Density": "C",
        "BI-RADS right": "4A",
        "BI-RADS left": "2",
        "Prior": "2025-02-01: B, right 4A, left 2",
        "Symptom": "右乳肿块",
        "Indication": "体检",
        "History": "母亲患乳腺癌",
    }


def test_unknown_and_forbidden_questions_are_the_same_404(
    corrected: Question, june: User, jack: User, sena: User, otto: User, rita: User, dana: User
) -> None:
    unknown = uuid.uuid4()
    cases = [("correct", person) for person in (sena, otto, rita, dana)]
    cases += [("pick", person) for person in (june, jack, otto, rita, dana)]
    for name, person in cases:
        client = signed_in(person)
        forbidden = client.get(reverse(f"annotation:{name}", args=[corrected.pk]))
        absent = client.get(reverse(f"annotation:{name}", args=[unknown]))
        assert (forbidden.status_code, absent.status_code) == (404, 404)
        token = "csrf"
        assert token not in forbidden.content.decode() or len(forbidden.content) == len(absent.content)


@pytest.mark.parametrize("name", ["correct-submit", "correct-draft", "pick-submit", "pick-draft", "return"])
def test_strangers_post_nothing(corrected: Question, otto: User, name: str) -> None:
    sent = {"idempotency_key": str(uuid.uuid4()), "round": 1, "draft_version": 0, "revision": 0}
    assert signed_in(otto).post(reverse(f"annotation:{name}", args=[corrected.pk]), sent).status_code == 404


def test_without_signing_in_every_page_leads_to_the_sign_in(question: Question) -> None:
    for name in ("correct", "pick"):
        answer = Client().get(reverse(f"annotation:{name}", args=[question.pk]))
        assert answer.status_code == 302
        assert "/accounts/login/" in answer.url


def test_sending_in_stores_and_goes_on(question: Question, june: User) -> None:
    answer = signed_in(june).post(
        reverse("annotation:correct-submit", args=[question.pk]), form_of(question), **HTMX
    )
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, reverse("annotation:correct-list"))
    assert Correction.objects.count() == 3
    body = signed_in(june).get(reverse("annotation:correct", args=[question.pk])).content.decode()
    assert "已核对" in body
    assert 'name="text-' not in body


def test_a_double_click_makes_one_set_of_rows(question: Question, june: User) -> None:
    client, sent = signed_in(june), form_of(question)
    answers = [
        client.post(reverse("annotation:correct-submit", args=[question.pk]), sent, **HTMX) for _ in range(2)
    ]
    assert [answer.headers["HX-Redirect"] for answer in answers] == [reverse("annotation:correct-list")] * 2
    assert Correction.objects.count() == 3
    assert IdempotentPost.objects.count() == 1


def test_what_is_not_settled_is_answered_400_and_the_key_stays_free(question: Question, june: User) -> None:
    client, sent = signed_in(june), form_of(question)
    url = reverse("annotation:correct-submit", args=[question.pk])
    first = next(name for name in sent if name.startswith("text-"))
    refused = client.post(url, sent | {first: ""}, **HTMX)
    assert refused.status_code == 400
    assert "empty" in refused.content.decode()
    assert not Correction.objects.exists()
    assert client.post(url, sent, **HTMX).status_code == 204


def test_a_draft_is_saved_and_shown_again(question: Question, june: User) -> None:
    client, sent = signed_in(june), form_of(question)
    first = next(name for name in sent if name.startswith("text-"))
    answer = client.post(
        reverse("annotation:correct-draft", args=[question.pk]), sent | {first: "还没写完 <b>"}, **HTMX
    )
    assert 'value="1"' in answer.content.decode()
    assert "hx-swap-oob" in answer.content.decode()
    body = client.get(reverse("annotation:correct", args=[question.pk])).content.decode()
    assert "还没写完 &lt;b&gt;" in body
    assert 'name="draft_version" id="draft-version" value="1"' in body


def test_two_tabs_get_409_with_both_texts(question: Question, june: User) -> None:
    client, sent = signed_in(june), form_of(question)
    url = reverse("annotation:correct-draft", args=[question.pk])
    first = next(name for name in sent if name.startswith("text-"))
    client.post(url, sent | {first: "第一个标签页"}, **HTMX)
    stale = client.post(url, sent | {first: "第二个标签页"}, **HTMX)
    assert stale.status_code == 409
    assert "You saved this on another page" in stale.content.decode()
    assert "Someone saved" not in stale.content.decode()
    assert "第一个标签页" in stale.content.decode()
    assert "第二个标签页" in stale.content.decode()
    assert "第一个标签页" in str(Draft.objects.get().content)
    sending = client.post(
        reverse("annotation:correct-submit", args=[question.pk]), sent | {first: "第二个标签页"}, **HTMX
    )
    assert sending.status_code == 409
    assert "第一个标签页" in sending.content.decode()
    assert not Correction.objects.exists()


def test_a_second_tab_cant_send_over_what_was_sent(question: Question, june: User) -> None:
    client = signed_in(june)
    url = reverse("annotation:correct-submit", args=[question.pk])
    sent = form_of(question)
    first = next(name for name in sent if name.startswith("text-"))
    assert client.post(url, sent, **HTMX).status_code == 204
    again = client.post(url, sent | {first: "别的标签页", "idempotency_key": str(uuid.uuid4())}, **HTMX)
    assert again.status_code == 409
    assert "You saved this on another page" in again.content.decode()
    assert "别的标签页" in again.content.decode()
    assert "已核对0" in again.content.decode()
    assert Correction.objects.count() == 3


def test_a_held_question_says_so(question: Question, june: User, jack: User) -> None:
    signed_in(june).get(reverse("annotation:correct", args=[question.pk]))
    answer = signed_in(jack).get(reverse("annotation:correct", args=[question.pk]))
    assert answer.status_code == 409
    assert "Someone else works on this question" in answer.content.decode()


def test_the_pick_page_hides_origin(corrected: Question, sena: User, june: User) -> None:
    body = signed_in(sena).get(reverse("annotation:pick", args=[corrected.pk])).content.decode()
    for row in Correction.objects.candidates(corrected):
        assert row.text in body
    hidden = [june.display_name, str(june.pk), "tiny GLM", "wrong_fact", "no_change", scene.ANSWERS[0] + "<"]
    hidden += [str(row.proposal_id) for row in Correction.objects.all()]
    for secret in hidden:
        assert secret not in body


def test_a_pick_is_stored_once(corrected: Question, sena: User) -> None:
    client, sent = signed_in(sena), pick_form(corrected)
    url = reverse("annotation:pick-submit", args=[corrected.pk])
    for _ in range(2):
        assert client.post(url, sent, **HTMX).headers["HX-Redirect"] == reverse("annotation:pick-list")
    assert Pick.objects.get().reason_codes == ["correctness"]
    assert client.post(url, sent | {"idempotency_key": str(uuid.uuid4())}, **HTMX).status_code == 409
    assert Pick.objects.count() == 1
    assert "What you picked" in client.get(reverse("annotation:pick", args=[corrected.pk])).content.decode()


def test_a_pick_without_a_choice_is_refused_in_words(corrected: Question, sena: User) -> None:
    answer = signed_in(sena).post(
        reverse("annotation:pick-submit", args=[corrected.pk]), pick_form(corrected, correction=""), **HTMX
    )
    assert answer.status_code == 400
    assert not Pick.objects.exists()


def test_a_picks_draft_comes_back(corrected: Question, sena: User) -> None:
    client, sent = signed_in(sena), pick_form(corrected, reason="想一想")
    client.post(reverse("annotation:pick-draft", args=[corrected.pk]), sent, **HTMX)
    body = client.get(reverse("annotation:pick", args=[corrected.pk])).content.decode()
    assert "想一想" in body
    assert f'value="{sent["correction"]}" required checked' in body


def test_a_second_tab_cant_write_or_return_over_a_newer_draft(corrected: Question, sena: User) -> None:
    client = signed_in(sena)
    client.post(
        reverse("annotation:pick-draft", args=[corrected.pk]), pick_form(corrected, reason="想一想"), **HTMX
    )
    typed = pick_form(corrected, written="请六个月后复查。", written_reason="都不完整", return_reason="再改")
    for name in ("pick-write", "return"):
        answer = client.post(reverse(f"annotation:{name}", args=[corrected.pk]), typed, **HTMX)
        assert answer.status_code == 409
        body = answer.content.decode()
        assert "想一想" in body
        assert "请六个月后复查。" in body
        assert "再改" in body
    assert not Pick.objects.exists()
    assert not Return.objects.exists()


def test_sending_back_reaches_the_junior_with_its_reason(corrected: Question, sena: User, june: User) -> None:
    sent = {
        "idempotency_key": str(uuid.uuid4()),
        "round": 1,
        "draft_version": 0,
        "return_reason": "请说明复查时间",
        "return_reasons": ["incomplete"],
    }
    signed_in(sena).post(reverse("annotation:return", args=[corrected.pk]), sent)
    assert Return.objects.get().reason_codes == ["incomplete"]
    body = signed_in(june).get(reverse("annotation:correct", args=[corrected.pk])).content.decode()
    assert "请说明复查时间" in body
    assert "已核对0" in body


def test_researchers_see_how_far_campaigns_are(
    question: Question, rita: User, otto: User, june: User
) -> None:
    body = signed_in(rita).get(reverse("annotation:campaign-list")).content.decode()
    assert "Spring" in body
    assert "Spring" not in signed_in(otto).get(reverse("annotation:campaign-list")).content.decode()
    assert signed_in(june).get(reverse("annotation:campaign-list")).status_code == 404


def test_a_researcher_asks_for_proposals_once(campaign: Campaign, rita: User, otto: User) -> None:
    from mammo.jobs.models import Job

    scene.ask(campaign)
    url, sent = reverse("annotation:propose", args=[campaign.pk]), {"idempotency_key": str(uuid.uuid4())}
    client = signed_in(rita)
    for _ in range(2):
        assert client.post(url, sent).headers["Location"] == reverse("annotation:campaign-list")
    assert Job.objects.count() == 1
    assert signed_in(otto).post(url, {"idempotency_key": str(uuid.uuid4())}).status_code == 404


def test_pages_are_not_kept_by_the_browser(question: Question, june: User) -> None:
    answer = signed_in(june).get(reverse("annotation:correct", args=[question.pk]))
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_worklist_counts_what_it_shows(rita: User, june: User, sena: User) -> None:
    scene.proposed(scene.open_campaign_of(rita, [june], [sena]), 3)
    client = signed_in(june)
    client.post(reverse("annotation:correct-next"))
    shown = client.get(reverse("annotation:correct-list")).context
    assert (len(shown["mine"]), len(shown["waiting"]), shown["waiting_count"]) == (1, 2, 2)


def test_a_worklist_has_a_column_of_states_where_a_question_has_one(corrected: Question, sena: User) -> None:
    client, url = signed_in(sena), reverse("annotation:pick-list")
    assert '<th scope="col">State</th>' not in client.get(url).content.decode()
    client.post(reverse("annotation:pick-draft", args=[corrected.pk]), pick_form(corrected), **HTMX)
    page = client.get(url).content.decode()
    assert '<th scope="col">State</th>' in page
    assert "Draft saved" in page


@pytest.mark.parametrize(
    ("language", "nothing", "saved"),
    [("en", "Nothing to save yet", "Saved"), ("zh-hans", "尚无需要保存的内容", "已保存")],
)
def test_whether_anything_is_saved_is_said_before_and_after_the_first_draft(
    corrected: Question, sena: User, language: str, nothing: str, saved: str
) -> None:
    client, url = signed_in(sena), reverse("annotation:pick", args=[corrected.pk])
    client.cookies["django_language"] = language
    state = re.compile(r"<span data-save-state[^>]*>([^<]*)</span>")
    assert state.findall(client.get(url).content.decode()) == [nothing]
    client.post(reverse("annotation:pick-draft", args=[corrected.pk]), pick_form(corrected), **HTMX)
    at = timezone.localtime(Draft.objects.get().updated_at)
    (said,) = state.findall(client.get(url).content.decode())
    assert said == f"{saved} {at:%H:%M}"
    Draft.objects.update(updated_at=at - timedelta(days=2))
    (said,) = state.findall(client.get(url).content.decode())
    assert said == f"{saved} {at - timedelta(days=2):%Y-%m-%d %H:%M}"


def test_the_seconds_that_pages_counted_are_kept(question: Question, june: User, sena: User) -> None:
    sent = form_of(question, active_seconds="90")
    signed_in(june).post(reverse("annotation:correct-submit", args=[question.pk]), sent, **HTMX)
    assert [row.active_seconds for row in Correction.objects.all()] == [30, 30, 30]
    question.refresh_from_db()
    sent = pick_form(question, active_seconds="41")
    signed_in(sena).post(reverse("annotation:pick-submit", args=[question.pk]), sent, **HTMX)
    assert Pick.objects.get().active_seconds == 41


@pytest.mark.parametrize("counted", ["-5", "nan", "soon", "1e999", ""])
def test_seconds_that_no_page_counts_are_none(question: Question, june: User, counted: str) -> None:
    sent = form_of(question, active_seconds=counted)
    signed_in(june).post(reverse("annotation:correct-submit", args=[question.pk]), sent, **HTMX)
    assert {row.active_seconds for row in Correction.objects.all()} == {0}


def test_safety_warnings_open_only_after_the_pick(question: Question, june: User, sena: User) -> None:
    sent = form_of(question)
    first = next(name for name in sent if name.startswith("text-"))
    sent[first] = "您得了乳腺癌。"
    signed_in(june).post(reverse("annotation:correct-submit", args=[question.pk]), sent, **HTMX)
    assert Correction.objects.filter(warnings=["diagnosis"]).count() == 1
    question.refresh_from_db()
    client, url = signed_in(sena), reverse("annotation:pick", args=[question.pk])
    warning, before = "states a diagnosis that images alone", client.get(url).content.decode()
    assert "您得了乳腺癌。" in before
    assert warning not in before
    assert "warned" not in before
    client.post(reverse("annotation:pick-submit", args=[question.pk]), pick_form(question), **HTMX)
    assert warning in client.get(url).content.decode()


def test_an_empty_reason_is_named_in_words_on_a_chinese_page(corrected: Question, sena: User) -> None:
    url = reverse("annotation:return", args=[corrected.pk])
    chinese = {"HX-Request": "true", "Accept-Language": "zh-CN"}
    answer = signed_in(sena).post(url, pick_form(corrected, reason="", return_reason=" "), headers=chinese)
    assert answer.status_code == 400
    told = answer.content.decode()
    assert "退回理由为空" in told
    assert "reason" not in told
