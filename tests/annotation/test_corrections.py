"""Corrections: all settled or refused, append-only, counted."""

import dataclasses
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Correction, Draft, Lease, Proposal, Question
from annotation.opened import opened_cards
from annotation.presentation import candidate_cards
from annotation.services import leases
from annotation.services.campaigns import change_instructions, close_campaign
from annotation.services.collisions import TakenError
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.drafts import save_draft
from annotation.services.picks import pick, return_to_juniors
from annotation.services.shown_orders import shown_order
from mammo.accounts.models import AuditEvent, User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from tests.annotation import scene
from tests.annotation.test_views import signed_in


def test_three_settled_proposals_move_the_question_on(question: Question, june: User) -> None:
    rows = submit_corrections(question, by_user=june, items=scene.items_for(question), active_seconds=90)
    question.refresh_from_db()
    assert question.stage == Question.Stage.CORRECTED
    assert [row.no_change for row in rows] == [False, False, True]
    assert [row.edit_distance for row in rows] == [6, 6, 0]
    assert [row.active_seconds for row in rows] == [30, 30, 30]
    assert rows[0].error_tags == ["wrong_fact"]
    assert rows[0].instruction_version == 1
    assert AuditEvent.objects.filter(action="annotation.corrected", actor=june).count() == 1


def with_item(question: Question, **changes: Any) -> list[CorrectionItem]:
    """Settling items whose first one is changed."""
    first, *others = scene.items_for(question)
    return [dataclasses.replace(first, **changes), *others]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"text": " \n "}, "empty"),
        ({"text": scene.ANSWERS[0], "error_tags": []}, "not settled"),
        ({"no_change": True}, "its text was changed"),
        ({"text": scene.ANSWERS[0], "no_change": True}, "errors are tagged"),
        ({"error_tags": ["nonsense"]}, "'nonsense' is unknown"),
        ({"text": "x" * 9000}, "longer than"),
        ({"proposal": uuid.UUID(int=1)}, "not settled"),
    ],
)
def test_what_is_not_settled_is_refused_and_nothing_is_stored(
    question: Question, june: User, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserError, match=named):
        submit_corrections(question, by_user=june, items=with_item(question, **changes))
    question.refresh_from_db()
    assert not Correction.objects.exists()
    assert question.stage == Question.Stage.PROPOSED


def test_two_of_three_are_not_enough(question: Question, june: User) -> None:
    with pytest.raises(UserError, match="not settled"):
        submit_corrections(question, by_user=june, items=scene.items_for(question)[:2])


def test_a_proposal_of_another_question_is_refused(campaign: Campaign, june: User) -> None:
    first, second = scene.ask(campaign, scene.row(), scene.row("另一个问题？", 3))
    scene.propose(campaign, [first, second])
    items = [*scene.items_for(first), scene.items_for(second)[0]]
    with pytest.raises(UserError, match="does not belong"):
        submit_corrections(first, by_user=june, items=items)


def test_line_ends_of_the_browser_are_no_change(campaign: Campaign, june: User) -> None:
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question], ("一\n二", "三", "四"))
    items = [
        CorrectionItem(proposal=p.pk, text=p.text.replace("\n", "\r\n"), no_change=True)
        for p in Proposal.objects.current(question)
    ]
    rows = submit_corrections(question, by_user=june, items=items)
    assert [row.edit_distance for row in rows] == [0, 0, 0]


def test_seniors_strangers_and_other_sites_do_not_correct(question: Question, sena: User, otto: User) -> None:
    for person in (sena, otto):
        with pytest.raises(NotAllowedError):
            submit_corrections(question, by_user=person, items=scene.items_for(question))


def test_a_junior_who_lost_the_role_does_not_correct(question: Question, june: User) -> None:
    june.memberships.all().delete()
    with pytest.raises(NotAllowedError):
        submit_corrections(question, by_user=june, items=scene.items_for(question))
    assert not Question.objects.visible_to(june).exists()


def test_a_closed_campaign_takes_no_corrections(question: Question, june: User, rita: User) -> None:
    close_campaign(question.campaign, by_user=rita)
    with pytest.raises(WrongStateError):
        submit_corrections(question, by_user=june, items=scene.items_for(question))


def test_a_second_junior_is_not_needed_where_one_is_enough(corrected: Question, jack: User) -> None:
    with pytest.raises(TakenError, match="finished"):
        submit_corrections(corrected, by_user=jack, items=scene.items_for(corrected))
    assert Correction.objects.count() == 3


def test_overlap_waits_for_two_juniors(rita: User, june: User, jack: User, sena: User, study: object) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], overlap=2)
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    scene.settle(question, june)
    assert question.stage == Question.Stage.PROPOSED
    scene.settle(question, jack)
    assert question.stage == Question.Stage.CORRECTED
    assert Correction.objects.candidates(question).count() == 6


def test_a_later_revision_is_a_new_row_that_points_at_the_first(corrected: Question, june: User) -> None:
    before = list(Correction.objects.order_by("created_at"))
    again = submit_corrections(corrected, by_user=june, items=with_item(corrected, text="完全改写。"))
    assert Correction.objects.count() == 6
    assert again[0].replaces in before
    assert again[0].revision == 2
    assert {row.pk for row in Correction.objects.candidates(corrected)} == {row.pk for row in again}
    assert Correction.objects.get(pk=before[0].pk).text == before[0].text


def test_no_revision_once_a_senior_has_seen_the_texts(corrected: Question, june: User, sena: User) -> None:
    shown_order(
        corrected, [c.pk for c in Correction.objects.candidates(corrected)], user=sena, purpose="pick"
    )
    with pytest.raises(WrongStateError, match="begun to choose"):
        submit_corrections(corrected, by_user=june, items=scene.items_for(corrected))


def test_no_revision_while_a_senior_holds_the_question(corrected: Question, june: User, sena: User) -> None:
    leases.hold(corrected, by_user=sena, purpose="pick")
    with pytest.raises(WrongStateError, match="has this question now"):
        submit_corrections(corrected, by_user=june, items=scene.items_for(corrected))
    Lease.objects.filter(user=sena).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert submit_corrections(corrected, by_user=june, items=with_item(corrected, text="完全改写。"))


def test_a_revision_that_met_the_first_opening_leaves_the_page_whole(
    corrected: Question, june: User, sena: User
) -> None:
    seen = [row.pk for row in Correction.objects.candidates(corrected)]
    submit_corrections(corrected, by_user=june, items=with_item(corrected, text="完全改写。"))
    shown_order(corrected, seen, user=sena, purpose="pick")
    client, address = signed_in(sena), reverse("annotation:pick", args=[corrected.pk])
    page = client.get(address)
    assert page.status_code == 200
    assert "完全改写。" in page.content.decode()
    cards = candidate_cards(corrected, sena)
    standing = Correction.objects.candidates(corrected)
    assert [card.letter for card in cards] == ["A", "B", "C"]
    assert {card.id for card in cards} == {row.pk for row in standing}
    pick(corrected, by_user=sena, correction=standing[0].pk)
    corrected.refresh_from_db()
    assert [card.text for card in opened_cards(corrected, sena)] == [card.text for card in cards]


def test_the_database_refuses_to_change_a_correction(corrected: Question) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Correction.objects.update(no_change=True)
    with pytest.raises(DatabaseError), transaction.atomic():
        Correction.objects.all().delete()


def test_a_returned_question_goes_back_to_the_same_junior(
    corrected: Question, june: User, jack: User, sena: User
) -> None:
    return_to_juniors(corrected, by_user=sena, reason="第二条没有回答问题")
    corrected.refresh_from_db()
    assert (corrected.stage, corrected.round) == (Question.Stage.PROPOSED, 2)
    assert list(Question.objects.waiting_for(june, "correct")) == [corrected]
    assert not Question.objects.waiting_for(jack, "correct").exists()
    rows = submit_corrections(corrected, by_user=june, items=with_item(corrected, text="重新回答。"))
    assert (rows[0].round, rows[0].revision) == (2, 1)
    assert rows[0].replaces is not None
    assert rows[0].replaces.round == 1
    assert {row.round for row in Correction.objects.candidates(corrected)} == {2}


def test_sending_in_ends_the_draft_and_keeps_the_seat(question: Question, june: User) -> None:
    save_draft(question, by_user=june, purpose="correct", content={"items": {}}, expected_version=0)
    scene.settle(question, june)
    assert not Draft.objects.exists()
    assert Lease.objects.get(user=june).expires_at is None


def test_while_another_holds_the_question_it_cant_be_sent(question: Question, june: User, jack: User) -> None:
    leases.hold(question, by_user=jack, purpose="correct")
    with pytest.raises(TakenError, match="Someone else"):
        submit_corrections(question, by_user=june, items=scene.items_for(question))


def test_a_correction_names_the_instructions_it_was_made_under(
    question: Question, june: User, rita: User
) -> None:
    change_instructions(
        question.campaign, "New wording", by_user=rita, expected_version=question.campaign.version
    )
    scene.settle(question, june)
    assert set(Correction.objects.values_list("instruction_version", flat=True)) == {2}


def test_simulated_accounts_mark_their_rows(question: Question, june: User) -> None:
    User.objects.filter(pk=june.pk).update(is_simulated=True)
    june.refresh_from_db()
    scene.settle(question, june)
    assert all(Correction.objects.values_list("is_simulated", flat=True))
