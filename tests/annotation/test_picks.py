"""Picks: seniors only, never their own corrections, one row."""

import uuid

import pytest
from django.db import DatabaseError, transaction

from annotation.models import Campaign, CampaignMember, Correction, Pick, Question, Return
from annotation.services import leases
from annotation.services.campaigns import add_member, remove_member
from annotation.services.collisions import TakenError
from annotation.services.picks import pick, return_to_juniors
from annotation.services.shown_orders import shown_order
from annotation.services.training_samples import deciding_pick
from mammo.accounts.models import AuditEvent, User
from mammo.accounts.services import grant_role
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from tests.annotation import scene


def first_candidate(question: Question) -> Correction:
    """The candidate made of the first proposal."""
    return Correction.objects.candidates(question).get(proposal__index=0)


def test_a_pick_ends_the_question(corrected: Question, sena: User) -> None:
    chosen = first_candidate(corrected)
    row = pick(corrected, by_user=sena, correction=chosen.pk, reason_codes=["correctness"], reason="最准确")
    corrected.refresh_from_db()
    assert corrected.stage == Question.Stage.PICKED
    assert (row.text, row.edited, row.reason_codes) == (chosen.text, False, ["correctness"])


def test_a_pick_is_an_audit_event(corrected: Question, sena: User) -> None:
    row = pick(corrected, by_user=sena, correction=Correction.objects.candidates(corrected)[0].pk)
    event = AuditEvent.objects.get(action="annotation.picked")
    assert (event.actor, event.site) == (sena, corrected.campaign.site)
    assert (event.object_type, event.object_id) == ("annotation.question", str(corrected.pk))
    assert event.details == {"pick": str(row.pk)}


def test_a_pick_that_is_refused_leaves_no_event(corrected: Question, june: User) -> None:
    with pytest.raises(NotAllowedError):
        pick(corrected, by_user=june, correction=Correction.objects.candidates(corrected)[0].pk)
    assert not AuditEvent.objects.filter(action="annotation.picked").exists()


def test_a_small_edit_is_kept_beside_the_correction(corrected: Question, sena: User) -> None:
    chosen = first_candidate(corrected)
    row = pick(corrected, by_user=sena, correction=chosen.pk, text=chosen.text + "请勿担心。")
    assert row.edited
    assert row.text == chosen.text + "请勿担心。"
    assert Correction.objects.get(pk=chosen.pk).text == chosen.text


@pytest.mark.parametrize(
    ("text", "named"), [("", "empty"), ("完全不同的另一个回答。" * 5, r"another|more than")]
)
def test_an_edit_that_is_not_small_is_refused(corrected: Question, sena: User, text: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        pick(corrected, by_user=sena, correction=first_candidate(corrected).pk, text=text)
    assert not Pick.objects.exists()


def test_where_edits_are_not_allowed_none_is_taken(rita: User, june: User, sena: User, study: object) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena], allow_small_edit=False)
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    scene.settle(question, june)
    chosen = first_candidate(question)
    with pytest.raises(UserError, match="no edits"):
        pick(question, by_user=sena, correction=chosen.pk, text=chosen.text + "！")


def test_a_junior_never_picks(corrected: Question, jack: User, june: User, rita: User, otto: User) -> None:
    for person in (jack, june, rita, otto):
        with pytest.raises(NotAllowedError):
            pick(corrected, by_user=person, correction=first_candidate(corrected).pk)
    with pytest.raises(UserError, match="no senior"):
        add_member(corrected.campaign, jack, "pick", by_user=rita)
    assert not Question.objects.waiting_for(jack, "pick").exists()


def test_a_senior_never_picks_what_they_corrected(
    question: Question, sena: User, sol: User, site: object, rita: User
) -> None:
    grant_role(sena, "junior", question.campaign.site, by_user=None)
    add_member(question.campaign, sena, "correct", by_user=rita)
    scene.settle(question, sena)
    for act in (
        lambda: pick(question, by_user=sena, correction=first_candidate(question).pk),
        lambda: return_to_juniors(question, by_user=sena, reason="x"),
    ):
        with pytest.raises(NotAllowedError):
            act()
    assert not Question.objects.waiting_for(sena, "pick").exists()
    assert list(Question.objects.waiting_for(sol, "pick")) == [question]


def test_a_second_pick_is_refused(corrected: Question, sena: User, sol: User) -> None:
    pick(corrected, by_user=sena, correction=first_candidate(corrected).pk)
    for senior in (sena, sol):
        with pytest.raises(WrongStateError if senior == sena else TakenError):
            pick(corrected, by_user=senior, correction=first_candidate(corrected).pk)
    assert Pick.objects.count() == 1


def test_only_candidates_of_this_question_can_be_picked(corrected: Question, sena: User) -> None:
    with pytest.raises(UserError, match="not one of this question"):
        pick(corrected, by_user=sena, correction=uuid.uuid4())


def test_nothing_is_picked_before_it_is_corrected(question: Question, sena: User) -> None:
    with pytest.raises(WrongStateError):
        pick(question, by_user=sena, correction=uuid.uuid4())


def test_a_ranking_is_whole_and_begins_with_the_pick(
    rita: User, june: User, sena: User, study: object
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena], rank_all=True)
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    scene.settle(question, june)
    ids = [c.pk for c in Correction.objects.candidates(question)]
    for wrong in ([], ids[:2], [ids[1], ids[0], ids[2]], [ids[0], ids[0], ids[1]]):
        with pytest.raises(UserError, match=r"Rank all|first in the ranking"):
            pick(question, by_user=sena, correction=ids[0], ranking=wrong)
    row = pick(question, by_user=sena, correction=ids[0], ranking=[ids[0], ids[2], ids[1]])
    assert row.ranking == [str(ids[0]), str(ids[2]), str(ids[1])]


def test_two_seniors_decide_by_majority_then_by_time(
    rita: User, june: User, sena: User, sol: User, study: object
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2)
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    scene.settle(question, june)
    ids = [c.pk for c in Correction.objects.candidates(question)]
    pick(question, by_user=sena, correction=ids[1])
    question.refresh_from_db()
    assert question.stage == Question.Stage.CORRECTED
    pick(question, by_user=sol, correction=ids[2])
    question.refresh_from_db()
    assert question.stage == Question.Stage.PICKED
    assert deciding_pick(question).correction_id == ids[1]


def test_a_return_needs_a_reason_and_is_kept(corrected: Question, sena: User) -> None:
    with pytest.raises(UserError, match="reason: empty"):
        return_to_juniors(corrected, by_user=sena, reason="  ")
    return_to_juniors(corrected, by_user=sena, reason="没有说明复查时间", reason_codes=["incomplete"])
    row = Return.objects.get()
    assert (row.reason, row.reason_codes, row.round) == ("没有说明复查时间", ["incomplete"], 1)
    with pytest.raises(WrongStateError):
        return_to_juniors(corrected, by_user=sena, reason="again")


def test_the_database_refuses_to_change_a_pick(corrected: Question, sena: User) -> None:
    pick(corrected, by_user=sena, correction=first_candidate(corrected).pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        Pick.objects.update(edited=True)


def test_the_shown_order_is_drawn_once_and_differs_between_people(
    campaign: Campaign, june: User, jack: User, sena: User, sol: User, rita: User
) -> None:
    people = (sena, sol, june, jack, rita)
    questions = scene.ask(campaign, *[scene.row(f"问题{i}？", i + 2) for i in range(12)])
    scene.propose(campaign, questions)
    orders = {}
    for question in questions:
        scene.settle(question, june)
        ids = [c.pk for c in Correction.objects.candidates(question)]
        for senior in people:
            orders[question.pk, senior] = shown_order(question, ids, user=senior, purpose="pick")
            assert (
                shown_order(question, reversed(ids), user=senior, purpose="pick")
                == orders[question.pk, senior]
            )
            assert sorted(orders[question.pk, senior]) == sorted(ids)
    assert any(orders[q.pk, sena] != orders[q.pk, sol] for q in questions)
    # Of sixty orders none is without a place for the first but by a chance of one in ten thousand million.
    places = {
        orders[q.pk, person].index(Correction.objects.candidates(q).get(proposal__index=0).pk)
        for q in questions
        for person in people
    }
    assert places == {0, 1, 2}


def test_a_returned_question_waits_for_no_junior_who_has_left(
    campaign: Campaign, corrected: Question, june: User, jack: User, rita: User, sena: User
) -> None:
    remove_member(CampaignMember.objects.get(campaign=campaign, user=june), by_user=rita)
    return_to_juniors(corrected, by_user=sena, reason="没有说明复查时间")
    assert leases.next_question(by_user=jack, purpose="correct") == corrected


def test_a_senior_who_picked_sends_nothing_back(rita: User, june: User, sena: User, sol: User) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], name="Two", senior_overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    pick(question, by_user=sena, correction=first_candidate(question).pk)
    with pytest.raises(WrongStateError, match="picked an answer"):
        return_to_juniors(question, by_user=sena, reason="doch nicht")
    assert not Return.objects.exists()
