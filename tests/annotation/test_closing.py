"""What a closed campaign still does: nothing is handed over, held or changed; what was typed can be read."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation.models import (
    Campaign,
    Draft,
    GuidelineVersion,
    InstructionVersion,
    Lease,
    Notification,
    Question,
    ShownOrder,
    Transmission,
)
from annotation.services import endpoints, leases, proposals
from annotation.services.assignments import assign
from annotation.services.campaign_settings import change_guideline
from annotation.services.campaigns import change_instructions, change_proposer, close_campaign
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from mammo.jobs import services as jobs
from tests.annotation import scene
from tests.annotation.test_two_people import send
from tests.annotation.test_views import signed_in

HOST = "llm.example.org"


@pytest.fixture
def sending(plain: Campaign, rita: User, dana: User) -> Campaign:
    """An open campaign with a question, for which an approved endpoint proposes."""
    scene.ask(plain, scene.plain_row("要复查吗？"))
    later = timezone.localdate() + timedelta(days=9)
    row = endpoints.ask_approval(
        plain.site, by_user=rita, host=HOST, country="CN", reason="合同", expires_on=later
    )
    endpoints.decide(row, by_user=dana, approve=True)
    spec = {"kind": "openai", "base_url": f"https://{HOST}/v1", "model": "glm-4"}
    change_proposer(plain, by_user=rita, proposer=spec)
    return plain


def test_a_job_that_was_claimed_before_closing_hands_nothing_over_after_it(
    sending: Campaign, rita: User
) -> None:
    queued = proposals.queue_proposals(sending, by_user=rita)
    assert queued is not None
    job = jobs.claim(queued.pk, "worker")
    assert job is not None
    close_campaign(sending, by_user=rita)
    with pytest.raises(WrongStateError, match="is closed"):
        proposals.build_request(job)
    assert not Transmission.objects.exists()


def test_closing_stops_the_jobs_that_ask_the_proposer(sending: Campaign, rita: User) -> None:
    waiting = proposals.queue_proposals(sending, by_user=rita)
    assert waiting is not None
    close_campaign(sending, by_user=rita)
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"


def test_closing_stops_the_job_that_is_sending_and_no_other(sending: Campaign, rita: User) -> None:
    queued = proposals.queue_proposals(sending, by_user=rita)
    other = jobs.submit(proposals.JOB_KIND, by_user=rita, site=sending.site, parameters={})
    assert queued is not None
    job = jobs.claim(queued.pk, "worker")
    assert job is not None
    proposals.build_request(job)
    close_campaign(sending, by_user=rita)
    assert jobs.is_cancel_requested(job)
    other.refresh_from_db()
    assert other.state == "queued"


def read_after_closing(question: Question, person: User, purpose: str, rita: User) -> str:
    """What the question's page says to this person once its campaign is closed."""
    close_campaign(Campaign.objects.get(pk=question.campaign_id), by_user=rita)
    answer = signed_in(person).get(reverse(f"annotation:{purpose}", args=[question.pk]))
    assert answer.status_code == 200
    seats = Lease.objects.filter(question=question, user=person, purpose=purpose, expires_at__isnull=False)
    assert not seats.exists()
    assert not ShownOrder.objects.filter(question=question, user=person, purpose=purpose).exists()
    body = answer.content.decode()
    assert "data-autosave" not in body
    return body


def test_no_correction_begins_in_a_closed_campaign(question: Question, june: User, rita: User) -> None:
    assert "This campaign is closed" in read_after_closing(question, june, "correct", rita)


def test_no_choice_begins_in_a_closed_campaign(waiting: Question, sena: User, rita: User) -> None:
    assert "This campaign is closed" in read_after_closing(waiting, sena, "pick", rita)


def test_no_decision_begins_in_a_closed_campaign(disputed: Question, ada: User, rita: User) -> None:
    assert "This campaign is closed" in read_after_closing(disputed, ada, "adjudicate", rita)


def test_nobody_takes_a_seat_or_is_given_one_in_a_closed_campaign(
    question: Question, june: User, rita: User
) -> None:
    close_campaign(question.campaign, by_user=rita)
    with pytest.raises(WrongStateError, match="is not open"):
        leases.hold(question, by_user=june, purpose="correct")
    with pytest.raises(WrongStateError, match="is closed"):
        assign(question, june, "correct", by_user=rita)
    assert not Lease.objects.exists()


def test_what_is_typed_when_it_closes_is_kept_and_can_be_read(
    question: Question, june: User, rita: User
) -> None:
    page, words = reverse("annotation:correct", args=[question.pk]), "密度为C类，请半年后复查。"
    assert signed_in(june).get(page).status_code == 200
    assert "campaign was closed" not in send(question, june, "密度为C类。", "draft").content.decode()
    close_campaign(Campaign.objects.get(pk=question.campaign_id), by_user=rita)
    saved = send(question, june, words, "draft", version=1)
    assert saved.status_code == 200
    assert "This campaign was closed: what you write is kept as your draft" in saved.content.decode()
    body = signed_in(june).get(page).content.decode()
    assert "What you had written" in body
    assert words in body
    assert Draft.objects.get().user == june


def test_texts_of_a_closed_campaign_stand_and_nobody_is_told(plain: Campaign, rita: User) -> None:
    close_campaign(plain, by_user=rita)
    versions = InstructionVersion.objects.count()
    with pytest.raises(WrongStateError, match="is closed"):
        change_instructions(plain, "新的说明", by_user=rita, expected_version=plain.version)
    with pytest.raises(WrongStateError, match="is closed"):
        change_guideline(plain, "# 一", edition="2027", by_user=rita, expected_version=plain.version)
    assert (InstructionVersion.objects.count(), GuidelineVersion.objects.count()) == (versions, 0)
    assert not Notification.objects.exists()


def test_the_page_of_texts_keeps_what_was_typed_for_a_closed_campaign(plain: Campaign, rita: User) -> None:
    close_campaign(plain, by_user=rita)
    sent = {"version": plain.version, "instructions": "新的说明", "guideline": "", "guideline_edition": ""}
    answer = signed_in(rita).post(reverse("annotation:campaign-texts", args=[plain.pk]), sent)
    assert answer.status_code == 400
    assert "is closed" in answer.content.decode()
    assert "新的说明" in answer.content.decode()
