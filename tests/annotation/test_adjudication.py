"""Two seniors and a third one; answers that a senior writes; small edits as rows of their own."""

import uuid

import pytest

from annotation.models import Campaign, Correction, Notification, Pick, PickEdit, Question
from annotation.services.adjudication import adjudicate
from annotation.services.campaigns import add_member
from annotation.services.picks import pick, return_to_juniors, write_answer
from annotation.services.training_samples import deciding_pick
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from tests.annotation import scene


def test_a_third_senior_decides_and_only_that_counts(disputed: Question, ada: User, sol: User) -> None:
    assert disputed.stage == Question.Stage.ADJUDICATE
    assert list(Question.objects.waiting_for(ada, "adjudicate")) == [disputed]
    assert Notification.objects.unread(ada).get().kind == "adjudicate"
    upheld = Pick.objects.get(by_user=sol)
    row = adjudicate(disputed, by_user=ada, chosen=upheld.pk, reason="复查时间写对了")
    disputed.refresh_from_db()
    assert disputed.stage == Question.Stage.PICKED
    assert (row.correction_id, row.text, row.is_adjudication) == (upheld.correction_id, upheld.text, True)
    assert deciding_pick(disputed) == row
    assert Pick.objects.count() == 3


def test_who_picked_does_not_adjudicate(disputed: Question, sena: User, sol: User) -> None:
    assert not Question.objects.waiting_for(sena, "adjudicate").exists()
    chosen = Pick.objects.get(by_user=sena).pk
    with pytest.raises(WrongStateError):
        adjudicate(disputed, by_user=sena, chosen=chosen, reason="mine")
    with pytest.raises(NotAllowedError):
        adjudicate(disputed, by_user=sol, chosen=chosen, reason="no member")


def test_an_adjudication_needs_a_reason_and_an_answer_of_the_question(disputed: Question, ada: User) -> None:
    with pytest.raises(UserError, match="reason: empty"):
        adjudicate(disputed, by_user=ada, chosen=Pick.objects.all()[0].pk, reason=" ")
    with pytest.raises(UserError, match="not one of this question"):
        adjudicate(disputed, by_user=ada, chosen=uuid.uuid4(), reason="x")
    assert not Pick.objects.filter(is_adjudication=True).exists()


def test_the_adjudicator_may_send_it_back(disputed: Question, ada: User, june: User) -> None:
    return_to_juniors(disputed, by_user=ada, reason="都不对", purpose="adjudicate")
    assert list(Question.objects.returned_to(june)) == [disputed]


@pytest.fixture
def corrected(rita: User, june: User, sena: User, sol: User) -> Question:
    """A corrected question without a study."""
    campaign: Campaign = scene.open_campaign_of(rita, [june], [sena, sol])
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    return question


def test_seniors_who_agree_need_nobody_else(rita: User, june: User, sena: User, sol: User, ada: User) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    chosen = Correction.objects.candidates(question)[0].pk
    for senior in (sena, sol):
        pick(question, by_user=senior, correction=chosen)
    question.refresh_from_db()
    assert question.stage == Question.Stage.PICKED


def test_a_senior_writes_the_answer_where_none_will_do(corrected: Question, sena: User) -> None:
    row = write_answer(
        corrected, by_user=sena, text="请六个月后复查超声。", reason="都漏了超声", reason_codes=["incomplete"]
    )
    corrected.refresh_from_db()
    assert corrected.stage == Question.Stage.PICKED
    assert (row.correction, row.text) == (None, "请六个月后复查超声。")
    assert deciding_pick(corrected) == row


@pytest.mark.parametrize(
    ("text", "reason", "named"), [("", "x", "text"), ("好。", " ", "reason"), ("COPY", "x", "pick it")]
)
def test_a_written_answer_needs_words_and_a_reason(
    corrected: Question, sena: User, text: str, reason: str, named: str
) -> None:
    wording = Correction.objects.candidates(corrected)[0].text if text == "COPY" else text
    with pytest.raises(UserError, match=named):
        write_answer(corrected, by_user=sena, text=wording, reason=reason)
    assert not Pick.objects.exists()


def test_a_small_edit_is_a_row_of_its_own(corrected: Question, sena: User) -> None:
    chosen = Correction.objects.candidates(corrected)[0]
    row = pick(corrected, by_user=sena, correction=chosen.pk, text=chosen.text + "谢谢。")
    edit = PickEdit.objects.get()
    assert (edit.pick, edit.correction, edit.text, edit.edit_distance) == (row, chosen, row.text, 3)


def test_two_written_answers_do_not_count_as_one_choice(
    rita: User, june: User, sena: User, sol: User, ada: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2)
    add_member(campaign, ada, "adjudicate", by_user=rita)
    Campaign.objects.filter(pk=campaign.pk).update(adjudication=True)
    campaign.refresh_from_db()
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    write_answer(question, by_user=sena, text="甲。", reason="x")
    write_answer(question, by_user=sol, text="乙。", reason="x")
    question.refresh_from_db()
    assert question.stage == Question.Stage.ADJUDICATE
