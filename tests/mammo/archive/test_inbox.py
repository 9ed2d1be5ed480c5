"""What was received waits encrypted, is taken once, and comes in by the job; uploads go on where they ended."""

import dataclasses
import os
import re
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mammo.accounts.models import Site, User
from mammo.archive import inbox, received_job, storage
from mammo.archive.models import Image, ImportBatch
from mammo.archive.multipart import parts
from mammo.archive.pseudonyms import installation
from mammo.archive.received_import import import_received
from mammo.archive.sending_systems import add_sending_system, revoke_sending_system, system_of_request
from mammo.archive.services import import_studies
from mammo.core.errors import UserError
from mammo.jobs import kinds
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.chores import do_chores
from mammo.jobs.models import Job
from mammo.jobs.runner import run_here

from .files import mammogram, study, zipped


def put(site: Site, path: Path, batch: uuid.UUID) -> Path:
    return inbox.put(site, path.read_bytes(), batch_id=batch, origin="c_store", name=f"PACS/{path.name}")


def test_an_entry_is_encrypted_and_comes_back_whole(site: Site, tmp_path: Path) -> None:
    source = mammogram(tmp_path / "a.dcm")
    entry = inbox.Entry(put(site, source, uuid.uuid4()), uuid.uuid4())
    assert b"Xiuying" not in entry.path.read_bytes()
    assert inbox.unpack(site, entry, tmp_path / "b.dcm")["name"] == "PACS/a.dcm"
    assert (tmp_path / "b.dcm").read_bytes() == source.read_bytes()
    entry.path.write_bytes(entry.path.read_bytes()[:-1])
    with pytest.raises(UserError, match="not whole"):
        inbox.unpack(site, entry, tmp_path / "c.dcm")


def test_two_imports_never_take_one_entry_and_a_killed_one_finds_its_own(site: Site, tmp_path: Path) -> None:
    batch = uuid.uuid4()
    for path in study(tmp_path):
        put(site, path, batch)
    first = inbox.claim(site, "one", 3)
    second = inbox.claim(site, "two", 3)
    assert (len(first), len(second)) == (3, 1)
    assert inbox.claim(site, "one", 3) == first
    inbox.give_back(site, "one")
    assert len(inbox.claim(site, "two", 9)) == 1
    assert len(inbox.entries(inbox.folder(site))) == 3


def test_a_full_inbox_keeps_nothing(site: Site, tmp_path: Path, settings: object) -> None:
    settings.MAMMO_INBOX_FILES = 1  # type: ignore[attr-defined]
    source = mammogram(tmp_path / "a.dcm")
    put(site, source, uuid.uuid4())
    with pytest.raises(inbox.InboxFullError):
        put(site, source, uuid.uuid4())
    assert inbox.waiting_count([site]) == 1


def test_a_delivery_whose_import_was_killed_goes_on_and_its_decrypted_files_are_gone(
    site: Site, tmp_path: Path
) -> None:
    delivery = uuid.uuid4()
    put(site, mammogram(tmp_path / "a.dcm"), delivery)
    inbox.claim(site, "test", 9)
    ImportBatch.objects.create(pk=delivery, site=site, origin="c_store", kind="studies")
    left = storage.viewing_copies_root() / storage.INCOMING / str(delivery) / "received-0"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"decrypted")
    batch = import_received(site, taken_as="test")
    assert batch is not None
    assert (batch.pk, batch.counts["imported"]) == (delivery, 1)
    assert "interrupted" not in batch.counts
    assert not left.parent.exists()


def test_deliveries_become_batches_and_leave_nothing_behind(site: Site, tmp_path: Path) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    put(site, mammogram(tmp_path / "a.dcm"), one)
    packed = zipped(
        tmp_path / "in.zip",
        {"x/b.dcm": mammogram(tmp_path / "b.dcm", view="MLO").read_bytes(), "n.txt": b"?"},
    )
    put(site, packed, two)
    batches = [import_received(site, taken_as="test"), import_received(site, taken_as="test")]
    assert [batch.pk for batch in batches if batch] == [one, two]
    assert ImportBatch.objects.get(pk=two).counts == {
        "imported": 1,
        "duplicate": 0,
        "quarantined": 0,
        "rejected": 1,
    }
    assert import_received(site, taken_as="test") is None
    assert inbox.waiting_count([site]) == 0
    assert Image.objects.count() == 2


def test_an_upload_goes_on_where_it_ended_and_the_job_imports_it(
    site: Site,
    dana: User,
    june: User,
    client: Client,
    tmp_path: Path,
    django_capture_on_commit_callbacks: object,
) -> None:
    data = mammogram(tmp_path / "a.dcm").read_bytes()
    number, batch = uuid.uuid4(), uuid.uuid4()
    address = reverse("archive:upload-piece", args=[number])

    def send(offset: int, piece: bytes) -> int:
        answer = client.put(
            f"{address}?site=north&offset={offset}",
            piece,
            "application/octet-stream",
            headers={"X-File-Name": "%E7%8E%8B%E4%B8%BD.dcm"},
        )
        return int(answer.json()["received"])

    client.force_login(june)
    assert client.get(f"{address}?site=north").status_code == 404
    client.force_login(dana)
    assert send(0, data[:5000]) == 5000
    assert send(0, data[:5000]) == 5000  # a lost answer: sent twice, kept once
    assert send(9000, data[9000:]) == 5000  # beyond the end: told where to go on
    part = next((tmp_path / "home" / "inbox").rglob("*.part"))
    with part.open("ab") as handle:
        handle.write(b"\0\0\1\0cut off by a crash")
    assert client.get(f"{address}?site=north").json() == {"received": 5000}
    finish = reverse("archive:upload-finish", args=[number]) + f"?site=north&size={len(data)}&batch={batch}"
    assert client.post(finish).status_code == 409
    assert send(5000, data[5000:]) == len(data)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        assert client.post(finish).status_code == 200
    assert client.post(finish).status_code == 200
    assert inbox.waiting_count([site]) == 1
    job = Job.objects.get(kind="archive.import_received")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        done = run_here(job)
    assert done.state == "succeeded", done.error
    found = ImportBatch.objects.get()
    assert (found.pk, found.origin, found.by_user, found.counts["imported"]) == (batch, "upload", dana, 1)
    assert inbox.waiting_count([site]) == 0
    held = [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not any(b"Xiuying" in content for content in held)


def test_a_job_counts_its_files_on_the_imports_page_while_it_runs_and_no_key_is_in_its_files(
    site: Site,
    dana: User,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(received_job, "FILES_PER_JOB", 3)
    client.force_login(dana)
    known = mammogram(tmp_path / "in" / "known.dcm")
    import_studies([known], site=site, by_user=None)
    (tmp_path / "junk.dcm").write_bytes(b"no image")
    delivery = uuid.uuid4()
    last = mammogram(tmp_path / "b.dcm", view="MLO")
    for path in (last, tmp_path / "junk.dcm", known, known):
        entry = put(site, path, delivery)
        os.utime(entry, (time.time() - 3600, time.time() - 3600 + len(list(entry.parent.iterdir()))))
    # Nobody queued a job for it (its process was killed): the chore does.
    assert do_chores()["archive.received"] == 1
    page, part = (
        reverse("archive:import-batch", args=[delivery]), reverse("archive:imports-waiting"),
    )  # fmt: skip
    seen: list[str] = []
    kind = kinds.get(received_job.JOB_KIND)

    def ingest(job: Job, rows: Any) -> Any:
        files = [path.read_bytes() for path in AttemptFiles(job).folder.iterdir() if path.is_file()]
        assert not any(installation().secret.hex().encode() in content for content in files)
        if not ImportBatch.objects.get(pk=delivery).items.exists():  # nothing is stored yet
            seen.extend(client.get(at).content.decode() for at in (page, part, f"{part}?batch={delivery}"))
        return kind.ingest(job, rows)

    monkeypatch.setitem(kinds._KINDS, kind.name, dataclasses.replace(kind, ingest=ingest))
    with django_capture_on_commit_callbacks(execute=True):
        assert run_here(Job.objects.get()).state == "succeeded"
    assert len(seen) == 3
    for text in seen:
        said = " ".join(re.sub(r"<[^>]+>", "", text).split())
        assert "1 imported, 1 duplicate, 0 quarantined, 1 rejected, 1 waiting" in said
    batch = ImportBatch.objects.get(pk=delivery)
    assert batch.finished_at is None, "one of its files waits"
    with django_capture_on_commit_callbacks(execute=True):
        assert run_here(Job.objects.get(state="queued")).state == "succeeded"
    batch.refresh_from_db()
    assert batch.finished_at is not None
    assert batch.counts == {"imported": 1, "duplicate": 2, "quarantined": 0, "rejected": 1}
    assert "import-live" not in client.get(page).content.decode()


def test_an_upload_that_nobody_goes_on_with_takes_room_and_is_destroyed_after_two_weeks(
    site: Site, dana: User, settings: Any
) -> None:
    left, finished, going_on = (inbox.Upload(site, uuid.uuid4(), by=str(dana.pk)) for _ in range(3))
    for upload in (left, finished, going_on):
        upload.append(b"some bytes", offset=0, name="a.dcm", origin="upload")
    finished.finish(size=10, batch_id=uuid.uuid4())
    settings.MAMMO_INBOX_FILES = 3
    with pytest.raises(inbox.InboxFullError):
        inbox.check_room(site)
    settings.MAMMO_INBOX_FILES = 100
    held = inbox.folder(site) / "uploads"
    long_ago = time.time() - 15 * 24 * 3600
    for path in held.iterdir():
        os.utime(path, (long_ago, long_ago))
    going_on.append(b"more", offset=10, name="a.dcm", origin="upload")
    assert do_chores()["archive.uploads"] == 2
    assert [path.suffix for path in held.iterdir()] == [".part"]
    assert (going_on.received, left.received) == (14, 0)
    assert inbox.waiting_count([site]) == 1  # what was handed over waits for its import


def test_an_upload_killed_while_it_is_handed_over_is_not_sent_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, batch = uuid.uuid4(), uuid.uuid4()
    upload = inbox.Upload(site, number, by="1")
    upload.append(b"some bytes", offset=0, name="a.dcm", origin="upload")

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "touch", killed)
        with pytest.raises(KeyboardInterrupt):
            upload.finish(size=10, batch_id=batch)
    again = inbox.Upload(site, number, by="1")
    assert again.received == 10
    again.finish(size=10, batch_id=batch)
    assert again.is_handed_over
    assert inbox.waiting_count([site]) == 1
    assert list((inbox.folder(site) / "uploads").glob("*.part")) == []


def test_a_token_opens_for_its_own_system_until_it_is_revoked(site: Site) -> None:
    system, token = add_sending_system("pacs1", site=site, by_user=None)
    assert token not in str(list(type(system).objects.values()))
    assert system_of_request(f"Bearer {token}") == system
    assert system_of_request(f"Bearer {token}x") is None
    assert system_of_request("Basic !!!") is None
    with pytest.raises(UserError, match="exists already"):
        add_sending_system("pacs1", site=site, by_user=None)
    revoke_sending_system("pacs1", by_user=None)
    assert system_of_request(f"Bearer {token}") is None


def test_a_push_is_answered_per_file_and_refused_without_token_or_boundary(
    site: Site, client: Client, tmp_path: Path
) -> None:
    _, token = add_sending_system("pacs1", site=site, by_user=None)
    address = reverse("archive:stow")
    good = mammogram(tmp_path / "a.dcm").read_bytes()
    body = b"".join(
        b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n" for part in (good, b"junk")
    )
    kind = 'multipart/related; type="application/dicom"; boundary=edge'
    assert client.post(address, body + b"--edge--", kind).status_code == 401
    headers = {"Authorization": f"Bearer {token}"}
    assert client.post(address, body, "application/dicom", headers=headers).status_code == 415
    answer = client.post(address, body + b"--edge--", kind, headers=headers)
    assert answer.status_code == 202
    told = answer.json()
    assert len(told["00081199"]["Value"]) == len(told["00081198"]["Value"]) == 1
    assert told["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]
    cut = client.post(address, body[:-20], kind, headers=headers)
    assert cut.status_code == 202
    assert inbox.waiting_count([site]) == 2


def test_a_push_for_one_study_keeps_no_file_of_another(site: Site, client: Client, tmp_path: Path) -> None:
    _, token = add_sending_system("pacs1", site=site, by_user=None)
    files = [
        mammogram(tmp_path / f"{number}.dcm", StudyInstanceUID=uid, SOPInstanceUID=f"1.2.{number}")
        for number, uid in enumerate(("1.2.3.4", "1.2.3.5"))
    ]
    body = b"".join(
        b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + file.read_bytes() + b"\r\n" for file in files
    )
    answer = client.post(
        reverse("archive:stow-study", args=["1.2.3.4"]),
        body + b"--edge--",
        'multipart/related; type="application/dicom"; boundary=edge',
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 202
    told = answer.json()
    assert [kept["00081155"]["Value"] for kept in told["00081199"]["Value"]] == [["1.2.0"]]
    (failed,) = told["00081198"]["Value"]
    assert (failed["00081155"]["Value"], failed["00081197"]["Value"]) == (["1.2.1"], [0x0110])
    assert inbox.waiting_count([site]) == 1


def test_decrypted_files_that_a_killed_process_left_are_removed_by_the_next_import(
    site: Site, tmp_path: Path, settings: Any
) -> None:
    left = [settings.MAMMO_VIEWING_COPIES / ".look-x", inbox.folder(site) / "stow-x"]
    for folder in left:
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"a patient")
    old = time.time() - 7200
    os.utime(left[0], (old, old))
    storage.remove_stale()
    assert [folder.exists() for folder in left] == [False, True]
    storage.remove_stale(older_than_seconds=-1)
    assert not left[1].exists()


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_a_multipart_message_is_read_alike_in_pieces_of_any_size(tmp_path: Path, size: int) -> None:
    wanted = [b"\r\n--edg", b"", bytes(range(256)) * 40, b"-edge--"]
    body = b"".join(b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n" for part in wanted)
    body += b"--edge--\r\n"
    blocks = (body[at : at + size] for at in range(0, len(body), size))
    found = [part.path.read_bytes() for part in parts(blocks, "edge", tmp_path, max_part_bytes=1 << 20)]
    assert found == wanted
