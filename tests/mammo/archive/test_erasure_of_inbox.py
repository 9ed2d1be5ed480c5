"""A withdrawal reaches what was received and not imported yet: under the site's key it could be read for ever."""

import uuid
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive import inbox
from mammo.archive.models import Erasure, Patient
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.core.keys import key_store

from .files import mammogram, zipped

pytestmark = pytest.mark.django_db


@pytest.fixture
def hers(site: Site, tmp_path: Path) -> Patient:
    import_studies([mammogram(tmp_path / "first.dcm")], site=site, by_user=None)
    return Patient.objects.get()


def received(site: Site, path: Path) -> Path:
    return inbox.put(site, path.read_bytes(), batch_id=uuid.uuid4(), origin="c_store", name=path.name)


def erased(patient: Patient, dana: User) -> tuple[Erasure, User]:
    ada = create_account(
        "ada", password="correct horse battery", roles={"admin": [patient.site]}, by_user=None
    )
    return erase_patient(request_erasure(patient, reason="withdrew", by_user=dana), by_user=ada), ada


def test_her_files_go_from_the_inbox_others_stay_and_what_cannot_be_read_is_named(
    hers: Patient, site: Site, dana: User, tmp_path: Path
) -> None:
    other = mammogram(tmp_path / "other.dcm", PatientID="Z999", StudyInstanceUID="1.2.99")
    no_number = mammogram(tmp_path / "b.dcm", PatientID="", AccessionNumber="")  # of her study
    noise = tmp_path / "noise.bin"
    noise.write_bytes(b"\x01" * 999)
    received(site, mammogram(tmp_path / "a.dcm", side="R"))
    same_study = received(site, no_number)
    assert inbox.claim(site, "job-of-a-dead-worker", 1)
    kept, unread = received(site, other), received(site, noise)
    broken_off = inbox.Upload(site, uuid.uuid4(), by=str(dana.pk))
    broken_off.append((tmp_path / "a.dcm").read_bytes()[:5000], offset=0, name="a", origin="upload")
    erasure, ada = erased(hers, dana)
    left = {path for path in inbox.folder(site).rglob("*") if path.is_file()}
    assert left == {kept, unread}
    assert not same_study.exists()
    assert erasure.destroyed["received"] == 3
    assert erasure.still_held_in == [{"kind": "received file", "name": unread.name, "where": str(unread)}]
    client = Client()
    client.force_login(ada)
    page = client.get(reverse("archive:erasures")).content.decode()
    assert "Received file that does not say whose it is" in page
    assert unread.name in page


def test_an_archive_is_taken_apart_so_that_other_patients_members_stay(
    hers: Patient, site: Site, dana: User, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    both.mkdir()
    mammogram(both / "a.dcm", side="R")
    mammogram(both / "other.dcm", PatientID="Z999", StudyInstanceUID="1.2.99")
    packed = received(
        site, zipped(tmp_path / "both.zip", {p.name: p.read_bytes() for p in sorted(both.iterdir())})
    )
    erasure, _ada = erased(hers, dana)
    assert not packed.exists()
    (kept,) = inbox.entries(inbox.folder(site))
    inbox.unpack(site, kept, tmp_path / "kept.dcm")
    assert (tmp_path / "kept.dcm").read_bytes() == (both / "other.dcm").read_bytes()
    assert erasure.destroyed["received"] == 1


def test_a_withdrawal_that_broke_off_behind_the_key_is_confirmed_again(hers: Patient, dana: User) -> None:
    ada = create_account("ada", password="correct horse battery", roles={"admin": [hers.site]}, by_user=None)
    asked = request_erasure(hers, reason="withdrew", by_user=dana)
    key_store().destroy(hers.key_id)
    assert erase_patient(Erasure.objects.get(pk=asked.pk), by_user=ada).confirmed_at is not None
