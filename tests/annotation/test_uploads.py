"""Tables of questions that wait to be confirmed: they hold patients' words before cleaning."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Question, QuestionUpload
from annotation.services.uploads import confirm_upload, discard_upload, open_upload, read_upload
from mammo.accounts.models import AuditEvent, Membership, Site, User
from mammo.accounts.services import create_account
from mammo.archive.services import erase_patient, request_erasure
from mammo.core.errors import NotAllowedError, WrongStateError
from tests.annotation.scene import patient_with_study

WORDS = "我是张三，要复查吗？"


@pytest.fixture
def upload(campaign: Campaign, rita: User) -> QuestionUpload:
    """A table that Rita, a researcher, read in; it names a patient."""
    file = SimpleUploadedFile("q.csv", f"text,source\n{WORDS},ward\n".encode())
    return read_upload(campaign, file, by_user=rita)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (r'{"text": "要复查吗？", "source": "门诊\u0000"}', "row 1: source holds a character"),
        (r'{"text": "要复查吗？\ud800", "source": "门诊"}', "row 1: text holds a character"),
        ('{"turns": "' + "[" * 9000 + '", "source": "门诊"}', "row 1: turns is not a JSON list"),
        ('{"text": ' + "[" * 9000, "line 1: not JSON"),
    ],
)
def test_a_row_that_no_database_stores_is_refused_on_the_page_and_by_its_number(
    campaign: Campaign, rita: User, row: str, said: str
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(rita)
    sent = {"table": SimpleUploadedFile("q.jsonl", row.encode()), "idempotency_key": str(uuid.uuid4())}
    answer = client.post(reverse("annotation:question-table", args=[campaign.pk]), sent)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not QuestionUpload.objects.exists()


def person(site: Site, name: str, role: str) -> User:
    return create_account(name, password="correct horse battery", roles={role: [site]}, by_user=None)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def seen() -> list[Any]:
    """Who looked at a table, and at which."""
    events = AuditEvent.objects.filter(action="annotation.table_seen").order_by("sequence")
    return list(events.values_list("actor__username", "object_id"))


def test_a_tables_rows_are_shown_to_who_brought_it_in_and_to_data_managers(
    upload: QuestionUpload, campaign: Campaign, rita: User
) -> None:
    address = reverse("annotation:upload", args=[upload.pk])
    questions = reverse("annotation:question-list", args=[campaign.pk])
    dana = person(campaign.site, "dana", "data_manager")
    for user in (rita, dana):
        assert WORDS in signed_in(user).get(address).content.decode(), user
        assert address in signed_in(user).get(questions).content.decode(), user
    for role in ("researcher", "admin"):
        client = signed_in(person(campaign.site, f"other-{role}", role))
        assert client.get(address).status_code == 404, role
        assert client.get(questions).status_code == 200, role
        assert address not in client.get(questions).content.decode(), role
        sent = {"idempotency_key": str(uuid.uuid4()), "do": "confirm"}
        assert client.post(address, sent).status_code == 404, role
    assert not Question.objects.exists()


def test_each_look_at_uncleaned_rows_is_an_audit_event(upload: QuestionUpload, rita: User) -> None:
    signed_in(rita).get(reverse("annotation:upload", args=[upload.pk]))
    assert seen() == [("rita", str(upload.pk))]
    event = AuditEvent.objects.get(action="annotation.table_seen")
    assert (event.site, event.details) == (upload.campaign.site, {"rows": 1})
    assert "张三" not in str(event.details)


def test_throwing_a_table_away_is_an_audit_event(upload: QuestionUpload, rita: User) -> None:
    address = reverse("annotation:upload", args=[upload.pk])
    key = str(uuid.uuid4())
    signed_in(rita).post(address, {"idempotency_key": key, "do": "discard"})
    assert not QuestionUpload.objects.exists()
    event = AuditEvent.objects.get(action="annotation.table_discarded")
    assert (event.actor, event.object_id, event.site) == (rita, str(upload.pk), upload.campaign.site)
    assert event.details == {"campaign": str(upload.campaign_id), "rows": 1}


def test_nobody_else_opens_takes_in_or_throws_away(upload: QuestionUpload, campaign: Campaign) -> None:
    for act in (open_upload, confirm_upload, discard_upload):
        with pytest.raises(NotAllowedError):
            act(upload, by_user=person(campaign.site, f"rob-{act.__name__}", "researcher"))
    assert QuestionUpload.objects.get() == upload
    assert seen() == []


def test_who_lost_the_role_loses_the_table(upload: QuestionUpload, rita: User) -> None:
    Membership.objects.filter(user=rita).delete()
    with pytest.raises(NotAllowedError):
        open_upload(upload, by_user=rita)


def test_a_data_manager_of_another_hospital_sees_nothing(upload: QuestionUpload, other_site: Site) -> None:
    stranger = person(other_site, "dora", "data_manager")
    assert signed_in(stranger).get(reverse("annotation:upload", args=[upload.pk])).status_code == 404


def test_a_table_that_is_gone_is_not_taken_in_a_second_time(upload: QuestionUpload, rita: User) -> None:
    confirm_upload(upload, by_user=rita)
    assert Question.objects.count() == 1
    for act in (confirm_upload, discard_upload):
        with pytest.raises((WrongStateError, NotAllowedError)):
            act(upload, by_user=rita)
    assert Question.objects.count() == 1
    assert not AuditEvent.objects.filter(action="annotation.table_discarded").exists()


def test_the_interface_lists_a_table_to_the_same_people(upload: QuestionUpload, campaign: Campaign) -> None:
    assert list(QuestionUpload.objects.visible_to(upload.by_user)) == [upload]
    assert list(QuestionUpload.objects.visible_to(person(campaign.site, "dana", "data_manager"))) == [upload]
    for role in ("researcher", "admin", "junior", "auditor"):
        other = person(campaign.site, f"an-{role}", role)
        assert not QuestionUpload.objects.visible_to(other).exists(), role


def test_an_erasure_drops_her_rows_of_tables_that_wait(campaign: Campaign, rita: User, site: Site) -> None:
    """By her number, or by that of her study alone; a table of hers alone goes whole."""
    hers = patient_with_study(site).patient
    rows = "patient,accession,text,source\n"
    mixed = rows + "P001,,hers 1,ward\n,A001,hers 2,ward\nP002,,not hers,ward\n,,nobody's,ward\n"
    uploads = [
        read_upload(campaign, SimpleUploadedFile("q.csv", table.encode()), by_user=rita)
        for table in (mixed, rows + "P001,A001,hers 3,ward\n", rows + "P003,,not hers either,ward\n")
    ]
    dana, adam = person(site, "dana", "data_manager"), person(site, "adam", "admin")
    erasure = erase_patient(request_erasure(hers, reason="withdrew", by_user=dana), by_user=adam)
    assert erasure.destroyed["question_rows"] == 3
    kept = {upload.pk: [row["turns"] for row in upload.rows] for upload in QuestionUpload.objects.all()}
    assert kept == {uploads[0].pk: [["not hers"], ["nobody's"]], uploads[2].pk: [["not hers either"]]}
