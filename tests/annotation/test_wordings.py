"""Cleaned wordings: a data manager confirms each before a model or a doctor reads it."""

import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from annotation.models import Campaign, Question
from annotation.services.proposals import build_request, queue_proposals
from annotation.services.questions import import_questions
from annotation.services.wordings import confirm_wordings, correct_wording, open_wording_received
from mammo.accounts.models import AuditEvent, User
from mammo.accounts.services import create_account
from mammo.archive.models import Patient
from mammo.archive.retention import forget_before
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError

from .scene import patient_with_study, plain_row, propose, row


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


@pytest.mark.parametrize("version", ["", "²", pytest.param("9" * 5000, id="5000 digits")])
def test_a_version_that_no_page_sends_is_refused(
    question: Question, keeper: User, client: Client, version: str
) -> None:
    client.force_login(keeper)
    sent = {"turn": ["我的密度是多少？"], "version": version, "idempotency_key": str(uuid.uuid4())}
    assert client.post(f"/annotation/wordings/{question.pk}/", sent).status_code == 400
    assert Question.objects.get().cleaned_by is None


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


def test_a_researcher_is_told_what_waits_for_the_data_manager(
    campaign: Campaign, question: Question, rita: User, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.force_login(rita)
    address = f"/annotation/campaigns/{campaign.pk}/propose/"
    answer = client.post(address, {"idempotency_key": str(uuid.uuid4())}, follow=True)
    assert "1 wording waits for a data manager" in answer.content.decode()
    call_command("propose", campaign.name)
    assert "1 wordings wait" in capsys.readouterr().out


def test_the_wording_as_received_is_destroyed_when_its_time_is_over(
    question: Question, keeper: User, client: Client
) -> None:
    Question.objects.update(created_at=question.created_at - timedelta(days=400))
    done = forget_before(timezone.now() - timedelta(days=365))
    assert done.texts == 1
    assert open_wording_received(Question.objects.get(), by_user=keeper) == []
    assert Question.objects.get().turns == question.turns
    client.force_login(keeper)
    assert client.get(f"/annotation/wordings/{question.pk}/").status_code == 200


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


HERS = "我的密度是多少"


def read_by(user: User, question: Question, campaign: Campaign) -> dict[str, str]:
    """Every page and every answer of the interface that may show this person the question."""
    client = Client()
    client.force_login(user)
    addresses = (
        f"/annotation/campaigns/{campaign.pk}/questions/",
        f"/annotation/questions/{question.pk}/",
        f"/annotation/correct/{question.pk}/",
        f"/annotation/pick/{question.pk}/",
        "/annotation/correct/",
        "/",
        "/api/v1/questions/",
        f"/api/v1/questions/{question.pk}/",
        f"/api/v1/questions/{question.pk}/correct/",
        f"/api/v1/questions/{question.pk}/history/",
    )
    found = {}
    for address in addresses:
        answer = client.get(address)
        # The interface escapes nothing: its JSON is UTF-8.
        found[address] = answer.content.decode() if answer.status_code == 200 else ""
    return found


@pytest.fixture
def unread(campaign: Campaign) -> Question:
    """A question that cleaning changed nothing in, and nobody has looked at."""
    import_questions(campaign, [plain_row(f"{HERS}？")], by_user=None, table_name="q")
    return Question.objects.select_related("campaign__site").get()


@pytest.mark.parametrize("stage", ["new", "withdrawn"])
def test_a_wording_nobody_confirmed_is_read_by_data_managers_alone(
    campaign: Campaign, unread: Question, keeper: User, rita: User, june: User, sena: User, stage: str
) -> None:
    Question.objects.update(stage=stage)
    adam = create_account(
        "adam", password="correct horse battery", roles={"admin": [campaign.site]}, by_user=None
    )
    for user in (rita, adam, june, sena):
        shown = [address for address, text in read_by(user, unread, campaign).items() if HERS in text]
        assert shown == [], user
    assert HERS in read_by(keeper, unread, campaign)[f"/annotation/campaigns/{campaign.pk}/questions/"]


def test_a_researcher_sees_that_an_unconfirmed_question_is_there(
    campaign: Campaign, unread: Question, rita: User
) -> None:
    found = read_by(rita, unread, campaign)
    for address in (
        f"/annotation/campaigns/{campaign.pk}/questions/",
        f"/annotation/questions/{unread.pk}/",
    ):
        assert "Its wording waits for a data manager to confirm it." in found[address], address
    client = Client()
    client.force_login(rita)
    (row,) = client.get("/api/v1/questions/").json()["results"]
    assert (row["id"], row["turns"], row["stage"]) == (str(unread.pk), [], "new")


def test_juniors_and_seniors_know_nothing_of_it(
    campaign: Campaign, unread: Question, june: User, sena: User
) -> None:
    for user in (june, sena):
        client = Client()
        client.force_login(user)
        assert client.get("/api/v1/questions/").json()["results"] == [], user
        assert client.get(f"/api/v1/questions/{unread.pk}/").status_code == 404, user
        assert client.get(f"/annotation/correct/{unread.pk}/").status_code == 404, user


def test_a_confirmed_wording_is_read_by_who_works_on_it(
    campaign: Campaign, unread: Question, keeper: User, rita: User, june: User
) -> None:
    confirm_wordings(campaign.site, {unread.pk: unread.version}, by_user=keeper)
    for user in (rita, june):
        assert HERS in read_by(user, unread, campaign)[f"/api/v1/questions/{unread.pk}/"], user
    found = read_by(rita, unread, campaign)
    assert HERS in found[f"/annotation/campaigns/{campaign.pk}/questions/"]
    assert HERS in found[f"/annotation/questions/{unread.pk}/"]


def test_a_researcher_who_is_data_manager_too_reads_it_in_the_interface(
    campaign: Campaign, unread: Question
) -> None:
    roles = {"researcher": [campaign.site], "data_manager": [campaign.site]}
    both = create_account("bo", password="correct horse battery", roles=roles, by_user=None)
    assert HERS in read_by(both, unread, campaign)["/api/v1/questions/"]
