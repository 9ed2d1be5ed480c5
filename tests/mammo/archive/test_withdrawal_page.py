"""A withdrawal's page: what still holds the patient, which backups, and who opened her data when."""

import io
import uuid
from datetime import timedelta
from pathlib import Path

import pydicom
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.archive import storage
from mammo.archive.backups import backups_that_hold, mark_destroyed, record_backup
from mammo.archive.models import Backup, Erasure, ImportItem, Patient, Study
from mammo.archive.openings import events_about, is_opening
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.archive.study_rows import WITHDREW
from mammo.core.errors import UserError, WrongStateError

from .files import mammogram, study


@pytest.fixture
def hers(tmp_path: Path, site: Site) -> Study:
    """Her study with a report."""
    reports = tmp_path / "reports.csv"
    reports.write_text("study_uid,text\n1.2.3.4,双乳BI-RADS 2类\n")
    import_studies(study(tmp_path / "in"), site=site, reports=reports, by_user=None)
    return Study.objects.select_related("patient").get()


@pytest.fixture
def adam(site: Site) -> User:
    """An administrator of the site."""
    return create_account("adam", password="correct horse battery", roles={"admin": [site]}, by_user=None)


def _key() -> dict[str, str]:
    return {"idempotency_key": str(uuid.uuid4())}


def test_from_her_study_to_the_page_that_lists_what_holds_her_and_who_looked(
    hers: Study, site: Site, dana: User, rita: User, adam: User, client: Client
) -> None:
    backup = record_backup("all", taken_at=timezone.now(), where="/vault/nightly", by_user=None)
    client.force_login(rita)
    client.get(f"/archive/studies/{hers.pk}/")
    client.get(f"/archive/studies/{hers.pk}/viewer.json")
    client.force_login(dana)
    client.get(f"/archive/reports/{hers.reports.get().pk}/as-received/")
    page = client.get(f"/archive/studies/{hers.pk}/").content.decode()
    assert 'name="pseudonym"' in page
    asked = client.post(
        "/archive/erasures/request/", {"pseudonym": hers.patient.pseudonym, "reason": "letter", **_key()}
    )
    assert asked.status_code == 302
    erasure = Erasure.objects.get()
    address = f"/archive/erasures/{erasure.pk}/"
    assert address in client.get(f"/archive/studies/{hers.pk}/").content.decode()
    shown = client.get(address).content.decode()
    for part in (
        "/vault/nightly",
        "study opened",
        "pictures opened",
        "raw text opened",
        "Rita",
    ):
        assert part in shown, part
    assert "Erase for good" not in shown  # the second person does
    client.force_login(adam)
    assert "Erase for good" in client.get(address).content.decode()
    erase_patient(erasure, by_user=adam)
    mark_destroyed(backup, by_user=adam)
    after = client.get(address).content.decode()
    assert "/vault/nightly" not in after
    assert "s key destroyed" in after
    client.force_login(rita)
    assert client.get(address).status_code == 404


def test_a_withdrawal_destroys_her_files_in_quarantine_and_they_do_not_come_again(
    hers: Study, site: Site, dana: User, adam: User, client: Client, tmp_path: Path
) -> None:
    raw = mammogram(tmp_path / "raw.dcm", PresentationIntentType="FOR PROCESSING")
    other = mammogram(tmp_path / "other.dcm", PatientID="Q", PresentationIntentType="FOR PROCESSING")
    known = hers.images.order_by("pk")[0]
    twin = pydicom.dcmread(io.BytesIO(storage.read_original(known.original, hers.patient.key_id)))
    twin.ImageComments = "sent again after a correction"
    twin.save_as(tmp_path / "twin.dcm")
    for _ in range(2):
        batch = import_studies([raw, other, tmp_path / "twin.dcm"], site=site, by_user=None)
    assert batch.counts["quarantined"] == 3
    erasure = request_erasure(hers.patient, reason="letter", by_user=dana)
    client.force_login(adam)
    address = f"/archive/erasures/{erasure.pk}/"
    assert client.get(address).content.decode().count("FOR PROCESSING: raw detector data") == 2
    items = ImportItem.objects.filter(outcome="quarantined").select_related("batch__site")
    (kept,) = {item.quarantine_file for item in items if item.source.endswith("other.dcm")}
    assert storage.read_original(kept, site.key_id) == other.read_bytes()
    erase_patient(erasure, by_user=adam)
    assert [
        path.relative_to(storage.originals_root()) for path in storage.originals_root().rglob("*.enc")
    ] == [Path(kept)]
    left = ImportItem.objects.filter(outcome="quarantined").select_related("batch__site")
    assert {item.source for item in left if not item.source.endswith("other.dcm")} == {"(erased)"}
    assert set(ImportItem.objects.undecided_of(dana).values_list("quarantine_file", flat=True)) == {kept}
    assert "FOR PROCESSING" not in client.get(address).content.decode()
    again = import_studies([raw, tmp_path / "twin.dcm"], site=site, by_user=None)
    assert set(again.items.values_list("outcome", "reason")) == {("rejected", WITHDREW)}
    assert len(list(storage.originals_root().rglob("*.enc"))) == 1


def test_a_file_in_quarantine_without_a_hospital_number_is_known_by_its_study(
    site: Site, dana: User, adam: User, tmp_path: Path
) -> None:
    nameless = {"StudyInstanceUID": "1.2.7", "drop": ("PatientID",)}
    files = [
        mammogram(tmp_path / "a.dcm", **nameless),
        mammogram(tmp_path / "raw.dcm", PresentationIntentType="FOR PROCESSING", **nameless),
    ]
    assert import_studies(files, site=site, by_user=None).counts["quarantined"] == 1
    erase_patient(request_erasure(Patient.objects.get(), reason="letter", by_user=dana), by_user=adam)
    assert not list(storage.originals_root().rglob("*.enc"))


def test_events_about_others_are_not_hers(
    hers: Study, site: Site, rita: User, tmp_path: Path, client: Client
) -> None:
    import_studies(
        study(tmp_path / "b", PatientID="OTHER", StudyInstanceUID="1.8", AccessionNumber="B"),
        site=site,
        by_user=None,
    )
    other = Study.objects.exclude(pk=hers.pk).get()
    client.force_login(rita)
    client.get(f"/archive/studies/{other.pk}/")
    assert [event for event in events_about(hers.patient) if is_opening(event)] == []
    assert len([event for event in events_about(other.patient) if is_opening(event)]) == 1


def test_backups_hold_whom_they_were_taken_of(hers: Study, dana: User, adam: User) -> None:
    now = timezone.now()
    patient = Patient.objects.get()
    Patient.objects.filter(pk=patient.pk).update(created_at=now - timedelta(days=10))
    patient.refresh_from_db()
    for days, where, expires in (
        (20, "before", None),
        (5, "during", None),
        (4, "gone", now.date() - timedelta(days=1)),
    ):
        record_backup(
            "database", taken_at=now - timedelta(days=days), where=where, expires_on=expires, by_user=None
        )
    assert [held["where"] for held in backups_that_hold(patient)] == ["during"]
    patient.erased_at = now - timedelta(days=6)
    assert backups_that_hold(patient) == []


@pytest.mark.parametrize(
    ("content", "days", "where", "message"),
    [("tapes", 1, "x", "content"), ("all", -1, "x", "future"), ("all", 1, " ", "where")],
)
def test_a_backup_that_makes_no_sense_is_refused(
    db: None, content: str, days: int, where: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        record_backup(content, taken_at=timezone.now() - timedelta(days=days), where=where, by_user=None)
    assert not Backup.objects.exists()


def test_the_command_notes_lists_and_marks_backups(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "backups", "add", "keys", "/vault/keys.tar", "--taken", "2026-01-02", "--expires", "2099-01-01"
    )
    backup = Backup.objects.get()
    assert (backup.content, backup.taken_at.isoformat()[:10]) == ("keys", "2026-01-02")
    call_command("backups", "list")
    assert "/vault/keys.tar" in capsys.readouterr().out
    call_command("backups", "destroyed", str(backup.pk))
    with pytest.raises(CommandError, match="already"):
        call_command("backups", "destroyed", str(backup.pk))
    with pytest.raises(WrongStateError):
        mark_destroyed(backup, by_user=None)
    assert AuditEvent.objects.filter(action="archive.backup_destroyed").count() == 1


def test_the_page_notes_a_backup_and_that_it_was_destroyed(
    site: Site, dana: User, rita: User, client: Client
) -> None:
    client.force_login(dana)
    sent = {"content": "all", "taken": "2026-01-02T03:00", "where": "/vault/a", "expires": ""}
    assert client.post("/archive/erasures/backups/record/", {**sent, **_key()}).status_code == 302
    assert "/vault/a" in client.get("/archive/erasures/").content.decode()
    backup = Backup.objects.get()
    client.post("/archive/erasures/backups/destroyed/", {"backup": str(backup.pk), **_key()})
    backup.refresh_from_db()
    assert backup.destroyed_at
    client.force_login(rita)
    assert client.post("/archive/erasures/backups/record/", {**sent, **_key()}).status_code == 404
