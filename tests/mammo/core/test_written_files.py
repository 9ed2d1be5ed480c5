"""Files that are written whole or not at all, alone or together; errors name the file that was asked for."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mammo.core.jsonlines import write_atomically, write_together

ROOT = Path(__file__).resolve().parents[3]
# No file over 10 kB: that meets a write as a full disk does.
LIMITED = """
import sys
from pathlib import Path
from mammo.core.command import said_of
from mammo.core.jsonlines import write_together
folder = Path(sys.argv[1])
try:
    write_together({folder / "table.csv": b"new", folder / "table_rows.csv": b"x" * 20_000})
except OSError as error:
    print(said_of(error))
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_of_two_files_none_is_written_where_one_can_not_be(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "platform")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )  # fmt: skip
    assert done.stdout.startswith(f"{tmp_path / 'table_rows.csv'}: File too large; raise the limit"), (
        done.stdout + done.stderr
    )
    assert names(tmp_path) == ["table.csv"]
    assert (tmp_path / "table.csv").read_bytes() == b"old"


@pytest.mark.parametrize("blocked", ["folder", "pipe"])
def test_what_is_no_file_stays_and_is_named(tmp_path: Path, blocked: str) -> None:
    target = tmp_path / "out"
    if blocked == "folder":
        target.mkdir()
    else:
        os.mkfifo(target)
    with pytest.raises(OSError, match="out") as error:
        write_together({tmp_path / "first": b"1", target: b"2"})
    assert error.value.filename == str(target)
    assert names(tmp_path) == ["out"]
    assert target.is_dir() if blocked == "folder" else target.is_fifo()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "elsewhere" / "there.csv")
    write_atomically(link, b"data")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "there.csv").read_bytes() == b"data"


def test_a_place_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="table") as error:
        write_atomically(tmp_path / "file" / "table.csv", b"data")
    assert error.value.filename == str(tmp_path / "file" / "table.csv")


def test_rights_are_those_asked_for(tmp_path: Path) -> None:
    write_atomically(tmp_path / "key", b"data", mode=0o600)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
