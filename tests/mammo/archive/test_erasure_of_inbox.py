"""A withdrawal reaches what was received and not imported yet: under the site's key it could be read for ever."""

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive import erasure as erasures
from mammo.archive import inbox
from mammo.archive.inbox_erasure import Received, received_of
from mammo.archive.models import Erasure, ImportItem, Patient
from mammo.archive.received_import import InboxFiles, import_received
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


def test_the_inbox_is_read_before_the_transaction_and_a_repeated_form_is_answered_alike(
    hers: Patient, site: Site, dana: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    asked = request_erasure(hers, reason="withdrew", by_user=dana)
    waiting = received(site, mammogram(tmp_path / "a.dcm", side="R"))
    depths: list[int] = []

    def seen(patient: Patient) -> Received:
        depths.append(len(connection.savepoint_ids))
        return received_of(patient)

    monkeypatch.setattr(erasures, "received_of", seen)
    outside = len(connection.savepoint_ids)
    client, form = Client(), {"idempotency_key": str(uuid.uuid4())}
    client.force_login(ada)
    address = reverse("archive:confirm-erasure", args=[asked.pk])
    assert [client.post(address, form).status_code for _time in range(2)] == [302, 302]
    assert depths == [outside]
    assert not waiting.exists()
    assert Erasure.objects.get().destroyed["received"] == 1


def test_each_file_is_read_once(
    hers: Patient, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = received(site, mammogram(tmp_path / "a.dcm", side="R"))
    packed = received(site, zipped(tmp_path / "a.zip", {"a.dcm": (tmp_path / "a.dcm").read_bytes()}))
    read: Counter[str] = Counter()
    frames = inbox.frames

    def counted(site: Site, path: Path) -> Iterator[bytes]:
        read[path.name] += 1
        return frames(site, path)

    monkeypatch.setattr(inbox, "frames", counted)
    found = received_of(hers)
    assert len(found.hers) == 2
    del read[packed.name]  # looked at, then taken apart
    assert set(read.values()) == {1}
    assert read.keys() == {path.name for path in found.hers}
    assert kept in found.hers


def test_a_file_that_an_import_takes_while_the_inbox_is_looked_through_stops_nothing(
    hers: Patient, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = (received(site, mammogram(tmp_path / f"{side}.dcm", side=side)) for side in "LR")
    (inbox.folder(site) / f"{uuid.uuid4().hex}.{uuid.uuid4().hex}.enc").symlink_to("gone")
    assert {entry.path for entry in inbox.entries(inbox.folder(site))} == {kept, gone}
    listed = inbox.entries

    def then_gone(folder: Path) -> list[inbox.Entry]:
        found = listed(folder)
        gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(inbox, "entries", then_gone)
    assert received_of(hers).hers == [kept]


def test_an_import_passes_over_what_a_withdrawal_destroyed_meanwhile(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = uuid.uuid4()
    for side in "LR":
        path = mammogram(tmp_path / f"{side}.dcm", side=side)
        inbox.put(site, path.read_bytes(), batch_id=batch, origin="c_store", name=path.name)
    gone = inbox.entries(inbox.folder(site))[0]
    claim = inbox.claim

    def then_gone(site: Site, name: str, limit: int) -> list[inbox.Entry]:
        taken = claim(site, name, limit)
        (inbox.folder(site) / f"taken-{name}" / gone.path.name).unlink(missing_ok=True)
        return taken

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "claim", then_gone)
        done = import_received(site, taken_as="test")
    assert done is not None
    assert done.counts["imported"] == 1
    left = received(site, mammogram(tmp_path / "c.dcm"))
    entries = [gone, inbox.Entry(left, uuid.uuid4())]
    assert [source.spent for source in InboxFiles(site, entries).files(tmp_path)] == [left]


def test_refused_files_are_looked_at_before_the_transaction_and_in_it_those_that_came_since(
    hers: Patient, site: Site, dana: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    asked = request_erasure(hers, reason="withdrew", by_user=dana)
    number = hers.roster["numbers"][0]
    names = [f"{number}_{word}.txt" for word in ("before", "since")]
    for name in names:
        (tmp_path / name).write_text(name)
    import_studies([tmp_path / names[0]], site=site, by_user=None)
    sought = erasures.look_for(asked, by_user=ada)
    import_studies([tmp_path / names[1]], site=site, by_user=None)
    looked_at: list[str] = []
    pieces = erasures._pieces

    def noted(source: str) -> list[str]:
        looked_at.append(source)
        return pieces(source)

    monkeypatch.setattr(erasures, "_pieces", noted)
    erase_patient(asked, by_user=ada, sought=sought)
    assert [Path(source).name for source in looked_at] == [names[1]]
    items = ImportItem.objects.filter(image=None).select_related("batch__site")
    assert [item.source for item in items] == ["(erased)", "(erased)"]
