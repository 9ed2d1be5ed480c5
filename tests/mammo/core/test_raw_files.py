"""What was sent lies in clear below MAMMO_HOME alone, while it is read."""

import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from annotation.services import pools
from mammo.core import raw_files
from mammo.jobs.chores import do_chores

ROOT = Path(__file__).resolve().parents[3]


def test_a_large_upload_is_written_below_the_home_and_is_gone_with_the_request(settings: Any) -> None:
    sent = SimpleUploadedFile("big.csv", b"x" * (settings.FILE_UPLOAD_MAX_MEMORY_SIZE + 1))
    request = RequestFactory().post("/", {"table": sent})
    file = request.FILES["table"]
    path = Path(file.temporary_file_path())
    assert path.parent == Path(settings.MAMMO_HOME) / "temporary"
    assert path.parent.stat().st_mode & 0o077 == 0
    assert path.stat().st_size == file.size == settings.FILE_UPLOAD_MAX_MEMORY_SIZE + 1
    assert ".csv" not in path.name
    request.close()
    assert not path.exists()


def test_a_table_is_laid_out_below_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "away"))  # the system's folder
    assert pools.read_pools(SimpleUploadedFile("p.csv", b"question,pool\n1,A\n")) == {1: "A"}
    assert list(raw_files.folder().iterdir()) == []


def test_no_room_lays_files_out_in_the_systems_folder() -> None:
    rooms = [
        path for room in ("platform", "annotation", "evaluation") for path in (ROOT / room).rglob("*.py")
    ]
    bare = re.compile(r"(TemporaryDirectory|NamedTemporaryFile|mkdtemp|mkstemp)\((?![^)]*dir=)")
    assert len(rooms) > 300
    assert [str(path) for path in rooms if bare.search(path.read_text())] == []


def test_what_a_killed_process_left_is_swept(db: None) -> None:
    old, young, other = (raw_files.folder() / name for name in ("raw-old", "raw-young", "matplotlib-1"))
    old.mkdir()
    (old / "table.csv").write_text("words")
    for path in (young, other):
        path.write_text("words")
    for path in (old, other):
        os.utime(path, (time.time() - 7200,) * 2)
    assert do_chores()["core.raw_files"] == 1
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)


def test_a_folder_that_is_in_use_for_hours_is_not_swept() -> None:
    with raw_files.laid_out() as folder:
        (folder / "answers.part").write_text("an hour's work")
        os.utime(folder, (0, 0))
        assert raw_files.remove_stale() == 0
        assert (folder / "answers.part").read_text() == "an hour's work"
    assert not folder.exists()
