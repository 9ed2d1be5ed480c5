"""What reads files of others is handed none of this installation's secrets."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mammo.archive import table_previews
from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import Pseudonyms
from mammo.core.child_environment import WITHHELD


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WITHHELD:
        monkeypatch.setenv(name, "the-secret")
    monkeypatch.setenv("MAMMO_LOG_LEVEL", "ERROR")


def environment_of(process: int) -> bytes:
    """What a process that was just started was given; for a moment before its program runs, the file is empty."""
    end = time.monotonic() + 30
    while not (written := Path(f"/proc/{process}/environ").read_bytes()) and time.monotonic() < end:
        time.sleep(0.01)
    return written


def test_the_reader_of_images_has_no_secret_in_its_environment() -> None:
    with ParsingPool[int](Pseudonyms(bytes(32)), children=1) as pool:
        list(pool.answers([(0, {"task": "preview", "path": "/nowhere", "target": "/nowhere.png"})]))
        child = pool._start()
        written = environment_of(child.process.pid)
    assert b"MAMMO_LOG_LEVEL=ERROR" in written
    assert b"the-secret" not in written


def test_the_reader_of_workbooks_has_no_secret_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}
    run = subprocess.run

    def asked(command: list[str], **more: object) -> "subprocess.CompletedProcess[str]":
        said = run([sys.executable, "-c", "import os; print(dict(os.environ))"], **more)  # type: ignore[call-overload]
        seen["environment"] = said.stdout
        return run(command, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "run", asked)
    table = tmp_path / "a.csv"
    table.write_text("patient,text\nH1,x\n", "utf-8")
    assert table_previews.first_rows(table, "a.csv") == (["patient", "text"], [["H1", "x"]])
    assert "'MAMMO_LOG_LEVEL': 'ERROR'" in seen["environment"]
    assert "the-secret" not in seen["environment"]
