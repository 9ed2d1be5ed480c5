"""A page of an earlier round writes nothing into the next one, and nobody's seat comes back by typing."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Correction, Draft, Lease, Pick, Question, Return, ShownOrder
from annotation.services.assignments import unassign
from annotation.services.leases import hold
from annotation.services.picks import pick, return_to_juniors
from annotation.services.skips import lift, skip
from annotation.statistics import pick_rates
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from tests.annotation import scene
from tests.annotation.test_views import HTMX, form_of, pick_form, signed_in

TYPED = "三小时的工作。"


def post(client: Client, name: str, question: Question, sent: dict[str, Any]) -> Any:
    return client.post(reverse(f"annotation:{name}", args=[question.pk]), sent, **HTMX)


def back(question: Question, senior: User) -> None:
    """The senior sends the question back."""
    return_to_juniors(question, by_user=senior, reason="没有说明复查时间")
    question.refresh_from_db()


@pytest.mark.parametrize("name", ["correct-submit", "correct-draft"])
def test_a_juniors_page_of_the_first_round_is_no_answer_of_the_second(
    waiting: Question, june: User, sena: User, name: str
) -> None:
    mine = Correction.objects.candidates(waiting).get(proposal__index=0)
    back(waiting, sena)
    sent = form_of(waiting, **{f"text-{mine.proposal_id}": TYPED})
    refused = post(signed_in(june), name, waiting, sent)
    body = refused.content.decode()
    assert refused.status_code == 409
    assert "sent back after you opened this page" in body
    assert TYPED in body
    assert mine.text in body, "what she sent in stands beside it"
    assert not Correction.objects.filter(round=2).exists()
    assert not Draft.objects.exists()
    assert not ShownOrder.objects.filter(round=2).exists()
    assert post(signed_in(june), name, waiting, sent | {"round": 2}).status_code in (200, 204)


def test_a_seniors_open_page_keeps_what_was_typed_over_the_return_by_another(
    waiting: Question, june: User, sena: User, sol: User
) -> None:
    client = signed_in(sol)
    Lease.objects.all().delete()
    page = reverse("annotation:pick", args=[waiting.pk])
    assert f'name="round" value="{waiting.round}"' in client.get(page).content.decode()
    Lease.objects.filter(user=sol).delete()
    old = Correction.objects.candidates(waiting)[0]
    sent = pick_form(waiting, **{f"text-{old.pk}": TYPED})
    back(waiting, sena)
    assert post(client, "pick-draft", waiting, sent).status_code == 409  # while June corrects
    scene.settle(waiting, june)
    for name in ("pick-draft", "pick-submit", "pick-write", "return"):
        words = {"written": TYPED, "written_reason": "都漏了", "return_reason": "再改"}
        refused = post(client, name, waiting, sent | words)
        assert (refused.status_code, TYPED in refused.content.decode()) == (409, True), name
    assert not Draft.objects.exists()
    assert not Pick.objects.exists()
    assert Return.objects.count() == 1
    assert not ShownOrder.objects.filter(round=2, purpose="pick").exists()
    # The page of the new round has its texts, and one that was emptied by an earlier version too.
    new = Correction.objects.candidates(waiting)[0]
    Draft.objects.create(question=waiting, user=sol, purpose="pick", content={"wordings": {str(new.pk): ""}})
    fresh = client.get(page).content.decode()
    assert f'name="text-{new.pk}" rows="4" spellcheck="false">\n{new.text}' in fresh.replace(
        ">" + new.text, ">\n" + new.text
    )


def test_only_wordings_that_a_page_sent_are_kept(waiting: Question, sena: User) -> None:
    assert post(signed_in(sena), "pick-draft", waiting, pick_form(waiting)).status_code == 200
    first = Correction.objects.candidates(waiting)[0]
    assert Draft.objects.get().content["wordings"] == {str(first.pk): first.text}


def test_an_adjudicators_page_of_an_earlier_round_decides_nothing(disputed: Question, ada: User) -> None:
    chosen = Pick.objects.filter(question=disputed)[0]
    sent = {
        "idempotency_key": str(uuid.uuid4()),
        "draft_version": 0,
        "chosen": str(chosen.pk),
        "reason": TYPED,
    }
    Question.objects.filter(pk=disputed.pk).update(round=2)
    for name in ("adjudicate-submit", "adjudicate-draft", "adjudicate-return"):
        refused = post(signed_in(ada), name, disputed, sent | {"round": 1, "return_reason": TYPED})
        assert (refused.status_code, TYPED in refused.content.decode()) == (409, True), name
    assert not Pick.objects.filter(is_adjudication=True).exists()
    assert not Return.objects.exists()


def test_a_page_that_does_not_say_its_round_is_asked_to_be_opened_again(
    waiting: Question, sena: User
) -> None:
    sent = pick_form(waiting)
    del sent["round"]
    answer = post(signed_in(sena), "pick-draft", waiting, sent)
    assert (answer.status_code, "round" in answer.content.decode()) == (400, True)


def test_a_save_while_the_question_is_with_the_juniors_draws_no_order(
    waiting: Question, june: User, sena: User, sol: User
) -> None:
    back(waiting, sena)
    for sent_round in (1, 2):
        assert (
            post(signed_in(sol), "pick-draft", waiting, pick_form_of(waiting, sent_round)).status_code == 409
        )
    assert not ShownOrder.objects.filter(purpose="pick").exists()
    scene.settle(waiting, june)
    scene.settle(waiting, june, expected_revision=1)  # nobody has begun to choose: she may still revise
    assert signed_in(sena).get(reverse("annotation:pick", args=[waiting.pk])).status_code == 200
    shown = ShownOrder.objects.get(purpose="pick")
    assert len(shown.order) == 3
    pick(waiting, by_user=sena, correction=uuid.UUID(shown.order[1]))
    assert [rate.picked for rate in pick_rates.by_place(waiting.campaign)] == [0, 1, 0]


def pick_form_of(question: Question, sent_round: int) -> dict[str, Any]:
    """What a senior's page sends of a round that has no corrected answers now."""
    key = {"idempotency_key": str(uuid.uuid4()), "draft_version": 0}
    return key | {"round": sent_round, "reason": TYPED}


def test_typing_takes_back_no_seat_that_was_skipped(plain: Any, june: User) -> None:
    (question,) = scene.proposed(plain, 1)
    client = signed_in(june)
    page = reverse("annotation:correct", args=[question.pk])
    assert client.get(page).status_code == 200
    row = skip(question, by_user=june, purpose="correct", code="known")
    first = scene.items_for(question)[0]
    saved = post(client, "correct-draft", question, form_of(question, **{f"text-{first.proposal}": TYPED}))
    assert (saved.status_code, "You hold this question no more" in saved.content.decode()) == (200, True)
    again = client.get(page)
    assert (again.status_code, TYPED in again.content.decode()) == (409, True)
    assert post(client, "correct-submit", question, form_of(question, draft_version=1)).status_code == 409
    assert not Lease.objects.exists()
    assert TYPED in str(Draft.objects.get().content), "nothing of hers is lost"
    lift(row, by_user=june)
    assert client.get(page).status_code == 200
    assert Lease.objects.get().user == june


def test_typing_takes_back_no_seat_that_was_taken_away(
    plain: Any, june: User, jack: User, rita: User
) -> None:
    (question,) = scene.proposed(plain, 1)
    hold(question, by_user=june, purpose="correct")
    unassign(question, june, "correct", by_user=rita)
    assert post(signed_in(june), "correct-draft", question, form_of(question)).status_code == 200
    assert not Lease.objects.exists()
    assert Draft.objects.get().user == june
    hold(question, by_user=jack, purpose="correct")


def test_who_skipped_takes_no_seat_until_the_skip_is_lifted(plain: Any, june: User) -> None:
    (question,) = scene.proposed(plain, 1)
    skip(question, by_user=june, purpose="correct", code="known")
    with pytest.raises(WrongStateError, match="skipped"):
        hold(question, by_user=june, purpose="correct")
