"""The real command, killed in the middle or out of disk: nothing half, and the next run finishes the work."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mammo.accounts.models import Site
from mammo.archive import storage
from mammo.archive.models import Image, ImportBatch, ImportItem
from mammo.archive.services import import_studies
from mammo.archive.written_files import WrittenFiles, remove_unnamed
from mammo.jobs.chores import do_chores
from tests.conftest import missing

from .conftest import ROOT, Home
from .files import mammogram, picture

pytestmark = pytest.mark.slow
FILES = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty mammograms of fifteen patients."""
    made = tmp_path_factory.mktemp("in")
    for number in range(FILES):
        mammogram(
            made / f"{number:03d}.dcm",
            PatientID=f"P{number // 4}",
            StudyInstanceUID=f"1.2.3.{number // 4}",
            SOPInstanceUID=f"1.2.4.{number}",
            image=picture(seed=number),
        )
    return made


def _rows(home: Home, query: str) -> list[tuple]:
    with sqlite3.connect(home.folder / "db.sqlite3") as connection:
        return connection.execute(query).fetchall()


def _assert_whole(home: Home) -> None:
    """Every row has its files, every patient a study, every study an image."""
    for original, copy in _rows(home, "SELECT original, viewing_copy FROM archive_image"):
        assert (home.folder / "originals" / original).stat().st_size > 0
        assert (home.folder / "viewing_copies" / copy).stat().st_size > 0
    assert _rows(
        home, "SELECT count(*) FROM archive_patient WHERE id NOT IN (SELECT patient_id FROM archive_study)"
    ) == [(0,)]
    assert _rows(
        home, "SELECT count(*) FROM archive_study WHERE id NOT IN (SELECT study_id FROM archive_image)"
    ) == [(0,)]


def _assert_finished(home: Home, folder: Path) -> None:
    done = home.json("import_studies", str(folder), "--site", "north")
    assert done["counts"]["imported"] + done["counts"]["duplicate"] == FILES
    assert _rows(home, "SELECT count(*) FROM archive_image") == [(FILES,)]
    _assert_whole(home)
    named = {f"originals/{o}" for (o,) in _rows(home, "SELECT original FROM archive_image")}
    copies = [c for (c,) in _rows(home, "SELECT viewing_copy FROM archive_image")]
    named |= {f"viewing_copies/{name}" for c in copies for name in (c, c.replace(".dcm", ".png"))}
    assert {str(path.relative_to(home.folder)) for path in home.files()} == named
    assert list((home.folder / "imports").glob("written-*")) == []


def test_an_import_killed_in_the_middle_leaves_nothing_half_and_the_next_one_finishes(
    home: Home, folder: Path
) -> None:
    process = home.start("import_studies", str(folder), "--site", "north", start_new_session=True)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if _rows(home, "SELECT count(*) FROM archive_image")[0][0] >= 10:
            break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    imported = _rows(home, "SELECT count(*) FROM archive_image")[0][0]
    assert 0 < imported < FILES, "the kill came too early or too late to prove anything"
    _assert_whole(home)
    _assert_finished(home, folder)
    assert [
        json.loads(c).get("interrupted", False)
        for (c,) in _rows(home, "SELECT counts FROM archive_importbatch ORDER BY created_at")
    ] == [True, False]


def test_a_file_size_limit_ends_the_import_in_one_line_and_leaves_nothing_half(
    home: Home, tmp_path: Path
) -> None:
    big = tmp_path / "in"
    mammogram(big / "a.dcm", image=picture(seed=1))
    mammogram(big / "b.dcm", image=picture("L", 1400, 1400, seed=2), StudyInstanceUID="1.2.9")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, 2_500_000))

    done = home.run("import_studies", str(big), "--site", "north", preexec_fn=limit)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    _assert_whole(home)
    again = home.json("import_studies", str(big), "--site", "north")
    assert again["counts"]["imported"] + again["counts"]["duplicate"] == 2
    _assert_whole(home)


def test_a_full_disk_ends_the_import_in_one_line_and_leaves_nothing_half(
    home: Home, folder: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        missing("no small file system can be mounted here (it needs root)")
    try:
        done = subprocess.run(
            [*_manage(), "import_studies", str(folder), "--site", "north"],
            env={**home.environment, "MAMMO_ORIGINALS": str(disk)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert "disk full" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert all(path.suffix == ".enc" for path in disk.rglob("*") if path.is_file())
        (count,) = _rows(home, "SELECT count(*) FROM archive_image")[0]
        assert 0 < count < FILES
        assert count == len(list(disk.rglob("*.enc")))
        assert f"{count} of {FILES} files are taken and stay" in done.stderr
        assert "half-written" not in done.stderr
        ((counts, finished),) = _rows(home, "SELECT counts, finished_at FROM archive_importbatch")
        assert finished, "no page says that it is running"
        assert json.loads(counts)["interrupted"] is True
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_releasing_on_a_limited_disk_says_what_stays(home: Home, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    mammogram(source / "a.dcm", image=picture(seed=1))
    mammogram(source / "b.dcm", image=picture("L", 1400, 1400, seed=2), StudyInstanceUID="1.2.9")

    home.run("deidentify", str(source), str(tmp_path / "whole"))
    sizes = [(tmp_path / "whole" / name).stat().st_size for name in ("a.dcm", "b.dcm")]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (sum(sizes) // 2, sum(sizes) // 2))

    done = home.run("deidentify", str(source), str(target), preexec_fn=limit)
    assert done.returncode == 1
    assert "files released before it are whole and stay" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in target.rglob("*") if path.is_file()] == ["a.dcm"]


def _manage() -> list[str]:
    return [sys.executable, str(ROOT / "manage.py")]


def test_bad_arguments_end_in_one_line_and_change_nothing(tmp_path: Path, site: Site) -> None:
    source = str(mammogram(tmp_path / "a.dcm"))
    for arguments, message in (
        ((source, "--site", "nowhere"), "--site nowhere: no such site; known: north"),
        ((str(tmp_path / "missing"), "--site", "north"), "no such file or folder"),
        ((source, "--site", "north", "--reports", str(tmp_path / "none.csv")), "none.csv: no such file"),
    ):
        with pytest.raises(CommandError, match=message) as raised:
            call_command("import_studies", *arguments)
        assert len(str(raised.value).splitlines()) == 1
    assert not ImportBatch.objects.exists()
    assert not storage.originals_root().exists()


KILLED_BEFORE_ITS_COMMIT = """
import os, signal, uuid
from pathlib import Path
from mammo.accounts.models import Site
from mammo.archive import inbox, received_job
from mammo.jobs.runner import run_here
site = Site.objects.get()
for path in sorted(Path(os.environ["SENT"]).iterdir()):
    inbox.put(site, path.read_bytes(), batch_id=uuid.UUID(int=7), origin="upload", name=path.name)
store = received_job.StudyImport.store
def stored_and_killed(run, waiting):
    store(run, waiting)
    os.kill(os.getpid(), signal.SIGKILL)
received_job.StudyImport.store = stored_and_killed
run_here(received_job.import_soon(site, by_user=None))
"""
AFTERWARDS = """
import os
from pathlib import Path
from django.conf import settings
from mammo.jobs.chores import do_chores
assert not do_chores()["archive.written"]  # it may still be running
for note in (Path(settings.MAMMO_HOME) / "imports").glob("written-*"):
    os.utime(note, (0, 0))
print(do_chores()["archive.written"])
"""


def test_a_job_killed_between_the_files_and_the_commit_leaves_none_of_them(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mammogram(tmp_path / "in" / "a.dcm")
    mammogram(
        tmp_path / "in" / "b.dcm", view="MLO", image=picture(seed=3), PresentationIntentType="FOR PROCESSING"
    )
    monkeypatch.setenv("SENT", str(tmp_path / "in"))
    assert home.run("shell", "-v0", "-c", KILLED_BEFORE_ITS_COMMIT).returncode == -signal.SIGKILL
    assert _rows(home, "SELECT finished_at, counts FROM archive_importbatch") == [(None, "{}")]
    assert _rows(home, "SELECT count(*) FROM archive_importitem") == [(0,)]
    assert len([path for path in home.files() if path.suffix != ".png"]) == 3  # two originals, a viewing copy
    done = home.run("shell", "-v0", "-c", AFTERWARDS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "4"  # and the key of the patient whose row never came
    assert home.files() == []
    ((site_key,),) = _rows(home, "SELECT key_id FROM accounts_site")
    assert [path.stem.replace("-", "") for path in (home.folder / "keys" / "data").iterdir()] == [site_key]
    assert len(list((home.folder / "inbox").rglob("*.enc"))) == 2  # what was sent is not lost


KILLED_AT_EACH_STEP = """
import json, os, signal
from pathlib import Path
from django.db import connections
from mammo.accounts.models import Site
from mammo.accounts.services import create_account
from mammo.archive import quarantine, storage, written_files
from mammo.archive.models import ImportItem
from mammo.archive.services import import_studies
from mammo.core.keys import key_store

site = Site.objects.get()
manager = create_account("mia", password="correct horse battery", roles={"data_manager": [site]}, by_user=None)
plain, held = (Path(os.environ["SENT"]) / name for name in ("a.dcm", "b.dcm"))
import_studies([held], site=site, by_user=None)
item = ImportItem.objects.get(outcome="quarantined")

def dying_after(owner, name, calls):
    real, left = getattr(owner, name), [calls]
    def step(*arguments, **named):
        result = real(*arguments, **named)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, step)

def stored():
    roots = (storage.originals_root(), storage.viewing_copies_root())
    keys = Path(os.environ["MAMMO_HOME"]) / "keys" / "data"
    found = (path for root in (*roots, keys) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if ".incoming" not in path.parts)

def release():
    with quarantine.read_again(item, laterality="L", by_user=manager) as read:
        quarantine.release(item, read, reason="looked at", by_user=manager)

WORK = {
    "import": lambda: import_studies([plain], site=site, by_user=None),
    "release": release,
}
STEPS = {
    "key": (written_files.WrittenFiles, "new_key", 1),
    "original": (storage, "store_original", 1),
    "first file of the copy": (storage, "_move", 1),
    "second file of the copy": (storage, "_move", 2),
}
before, said = stored(), {}
for kind, work in WORK.items():
    for step, patched in STEPS.items():
        connections.close_all()
        child = os.fork()
        if not child:
            dying_after(*patched)
            try:
                work()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        written = len(stored()) - len(before)
        written_files.remove_unnamed(older_than_seconds=-1)
        storage.remove_stale(older_than_seconds=-1)  # the decrypted file that was looked at
        left = sorted(set(stored()) ^ set(before))
        said[f"{kind}: {step}"] = [os.waitstatus_to_exitcode(status), written > 0, left]
for work in WORK.values():
    work()
item.refresh_from_db()
print(json.dumps([said, item.decision]))
"""


def test_an_import_killed_behind_any_step_leaves_nothing_and_is_done_the_next_time(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mammogram(tmp_path / "in" / "a.dcm", PatientID="P1", StudyInstanceUID="1.2.8")
    mammogram(tmp_path / "in" / "b.dcm", Laterality="R", PatientID="P2")
    monkeypatch.setenv("SENT", str(tmp_path / "in"))
    done = home.run("shell", "-v0", "-c", KILLED_AT_EACH_STEP)
    assert done.returncode == 0, done.stderr
    said, decision = json.loads(done.stdout)
    assert {step: found for step, found in said.items() if found != [-signal.SIGKILL, True, []]} == {}
    assert decision == "released"
    assert len(_rows(home, "SELECT 1 FROM archive_image")) == 2
    _assert_whole(home)


@pytest.mark.django_db
def test_a_chore_removes_the_decrypted_file_of_a_look_that_was_killed() -> None:
    root = storage.viewing_copies_root()
    for name, hours in ((".look-killed", 2), (".look-going-on", 0)):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_bytes(b"DICM")
        then = time.time() - hours * 3600
        os.utime(root / name, (then, then))
    assert do_chores()["archive.looked_at"] == 1
    assert [path.name for path in root.glob(".look-*")] == [".look-going-on"]


def test_a_chore_removes_nothing_that_a_row_names_and_nothing_that_no_import_noted(
    tmp_path: Path, site: Site, django_capture_on_commit_callbacks: Any
) -> None:
    written = WrittenFiles()
    files = [
        mammogram(tmp_path / "a.dcm"),
        mammogram(tmp_path / "b.dcm", PresentationIntentType="FOR PROCESSING"),
    ]
    with django_capture_on_commit_callbacks(execute=True):
        import_studies(files, site=site, by_user=None)
    notes = tmp_path / "home" / "imports"
    assert list(notes.glob("written-*")) == []  # the rows are there
    image, item = Image.objects.get(), ImportItem.objects.get(outcome="quarantined")
    names = [image.original, image.viewing_copy, item.quarantine_file]
    written.new_name(".enc")
    next(notes.glob("written-*")).write_text("\n".join(names) + "\n")
    stranger = storage.store_original(b"of a database that was set back", site.key_id)
    assert remove_unnamed(older_than_seconds=-1) == 0
    assert list(notes.glob("written-*")) == []
    assert (storage.originals_root() / stranger).exists()
    assert (storage.originals_root() / image.original).exists()
    assert (storage.originals_root() / item.quarantine_file).exists()
    assert (storage.viewing_copies_root() / image.viewing_copy).exists()


def test_ten_imports_of_one_file_at_once_store_one(home: Home, tmp_path: Path) -> None:
    source = mammogram(tmp_path / "in" / "a.dcm")
    running = [home.start("import_studies", str(source), "--site", "north", "--json") for _ in range(10)]
    outcomes = []
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        outcomes += [item["outcome"] for item in json.loads(out)["items"]]
    assert sorted(outcomes) == ["duplicate"] * 9 + ["imported"]
    assert _rows(home, "SELECT count(*) FROM archive_image") == [(1,)]
    assert _rows(home, "SELECT count(*) FROM archive_patient") == [(1,)]
    assert len([path for path in home.files() if path.suffix == ".enc"]) == 1
    assert len(list((home.folder / "keys" / "data").iterdir())) == 2, "the site's key and hers"
