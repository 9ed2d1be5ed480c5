"""Fetching from a real PACS (Orthanc) as jobs, asked for on a page; who may, and what breaks off goes on."""

import uuid
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive import inbox
from mammo.archive.models import Image, ImportBatch, PacsFetch, PacsService
from mammo.archive.pacs_fetches import add_pacs_service, begin_fetch, go_on, remove_pacs_service
from mammo.archive.pacs_query import Query
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs.models import Job
from mammo.jobs.runner import run_here

from .files import mammogram, study
from .peers import free_port, orthanc

pytestmark = pytest.mark.django_db


def run_all(capture: object) -> None:
    """Run queued jobs, and those that they queue, to the end."""
    while job := Job.objects.filter(state="queued").order_by("created_at").first():
        with capture(execute=True):  # type: ignore[operator]
            run_here(job)


@pytest.fixture
def service(site: Site) -> PacsService:
    """A PACS at which nobody listens."""
    return add_pacs_service(
        "pacs1", site=site, url=f"http://127.0.0.1:{free_port()}/dicom-web", user_name="m", password="secret7",
        by_user=None,
    )  # fmt: skip


@pytest.mark.services
def test_a_page_asks_orthanc_and_jobs_import_what_it_has_once(
    site: Site,
    dana: User,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: object,
) -> None:
    monkeypatch.setattr("mammo.archive.pacs_fetches.STUDIES_PER_JOB", 1)
    client.force_login(dana)
    with orthanc(tmp_path / "orthanc") as pacs:
        pacs.keep(*study(tmp_path / "in"))
        pacs.keep(mammogram(tmp_path / "other.dcm", StudyInstanceUID="1.2.9", AccessionNumber="ACC2"))
        pacs.keep(mammogram(tmp_path / "later.dcm", StudyDate="20210101", StudyInstanceUID="1.2.10"))
        ours = add_pacs_service("pacs1", site=site, url=f"{pacs.url}/dicom-web", by_user=None)
        asked = {"pacs": str(ours.pk), "first": "2019-01-01", "last": "2019-12-31"}
        for _again in range(2):
            answer = client.post("/archive/imports/pacs/fetch/", {**asked, "idempotency_key": uuid.uuid4()})
            assert answer.status_code == 302
            run_all(django_capture_on_commit_callbacks)
    second, first = PacsFetch.objects.all()
    assert (first.found, first.fetched, first.known, first.failed, first.todo) == (2, 5, 0, 0, [])
    assert (second.found, second.fetched, second.known) == (2, 0, 5)
    assert first.finished_at
    assert second.finished_at
    assert Image.objects.count() == 5
    batch = ImportBatch.objects.get(pk=first.pk)
    assert (batch.origin, batch.by_user, batch.counts["imported"]) == ("dicomweb", dana, 5)
    assert inbox.waiting_count([site]) == 0
    page = client.get("/archive/imports/pacs/fetches/").content.decode()
    assert str(first.pk) in page
    assert "H1234567" not in page


def test_a_pacs_that_is_away_breaks_the_fetch_off_and_it_goes_on_from_there(
    service: PacsService, dana: User, client: Client, django_capture_on_commit_callbacks: object
) -> None:
    fetch = begin_fetch(service, Query(patient="H1234567"), by_user=dana)
    run_all(django_capture_on_commit_callbacks)
    fetch.refresh_from_db()
    assert fetch.job is not None
    assert fetch.job.state == "failed"
    assert "no answer" in fetch.job.error
    assert "secret7" not in fetch.job.error
    client.force_login(dana)
    assert "no answer" in client.get("/archive/imports/pacs/").content.decode()
    go_on(fetch, by_user=dana)
    with pytest.raises(WrongStateError):
        go_on(fetch, by_user=dana)
    assert Job.objects.filter(state="queued").count() == 1


def test_what_was_asked_for_and_the_password_are_nowhere_in_clear(
    service: PacsService, dana: User, tmp_path: Path
) -> None:
    from django.db import connection

    begin_fetch(service, Query(patient="H7654321", accession="ACC99"), by_user=dana)
    dump = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            dump.append(str(cursor.fetchall()))
    written = "".join(dump)
    assert not [secret for secret in ("H7654321", "ACC99", "secret7") if secret in written]
    assert AuditEvent.objects.filter(action="archive.fetch_begun", actor=dana).exists()


def test_a_withdrawal_takes_her_number_out_of_what_was_asked(
    service: PacsService, site: Site, dana: User, tmp_path: Path
) -> None:
    from mammo.accounts.services import create_account
    from mammo.archive.models import Patient
    from mammo.archive.services import erase_patient, import_studies, request_erasure

    import_studies([mammogram(tmp_path / "a.dcm")], site=site, by_user=None)
    hers = begin_fetch(service, Query(patient="H1234567"), by_user=dana)
    another = begin_fetch(service, Query(patient="H999"), by_user=dana)
    admin = create_account("adam", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erase_patient(request_erasure(Patient.objects.get(), reason="letter", by_user=dana), by_user=admin)
    assert PacsFetch.objects.get(pk=hers.pk).query["patient"] == "(erased)"
    assert PacsFetch.objects.get(pk=another.pk).query["patient"] == "H999"


def test_only_data_managers_of_the_site_fetch_and_never_everything(
    service: PacsService, dana: User, june: User, rita: User, otto: User, client: Client
) -> None:
    with pytest.raises(UserError, match="say what to fetch"):
        begin_fetch(service, Query(), by_user=dana)
    with pytest.raises(UserError, match="last day"):
        begin_fetch(service, Query(first=date(2019, 2, 1), last=date(2019, 1, 1)), by_user=dana)
    for person in (june, rita, otto):
        with pytest.raises(NotAllowedError):
            begin_fetch(service, Query(patient="1"), by_user=person)
        client.force_login(person)
        assert client.get("/archive/imports/pacs/").status_code == 404
    remove_pacs_service("pacs1", site=service.site, by_user=None)
    service.refresh_from_db()
    assert service.password == ""
    with pytest.raises(NotAllowedError):
        begin_fetch(service, Query(patient="1"), by_user=dana)


def test_an_administrator_names_lists_and_removes_a_pacs(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_DICOMWEB_PASSWORD", "secret7")
    add = ("pacs", "add", "p", "--site", "north")
    with pytest.raises(CommandError, match="address of a DICOMweb service"):
        call_command(*add, "--url", "pacs")
    call_command(*add, "--url", "https://pacs/dicom-web/", "--user", "m")
    assert (PacsService.objects.get().url, PacsService.objects.get().password) == (
        "https://pacs/dicom-web",
        "secret7",
    )
    with pytest.raises(CommandError, match="give one that no PACS"):
        call_command(*add, "--url", "https://pacs/dicom-web")
    call_command("pacs", "list")
    assert "https://pacs/dicom-web" in capsys.readouterr().out
    call_command("pacs", "remove", "p", "--site", "north")
    call_command("pacs", "list", "--json")
    assert '{"pacs": []}' in capsys.readouterr().out
