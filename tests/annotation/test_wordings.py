"""Cleaned wordings: a data manager confirms each before a model or a doctor reads it."""

import uuid

import pytest
from django.test import Client

from annotation.models import Campaign, Question
from annotation.services.proposals import build_request, queue_proposals
from annotation.services.questions import import_questions
from annotation.services.wordings import confirm_wordings, correct_wording, open_wording_received
from mammo.accounts.models import AuditEvent, User
from mammo.accounts.services import create_account
from mammo.archive.models import Patient
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError

from .scene import patient_with_study, propose, row


@pytest.fixture
def question(campaign: Campaign) -> Question:
    """A question just brought in that names her; nobody has looked at it."""
    patient = Patient.objects.first() or patient_with_study(campaign.site).patient
    patient.roster = {"names": ["Li^Xiuying=李^秀英"], "doctors": [], "numbers": [], "places": []}
    patient.save()
    text = "我是李秀英，身份证110105194912310000，小英的密度是多少？"
    assert import_questions(campaign, [row(text)], by_user=None, table_name="q").counts["imported"] == 1
    return Question.objects.select_related("campaign__site", "patient").get()


@pytest.fixture
def keeper(campaign: Campaign) -> User:
    """A data manager of the campaign's site."""
    return create_account(
        "kim", password="correct horse battery", roles={"data_manager": [campaign.site]}, by_user=None
    )


def test_no_model_reads_a_question_before_a_person_confirmed_it(
    campaign: Campaign, question: Question, keeper: User
) -> None:
    (turn,) = question.turns
    assert "秀英" not in turn
    assert "小英" not in turn
    assert "110105194912310000" not in turn
    assert queue_proposals(campaign, by_user=None) is None
    confirm_wordings(campaign.site, {question.pk: question.version}, by_user=keeper)
    question.refresh_from_db()
    assert question.cleaned_by == keeper
    job = queue_proposals(campaign, by_user=None)
    assert job is not None
    assert [each["turns"] for each in build_request(job)["questions"]] == [[turn]]
    event = AuditEvent.objects.get(action="annotation.wordings_confirmed")
    assert event.details == {"questions": [str(question.pk)]}


def test_what_cleaning_missed_is_mended_by_the_person(question: Question, keeper: User) -> None:
    with pytest.raises(UserError, match="every round"):
        correct_wording(question, ["", "x"], expected_version=question.version, by_user=keeper)
    correct_wording(question, ["我的密度是多少？"], expected_version=question.version, by_user=keeper)
    stored = Question.objects.get()
    assert (stored.turns, stored.cleaned_by) == (["我的密度是多少？"], keeper)
    with pytest.raises(StaleVersionError):
        correct_wording(question, ["又一次"], expected_version=1, by_user=keeper)


def test_a_wording_that_changed_since_it_was_read_confirms_nothing(
    campaign: Campaign, question: Question, keeper: User
) -> None:
    with pytest.raises(StaleVersionError):
        confirm_wordings(campaign.site, {question.pk: question.version + 1}, by_user=keeper)
    with pytest.raises(UserError, match="at a time"):
        confirm_wordings(campaign.site, {uuid.uuid4(): 1 for _ in range(101)}, by_user=keeper)
    assert Question.objects.get().cleaned_by is None


def test_after_proposals_the_wording_stays(campaign: Campaign, question: Question, keeper: User) -> None:
    confirm_wordings(campaign.site, {question.pk: question.version}, by_user=keeper)
    propose(campaign, [question])
    with pytest.raises(WrongStateError, match="stays"):
        correct_wording(question, ["x"], expected_version=question.version, by_user=keeper)


def test_the_page_confirms_and_opening_what_was_received_is_audited(
    question: Question, keeper: User, june: User, rita: User, client: Client
) -> None:
    client.force_login(keeper)
    page = client.get("/annotation/wordings/").content.decode()
    assert f"{question.pk}~{question.version}" in page
    assert "李秀英" not in page
    opened = client.get(f"/annotation/wordings/{question.pk}/").content.decode()
    assert "我是李秀英" in opened
    assert AuditEvent.objects.filter(action="annotation.wording_opened", actor=keeper).count() == 1
    sent = {"site": question.campaign.site.code, "seen": [f"{question.pk}~{question.version}"]}
    answer = client.post("/annotation/wordings/confirm/", {**sent, "idempotency_key": str(uuid.uuid4())})
    assert answer.status_code == 302
    assert Question.objects.get().cleaned_by == keeper
    assert f"{question.pk}~" not in client.get("/annotation/wordings/").content.decode()
    for other in (june, rita):
        client.force_login(other)
        assert client.get("/annotation/wordings/").status_code == 404
        assert client.get(f"/annotation/wordings/{question.pk}/").status_code == 404
        with pytest.raises(NotAllowedError):
            open_wording_received(question, by_user=other)
