"""What killed imports leave goes, beside imports that run; what an older database does not name stays."""

import fcntl
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mammo.accounts.models import Site
from mammo.archive import inbox, storage
from mammo.archive.management.commands import unnamed_files as command
from mammo.archive.models import Image, ImportBatch, ImportItem, Patient, Study
from mammo.archive.received_import import import_received
from mammo.archive.services import import_studies
from mammo.archive.sources import NO_ROOM
from mammo.archive.written_files import WrittenFiles, remove_unnamed, unnamed_files
from mammo.jobs.chores import do_chores

from .conftest import ROOT
from .files import mammogram, picture, zipped

# Stands in for an import's process: it holds a decrypted file until it is killed.
HOLDS_A_FILE = """
import sys, time
import django
from django.conf import settings
django.setup()
from mammo.archive import storage
with storage.incoming() as folder:
    (folder / "received-0").write_bytes(b"DICM of a patient")
    print(folder, flush=True)
    sys.stdin.read()
"""


def _holding(home: Path) -> tuple["subprocess.Popen[str]", Path]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAMMO_", "DATABASE_"))}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_FILE],
        env={
            **kept, "MAMMO_HOME": str(home), "DJANGO_SETTINGS_MODULE": "mammo.settings",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
        },
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.slow
def test_a_chore_takes_the_decrypted_files_of_a_killed_import_and_leaves_a_live_ones(
    db: None, settings: Any
) -> None:
    home = Path(settings.MAMMO_HOME)
    killed, left = _holding(home)
    live, held = _holding(home)
    try:
        assert (left / "received-0").exists()
        assert left.stat().st_mode & 0o077 == 0
        assert do_chores()["archive.looked_at"] == 0
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert left.exists()
        assert do_chores()["archive.looked_at"] == 1
        assert not left.exists()
        assert (held / "received-0").exists()
    finally:
        killed.kill()
        live.communicate("")
    assert not held.exists()
    assert list((home / "imports").glob("incoming-*")) == []


def test_an_import_beside_another_takes_what_a_killed_one_left_of_the_same_delivery(
    site: Site, tmp_path: Path
) -> None:
    delivery = uuid.uuid4()
    path = mammogram(tmp_path / "a.dcm")
    inbox.put(site, path.read_bytes(), batch_id=delivery, origin="c_store", name="a.dcm")
    (storage.viewing_copies_root() / storage.INCOMING / str(delivery)).mkdir(parents=True)
    with storage.RunningImport() as other:
        other.admit_others()
        batch = import_received(site, taken_as="test")
    assert batch is not None
    assert batch.counts["imported"] == 1


def test_an_older_database_with_a_broken_off_import_costs_no_newer_file(
    site: Site,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        import_studies([mammogram(tmp_path / "a.dcm")], site=site, by_user=None)
    image = Image.objects.get()
    files = [
        storage.originals_root() / image.original,
        storage.viewing_copies_root() / image.viewing_copy,
        storage.thumbnail_path(image.viewing_copy),
    ]
    # As a dump that was taken while an import ran: it knows nothing of her, and of an import without an end.
    ImportItem.objects.all().delete()
    for model in (Image, Study, Patient):
        model._default_manager.all().delete()
    ImportBatch.objects.create(site=site, kind="studies")
    abandoned = storage.viewing_copies_root() / storage.INCOMING / "x"
    abandoned.mkdir(parents=True)
    other = mammogram(tmp_path / "b.dcm", PatientID="Z9", StudyInstanceUID="1.9", image=picture(seed=2))
    import_studies([other], site=site, by_user=None)
    assert [path.exists() for path in files] == [True] * 3
    assert not abandoned.exists()
    assert ImportBatch.objects.filter(finished_at=None).count() == 0
    call_command("unnamed_files")
    listed = capsys.readouterr().out
    assert all(str(path) in listed for path in files)
    with storage.RunningImport() as running:
        running.admit_others()
        with pytest.raises(CommandError, match="an import runs"):
            call_command("unnamed_files", "--remove")
    call_command("unnamed_files", "--remove")
    assert [path.exists() for path in files] == [False] * 3
    assert (storage.originals_root() / Image.objects.get().original).exists()


def test_files_are_listed_beside_imports_also_where_one_is_gone_by_then(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = storage.originals_root() / "ab"
    folder.mkdir(parents=True)
    (folder / "left.enc").write_bytes(b"12345")
    (folder / "gone.enc").symlink_to("nowhere")

    def beside_an_import() -> list[Path]:
        with (Path(storage._locks()) / "running.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return unnamed_files()

    monkeypatch.setattr(command, "unnamed_files", beside_an_import)
    call_command("unnamed_files")
    said = capsys.readouterr().out
    assert "found 2 files that no row names, 5 bytes" in said
    assert "a snapshot" in said


def test_a_noted_file_that_was_half_written_goes_too(site: Site) -> None:
    name = WrittenFiles().new_name(".enc")
    target = storage.originals_root() / name
    target.parent.mkdir(parents=True)
    half = target.with_name(f".{target.name}.4711.tmp")
    half.write_bytes(b"half")
    assert remove_unnamed(older_than_seconds=-1) == 1
    assert not half.exists()


def _sent(site: Site, path: Path) -> uuid.UUID:
    delivery = uuid.uuid4()
    inbox.put(site, path.read_bytes(), batch_id=delivery, origin="upload", name=path.name)
    return delivery


def _packed(tmp_path: Path) -> Path:
    members = {f"{number}.bin": bytes([number]) * 1000 for number in range(3)}
    members |= {"a.dcm": mammogram(tmp_path / "a.dcm").read_bytes()}
    return zipped(tmp_path / "in.zip", members)


def _free(monkeypatch: pytest.MonkeyPatch, *bytes_free: int) -> None:
    """The disk as it is told from now on; the last figure stays."""
    told = list(bytes_free)
    usage = inbox.shutil.disk_usage("/")
    monkeypatch.setattr(
        inbox.shutil,
        "disk_usage",
        lambda path: usage._replace(free=told.pop(0) if len(told) > 1 else told[0]),
    )


@pytest.mark.parametrize("filled", ["before the first member", "while it is taken apart"])
def test_an_archive_that_the_disk_has_no_room_for_is_refused_whole(
    site: Site, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, filled: str
) -> None:
    packed = _packed(tmp_path)
    delivery = _sent(site, packed)
    size = packed.stat().st_size
    reserve = settings.MAMMO_INBOX_RESERVE_BYTES
    if filled == "before the first member":
        # Room for the archive itself, not for what it unpacks to.
        _free(monkeypatch, reserve + size + 1000)
    else:
        _free(monkeypatch, *[reserve + 10**9] * 8, reserve - 1)
    batch = import_received(site, taken_as="test")
    assert batch is not None
    assert batch.pk == delivery
    (item,) = batch.items.select_related("batch__site")
    assert (item.outcome, item.reason, item.source) == ("rejected", NO_ROOM, "in.zip")
    assert inbox.waiting_count([site]) == 0
    assert not Image.objects.exists()
    assert list((storage.viewing_copies_root() / storage.INCOMING).glob("*")) == []


def test_an_archive_that_fits_is_taken_apart(site: Site, tmp_path: Path) -> None:
    _sent(site, _packed(tmp_path))
    batch = import_received(site, taken_as="test")
    assert batch is not None
    assert (batch.counts["imported"], batch.counts["rejected"]) == (1, 3)


def _synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths in the order in which the disk was told to keep them."""
    paths: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_names_of_imported_files_are_on_the_disk_before_their_rows(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = _synced(monkeypatch)
    counted: list[int] = []
    real = WrittenFiles.sync

    def sync(written: WrittenFiles) -> None:
        real(written)
        counted.append(Image.objects.count())

    monkeypatch.setattr(WrittenFiles, "sync", sync)
    import_studies([mammogram(tmp_path / "a.dcm")], site=site, by_user=None)
    image = Image.objects.get()
    thumbnail = storage.thumbnail_path(image.viewing_copy)
    original = storage.originals_root() / image.original
    keys = tmp_path / "home" / "keys" / "data"
    for path in (thumbnail, thumbnail.parent, thumbnail.parent.parent, original.parent, keys):
        assert synced.count(str(path)) == 1, path
    assert counted == [0]


def test_the_folder_of_an_uploads_first_piece_is_on_the_disk(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = _synced(monkeypatch)
    upload = inbox.Upload(site, uuid.uuid4(), by="1")
    upload.append(b"one", offset=0, name="a.dcm", origin="upload")
    held = inbox.folder(site)
    assert {str(held / "uploads"), str(held), str(held.parent)} <= set(synced)
    del synced[:]
    upload.append(b"two", offset=3, name="a.dcm", origin="upload")
    assert [path for path in synced if Path(path).is_dir()] == []
