"""What tidies itself: tables nobody confirmed, and answers whose facts were not read yet."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from annotation.forms import KIND_LABELS
from annotation.models import Campaign, Correction, Question, QuestionUpload, StatedFacts
from annotation.services import stated_facts, uploads
from annotation.services.picks import pick
from annotation.services.proposer_specs import PROPOSER_KINDS
from annotation.statistics import pick_rates, quality, support
from mammo.accounts.models import AuditEvent, User
from mammo.core.errors import UserError
from mammo.jobs import chores, reaper
from tests.annotation import scene


def table(campaign: Campaign, rita: User, name: str, age: timedelta) -> QuestionUpload:
    """A table that was read this long ago."""
    row = QuestionUpload(campaign=campaign, by_user=rita, name=name)
    row.rows = [{"turns": ["她写的原话"]}]
    row.save(force_insert=True)
    QuestionUpload.objects.filter(pk=row.pk).update(created_at=timezone.now() - age)
    return row


def test_a_table_that_nobody_confirms_goes_by_itself(campaign: Campaign, rita: User) -> None:
    old = table(campaign, rita, "old.csv", uploads.KEPT_FOR + timedelta(minutes=1))
    fresh = table(campaign, rita, "fresh.csv", uploads.KEPT_FOR - timedelta(minutes=1))
    reaper.keep_house()
    assert list(QuestionUpload.objects.all()) == [fresh]
    event = AuditEvent.objects.get(action="annotation.table_lapsed")
    assert event.details["upload"] == str(old.pk)
    assert uploads.forget_unconfirmed() == 0


@pytest.mark.parametrize(
    "error", [OSError("the disk is away"), UserError("a key is gone"), KeyError("a bug")]
)
def test_one_chore_that_fails_keeps_no_other_from_being_done(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails() -> int:
        raise error

    monkeypatch.setattr(chores, "_chores", {"first": fails, "second": lambda: 7})
    assert chores.do_chores() == {"second": 7}


@pytest.mark.django_db
def test_facts_are_read_when_an_answer_is_stored_and_made_again_when_missing(
    question: Question, june: User, sena: User
) -> None:
    scene.settle(question, june)
    chosen = Correction.objects.candidates(question).get(proposal__index=0)
    pick(question, by_user=sena, correction=chosen.pk)
    assert StatedFacts.objects.count() == 4
    assert support.support_of_picks(question.campaign).share == 1.0
    StatedFacts.objects.all().delete()
    found = support.support_of_proposals(question.campaign)
    assert (found.stated, found.unread) == (0, 3)
    assert stated_facts.read_missing() == 4
    found = support.support_of_proposals(question.campaign)
    assert (found.stated, found.supported, found.unread) == (3, 2, 0)
    assert stated_facts.read_missing() == 0


def test_facts_follow_the_labels_of_the_study(question: Question) -> None:
    # Two proposals say C, one says B.
    type(question.study).objects.filter(pk=question.study_id).update(density="B")  # type: ignore[union-attr]
    found = support.support_of_proposals(question.campaign)
    assert (found.stated, found.supported) == (3, 1)


def test_the_page_of_quality_reads_no_text(
    question: Question, june: User, sena: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What made it slow: every answer was decrypted and read again for each visit."""
    scene.settle(question, june, active_seconds=90)
    pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk, active_seconds=20)
    from mammo.core import encryption

    read: list[str] = []
    decrypt = encryption.decrypt_text

    def noted(stored: str, purpose: str) -> str:
        read.append(purpose)
        return decrypt(stored, purpose)

    monkeypatch.setattr(encryption, "decrypt_text", noted)
    campaign = Campaign.objects.get(pk=question.campaign_id)
    for figure in (
        quality.by_system,
        quality.distance_by_tag,
        pick_rates.by_index,
        pick_rates.by_place,
        quality.junior_agreement,
        quality.senior_agreement,
        support.support_of_proposals,
        support.support_of_picks,
    ):
        figure(campaign)
    assert set(read) == {"annotation.statedfacts.said"}
    assert quality.time_per_task(campaign) == {"correct": (1, pytest.approx(90.0)), "pick": (1, 20.0)}


def test_a_campaign_can_name_every_system_that_the_answering_module_builds() -> None:
    source = (Path(__file__).resolve().parents[2] / "modeling" / "inference" / "answer.py").read_text("utf-8")
    # The last kind is what is left when no other was named.
    assert {*re.findall(r'kind == "(\w+)"', source), "mammovlm"} == set(PROPOSER_KINDS)
    assert set(KIND_LABELS) == set(PROPOSER_KINDS)
