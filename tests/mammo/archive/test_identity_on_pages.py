"""None of the planted strings is on a page, in the interface, in a job, a message of the queue or an error page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive import inbox
from mammo.archive.models import Image, ImportBatch, Study
from mammo.archive.received_job import import_soon
from mammo.archive.services import import_studies
from mammo.jobs.models import Job
from mammo.jobs.runner import run_here

from .kept import SEALED, found_in, is_ciphertext, planted_in


@pytest.fixture
def planted(shared_data: Path) -> set[str]:
    """The strings of the shared set, the short ones too."""
    return planted_in(shared_data / "phi" / "manifest.json")


def _bodies(client: Client) -> Iterator[tuple[str, bytes]]:
    addresses = [
        "/",
        "/archive/studies/",
        "/archive/overview/",
        "/archive/cohorts/",
        "/archive/splits/",
        "/jobs/",
    ]
    for study in Study.objects.all():
        addresses += [f"/archive/studies/{study.pk}/", f"/archive/studies/{study.pk}/viewer.json"]
    for image in Image.objects.all():
        addresses += [f"/archive/images/{image.pk}/view.dcm", f"/archive/images/{image.pk}/thumbnail.png"]
    addresses += ["/api/v1/studies/", "/api/v1/images/", "/archive/no-such-page/", "/archive/images/x/"]
    for address in addresses:
        answer = client.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        yield address, body
        yield f"{address} (headers)", str(dict(answer.headers)).encode()


def test_a_researcher_meets_none_of_them(
    site: Site, rita: User, client: Client, shared_data: Path, planted: set[str]
) -> None:
    assert import_studies([shared_data / "phi"], site=site, by_user=None).counts["imported"] == 3
    client.force_login(rita)
    bodies = list(_bodies(client))
    assert len(bodies) > 30
    assert {where: left for where, body in bodies if (left := found_in(body, planted))} == {}


def test_jobs_messages_and_the_trail_hold_none_of_them(
    site: Site,
    dana: User,
    shared_data: Path,
    tmp_path: Path,
    planted: set[str],
    django_capture_on_commit_callbacks: object,
) -> None:
    import uuid

    batch = uuid.uuid4()
    for path in sorted((shared_data / "phi").glob("*.dcm")):
        inbox.put(site, path.read_bytes(), batch_id=batch, origin=ImportBatch.Origin.UPLOAD, name="a.dcm")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        import_soon(site, by_user=dana)
        job = run_here(Job.objects.get())
    assert job.state == "succeeded", job.error
    written = [str(list(model.objects.values())) for model in (Job, AuditEvent, ImportBatch)]
    kept = {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert not [path for path, data in kept.items() if path.suffix == ".enc" and not is_ciphertext(data)]
    texts = [text.encode() for text in written]
    texts += [data for path, data in kept.items() if path.suffix not in SEALED]
    assert [left for data in texts if (left := found_in(data, planted))] == []
