"""Drafts lose nothing; leases give a question to as many people as it needs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.models import Campaign, Draft, Lease, Question
from annotation.services import leases
from annotation.services.assignments import assign
from annotation.services.drafts import save_draft
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from tests.annotation import scene


def save(question: Question, person: User, text: str, version: int) -> Draft:
    """Save a draft of a correction."""
    content = {"items": {"x": text}}
    return save_draft(question, by_user=person, purpose="correct", content=content, expected_version=version)


def expire(question: Question) -> None:
    """Let all leases of the question lapse."""
    Lease.objects.filter(question=question).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_a_draft_moves_from_version_to_version(question: Question, june: User) -> None:
    assert save(question, june, "一", 0).version == 1
    assert save(question, june, "二", 1).version == 2
    assert Draft.objects.get().content == {"items": {"x": "二"}}


@pytest.mark.parametrize("version", [0, 1])
def test_an_older_page_does_not_overwrite_a_newer_one(question: Question, june: User, version: int) -> None:
    save(question, june, "一", 0)
    save(question, june, "二", 1)
    with pytest.raises(StaleVersionError) as refused:
        save(question, june, "旧", version)
    assert refused.value.current.content == {"items": {"x": "二"}}  # type: ignore[attr-defined]
    assert refused.value.current_version == 2
    assert Draft.objects.get().content == {"items": {"x": "二"}}


def test_what_was_sent_takes_no_more_drafts(question: Question, june: User) -> None:
    save(question, june, "一", 0)
    scene.settle(question, june)
    with pytest.raises(WrongStateError, match="sent already"):
        save(question, june, "二", 1)
    assert not Draft.objects.exists()


def test_a_draft_of_enormous_size_is_refused(question: Question, june: User) -> None:
    with pytest.raises(UserError, match="too large"):
        save(question, june, "x" * 200_000, 0)


def test_a_save_reads_the_texts_of_the_question_for_its_seat_alone(question: Question, june: User) -> None:
    save(question, june, "一", 0)
    with CaptureQueriesContext(connection) as asked:
        save(question, june, "二", 1)
    assert len([query for query in asked if '"annotation_question"."turns"' in query["sql"]]) == 1


def test_three_chinese_answers_of_the_greatest_length_are_kept(question: Question, june: User) -> None:
    longest = "复" * 8000
    content = {"items": {letter: {"text": longest, "notes": "查" * 2000} for letter in "abc"}}
    save_draft(question, by_user=june, purpose="correct", content=content, expected_version=0)
    assert Draft.objects.get().content == content


def test_strangers_save_nothing(question: Question, sena: User, otto: User) -> None:
    for person in (sena, otto):
        with pytest.raises(NotAllowedError):
            save(question, person, "一", 0)


def test_saving_renews_the_lease(question: Question, june: User) -> None:
    leases.hold(question, by_user=june, purpose="correct")
    Lease.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    save(question, june, "一", 0)
    assert Lease.objects.get().expires_at > timezone.now() + timedelta(minutes=29)  # type: ignore[operator]


def test_expiry_drops_no_draft_and_lets_the_next_person_in(
    question: Question, june: User, jack: User
) -> None:
    leases.hold(question, by_user=june, purpose="correct")
    save(question, june, "一", 0)
    assert not Question.objects.waiting_for(jack, "correct").exists()
    expire(question)
    leases.hold(question, by_user=jack, purpose="correct")
    assert save(question, june, "二", 1).version == 2
    assert Draft.objects.get(user=june).content == {"items": {"x": "二"}}


def test_two_people_do_not_get_the_same_question(campaign: Campaign, june: User, jack: User) -> None:
    questions = scene.ask(campaign, scene.row(), scene.row("第二个？", 3))
    scene.propose(campaign, questions)
    assert leases.next_question(by_user=june, purpose="correct") == questions[0]
    assert leases.next_question(by_user=jack, purpose="correct") == questions[1]
    assert leases.next_question(by_user=june, purpose="correct") == questions[0]


def test_nothing_left_gives_nothing(question: Question, june: User, jack: User) -> None:
    leases.next_question(by_user=june, purpose="correct")
    assert leases.next_question(by_user=jack, purpose="correct") is None


def test_a_named_assignment_does_not_expire(question: Question, june: User, jack: User, rita: User) -> None:
    assign(question, june, "correct", by_user=rita)
    assert Lease.objects.get().expires_at is None
    with pytest.raises(WrongStateError):
        leases.hold(question, by_user=jack, purpose="correct")
    with pytest.raises(NotAllowedError):
        assign(question, june, "correct", by_user=jack)


def test_a_seat_given_back_is_free(question: Question, june: User, jack: User) -> None:
    leases.hold(question, by_user=june, purpose="correct")
    leases.release(question, by_user=june, purpose="correct")
    leases.hold(question, by_user=jack, purpose="correct")
    assert Lease.objects.get().user == jack


def test_overlap_gives_as_many_seats(rita: User, june: User, jack: User, sena: User, study: object) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], overlap=2)
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    seats = {leases.hold(question, by_user=person, purpose="correct").seat for person in (june, jack)}
    assert seats == {0, 1}
