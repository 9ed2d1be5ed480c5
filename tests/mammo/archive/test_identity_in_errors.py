"""No error page, and no message of the queue, holds anything of whom the archive holds."""

import base64
import json
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from mammo.accounts.models import Site, User
from mammo.archive import inbox
from mammo.archive.models import ImportBatch, ImportItem, Study
from mammo.archive.models.studies import StudyQuerySet
from mammo.archive.received_job import import_soon
from mammo.archive.services import import_studies

from .files import mammogram

NAME, SPELT, NUMBER, UID = "钱多多", "QIAN^DUODUO", "H7654321", "1.2.840.999.77"
PLANTED = (NAME, SPELT, "QIAN", "DUODUO", NUMBER, UID)
HERS = {"PatientName": f"{SPELT}={NAME}", "PatientID": NUMBER, "StudyInstanceUID": UID}


@pytest.fixture
def hers(site: Site, tmp_path: Path) -> Study:
    """Her study with a report that names her, and a file of hers in quarantine."""
    folder = tmp_path / NAME
    mammogram(folder / f"{SPELT}.dcm", **HERS)
    mammogram(folder / "raw.dcm", PresentationIntentType="FOR PROCESSING", **HERS)
    reports = tmp_path / "r.csv"
    reports.write_text(f"study_uid,text\n{UID},患者{NAME}（{NUMBER}）双乳BI-RADS 2类\n", encoding="utf-8")
    import_studies([folder], site=site, reports=reports, by_user=None)
    return Study.objects.get()


def left(answer: HttpResponse) -> list[str]:
    got = answer.content.decode(errors="replace") + str(dict(answer.headers))
    return [word for word in PLANTED if word in got]


def _key() -> dict[str, str]:
    return {"idempotency_key": str(uuid.uuid4())}


def test_pages_of_what_went_wrong_hold_none_of_it(hers: Study, dana: User) -> None:
    client = Client()
    client.force_login(dana)
    stated = {
        "density": "C",
        "birads_left": "2",
        "birads_right": "2",
        "birads_overall": "2",
        "reason": "read again",
    }
    address = f"/archive/studies/{hers.pk}/labels/"
    waiting = ImportItem.objects.get(outcome="quarantined")
    guarded = Client(enforce_csrf_checks=True)
    guarded.force_login(dana)
    answers = {
        400: client.post(address, {**stated, "version": "none", **_key()}),
        409: client.post(address, {**stated, "version": str(hers.version + 7), **_key()}),
        404: client.get(f"/archive/studies/{uuid.uuid4()}/"),
        403: guarded.post(address, {**stated, "version": "1"}),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {
        code: code for code in answers
    }
    released = client.post(
        f"/archive/quarantine/{waiting.pk}/", {"decision": "release", "reason": "x", **_key()}
    )
    assert released.status_code >= 400
    assert {status: left(answer) for status, answer in answers.items() if left(answer)} == {}
    assert left(released) == []


@pytest.mark.parametrize(
    "way", ["/archive/studies/{pk}/", "/archive/studies/{pk}/viewer.json", "/api/v1/studies/{pk}/"]
)
def test_a_fault_of_ours_tells_nothing_of_what_it_was_about(
    hers: Study, dana: User, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error itself quotes her: the page must not."""

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError(f"row of {NAME} {SPELT} {NUMBER} {UID}")

    client = Client(raise_request_exception=False)
    client.force_login(dana)
    monkeypatch.setattr("mammo.accounts.audit.record", fail)
    monkeypatch.setattr(StudyQuerySet, "visible_to", fail)
    answer = client.get(way.format(pk=hers.pk))
    assert answer.status_code == 500
    assert left(answer) == []


def test_a_message_of_the_queue_names_a_job_and_nothing_else(
    site: Site, dana: User, tmp_path: Path, django_capture_on_commit_callbacks: object
) -> None:
    if not settings.BROKER_URL.startswith("filesystem"):
        pytest.skip("another broker holds the messages")
    folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"])
    before = set(folder.glob("*"))
    path = mammogram(tmp_path / f"{SPELT}.dcm", **HERS)
    inbox.put(
        site, path.read_bytes(), batch_id=uuid.uuid4(), origin=ImportBatch.Origin.UPLOAD, name=path.name
    )
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        import_soon(site, by_user=dana)
    messages = [path for path in folder.glob("*") if path not in before]
    assert messages
    for message in messages:
        written = message.read_bytes()
        envelope = json.loads(written)
        body = base64.b64decode(envelope["body"])
        assert [word for word in PLANTED if word.encode() in written + body] == []
        arguments, named, _options = json.loads(body)
        assert (arguments, list(named)) == ([], ["job_id"])
        assert named["job_id"] in envelope["headers"]["kwargsrepr"]
