"""Work that is done a part a job is told of once, at its end, however many jobs it took."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive import inbox, pacs_fetches, received_job
from mammo.archive.models import ImportBatch
from mammo.archive.pacs_fetches import add_pacs_service, begin_fetch
from mammo.archive.pacs_query import Query
from mammo.archive.received_job import import_soon
from mammo.archive.table_uploads import confirm, keep_table, preview
from mammo.jobs.models import Ending, Job

from .files import mammogram
from .test_pacs_fetches import run_all

pytestmark = pytest.mark.django_db


def asked_a_minute_ago() -> None:
    """The first job of a piece of work was asked for long before its last one, which takes a moment."""
    Job.objects.update(created_at=timezone.now() - timedelta(minutes=1))


def deliver(folder: Path, site: Site, by_user: User, count: int) -> uuid.UUID:
    batch_id = uuid.uuid4()
    for number in range(count):
        source = mammogram(folder / f"{batch_id.hex}{number}.dcm", StudyInstanceUID=f"1.2.{number}")
        inbox.put(
            site, source.read_bytes(), batch_id=batch_id, origin=ImportBatch.Origin.UPLOAD, name=source.name,
            by=str(by_user.pk),
        )  # fmt: skip
    return batch_id


def told(user: User) -> list[str]:
    return [ending.job.about_id for ending in Ending.objects.filter(job__by_user=user).select_related("job")]


@pytest.mark.slow
def test_a_delivery_of_many_files_is_told_once_to_who_sent_it(
    site: Site, dana: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    monkeypatch.setattr(received_job, "FILES_PER_JOB", 2)
    duo = create_account(
        "duo", password="correct horse battery", roles={"data_manager": [site]}, by_user=None
    )
    hers, his = deliver(tmp_path, site, dana, 3), deliver(tmp_path, site, duo, 3)
    import_soon(site, by_user=dana)
    asked_a_minute_ago()
    run_all(django_capture_on_commit_callbacks)
    assert Job.objects.filter(kind=received_job.JOB_KIND, state="succeeded").count() == 4
    assert told(dana) == [str(hers)]
    assert told(duo) == [str(his)]


def test_while_a_browser_still_sends_nothing_is_called_done(
    site: Site, dana: User, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    upload = inbox.Upload(site, uuid.uuid4(), by=str(dana.pk))
    upload.append(b"x" * 10, offset=0, name="b.dcm", origin=ImportBatch.Origin.UPLOAD)
    batch_id = deliver(tmp_path, site, dana, 1)
    for expected in ([], [str(batch_id)]):
        import_soon(site, by_user=dana)
        asked_a_minute_ago()
        run_all(django_capture_on_commit_callbacks)
        assert told(dana) == expected
        if not expected:
            upload.finish(size=10, batch_id=batch_id)


def test_a_table_of_many_rows_is_told_once(
    site: Site, dana: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr("mammo.archive.table_uploads.ROWS_PER_JOB", 2)
    lines = ["patient,accession,text", *(f"NOBODY,X{number},无" for number in range(5))]
    file = SimpleUploadedFile("ris.csv", "\n".join(lines).encode())
    upload = keep_table(file, kind="reports", site=site, by_user=dana)
    confirm(upload, preview(upload).mapping, by_user=dana)
    asked_a_minute_ago()
    run_all(django_capture_on_commit_callbacks)
    assert Job.objects.filter(about_id=str(upload.pk), state="succeeded").count() == 3
    assert told(dana) == [str(upload.pk)]


def test_a_fetch_is_told_when_nothing_of_it_is_left(site: Site, dana: User) -> None:
    service = add_pacs_service("pacs1", site=site, url="http://127.0.0.1:9/dicom-web", by_user=None)
    fetch = begin_fetch(service, Query(patient="H1234567"), by_user=dana)
    assert fetch.job is not None
    pacs_fetches.ingest(fetch.job, [{"study": "1.2.3"}])
    assert not pacs_fetches.is_last(fetch.job)
    pacs_fetches.ingest(fetch.job, [{"done": "1.2.3"}])
    assert pacs_fetches.is_last(fetch.job)
