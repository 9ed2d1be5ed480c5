"""A question that was sent back: what its junior reads of why, and that nothing goes in again untouched by accident."""

import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Comment, Correction, Draft, Lease, Question
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.picks import return_to_juniors
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.annotation import scene
from tests.annotation.test_views import HTMX, signed_in

WHY = "复查时间写在第二句里了"


@pytest.fixture
def returned(waiting: Question, sena: User) -> Question:
    """A question that Sena sent back to June, with two codes and her words."""
    return_to_juniors(waiting, by_user=sena, reason="没有说明复查时间", reason_codes=["unsafe", "incomplete"])
    waiting.refresh_from_db()
    return waiting


def as_before(question: Question) -> list[CorrectionItem]:
    """Exactly what stands of the round that was sent back."""
    rows = Correction.objects.standing().filter(proposal__question=question).order_by("proposal__index")
    return [CorrectionItem(proposal=r.proposal_id, text=r.text, no_change=r.no_change) for r in rows]


def form(question: Question, items: list[CorrectionItem], **more: Any) -> dict[str, Any]:
    """What the page of the second round sends."""
    sent: dict[str, Any] = {"idempotency_key": str(uuid.uuid4()), "revision": 0, "draft_version": 0}
    for item in items:
        sent[f"text-{item.proposal}"] = item.text
        if item.no_change:
            sent[f"no_change-{item.proposal}"] = "on"
    return sent | {"round": question.round} | more


def submit(client: Client, question: Question, sent: dict[str, Any]) -> Any:
    return client.post(reverse("annotation:correct-submit", args=[question.pk]), sent, **HTMX)


def test_what_was_sent_back_is_not_taken_again_untouched(returned: Question, june: User) -> None:
    items = as_before(returned)
    spaced = [replace(item, text=f" {item.text}\r\n") for item in items]
    for untouched in (items, spaced):
        with pytest.raises(UserError, match="as it was sent back"):
            submit_corrections(returned, by_user=june, items=untouched, stands_because="  ")
    assert not Correction.objects.filter(round=2).exists()


def test_it_stands_where_the_junior_says_why_and_the_words_become_a_remark(
    returned: Question, june: User, sena: User
) -> None:
    rows = submit_corrections(returned, by_user=june, items=as_before(returned), stands_because=f" {WHY} ")
    assert {row.round for row in rows} == {2}
    remark = Comment.objects.get(question=returned)
    assert (remark.by_user, remark.role) == (june, "correct")
    assert remark.text == f"I looked again; it stands as it is: {WHY}"
    assert not Comment.objects.readable_by(sena, returned).exists(), "nothing of it before she chooses"


def test_one_changed_text_asks_for_no_reason(returned: Question, june: User) -> None:
    first, *rest = as_before(returned)
    changed = [replace(first, text="三个月后复查。"), *rest]
    submit_corrections(returned, by_user=june, items=changed, stands_because=WHY)
    assert not Comment.objects.exists(), "it does not stand as it is"


def test_one_who_never_answered_it_is_not_asked(returned: Question, jack: User) -> None:
    Lease.objects.all().delete()
    assert submit_corrections(returned, by_user=jack, items=as_before(returned))


def test_a_reason_has_the_length_of_a_remark(returned: Question, june: User) -> None:
    with pytest.raises(UserError, match="500"):
        submit_corrections(returned, by_user=june, items=as_before(returned), stands_because="长" * 501)


def test_the_page_refuses_what_is_untouched_and_takes_it_with_a_reason(
    returned: Question, june: User
) -> None:
    client = signed_in(june)
    refused = submit(client, returned, form(returned, as_before(returned)))
    assert (refused.status_code, "as it was sent back" in refused.content.decode()) == (400, True)
    taken = submit(client, returned, form(returned, as_before(returned), stands_because=WHY))
    assert taken.status_code == 204
    assert WHY in Comment.objects.get().text


def test_a_typed_reason_is_kept_with_the_draft_and_shown_again(returned: Question, june: User) -> None:
    client = signed_in(june)
    page = reverse("annotation:correct", args=[returned.pk])
    assert 'name="stands_because"' in client.get(page).content.decode()
    sent = form(returned, as_before(returned), stands_because=WHY)
    saved = client.post(reverse("annotation:correct-draft", args=[returned.pk]), sent, **HTMX)
    assert saved.status_code == 200
    assert Draft.objects.get().content["stands_because"] == WHY
    assert WHY in client.get(page).content.decode()


def test_a_first_round_has_no_such_field(plain: Any, june: User) -> None:
    (question,) = scene.proposed(plain, 1)
    body = signed_in(june).get(reverse("annotation:correct", args=[question.pk])).content.decode()
    assert "stands_because" not in body


def test_the_page_says_the_seniors_codes_in_words_beside_hers(returned: Question, june: User) -> None:
    client = signed_in(june)
    page = reverse("annotation:correct", args=[returned.pk])
    said = client.get(page).content.decode().split("A senior sent this back:")[1].split("</div>")[0]
    for words in ("Unsafe advice", "Leaves the question unanswered", "没有说明复查时间"):
        assert words in said
    chinese = client.get(page, HTTP_ACCEPT_LANGUAGE="zh-hans").content.decode()
    assert "没有说明复查时间" in chinese
    assert "Unsafe advice" not in chinese.split("</form>")[0].split("没有说明复查时间")[0]
