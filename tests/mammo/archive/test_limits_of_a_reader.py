"""The limits of a parsing child fire in a real child, and cost the one file that met them."""

import os
import signal
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from mammo.accounts.models import Site
from mammo.archive import sources
from mammo.archive.dicom.limits import LIMITS
from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import Pseudonyms
from mammo.archive.services import import_studies

from .compressed import J2K, codestream, compressed
from .files import mammogram, picture, zipped

READER = """#!{python}
import runpy, sys
from dataclasses import replace
from mammo.archive.dicom import limits
limits.LIMITS = replace(limits.LIMITS, {values})
runpy.run_module(sys.argv[2], run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def reader_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Children of the pool are real ones with these limits."""

    python = sys.executable

    def set_limits(**values: int) -> None:
        program = tmp_path / "reader"
        written = ", ".join(f"{name}={value}" for name, value in values.items())
        program.write_text(READER.format(python=python, values=written))
        program.chmod(0o755)
        monkeypatch.setattr("mammo.archive.parsing.sys.executable", str(program))

    return set_limits


def answers(paths: list[Path], tmp_path: Path) -> list[dict]:
    """What one child after the other says of the files."""
    requests = (
        (n, {"task": "import", "path": str(path), "target": str(tmp_path / f"out-{n}.dcm"), "site": "north"})
        for n, path in enumerate(paths)
    )
    with ParsingPool[int](Pseudonyms(b"k" * 32), children=1) as pool:
        found = dict(pool.answers(requests))
    return [found[number] for number in range(len(paths))]


@pytest.fixture
def costly(tmp_path: Path) -> Path:
    """9 million pixels of noise: some seconds of a JPEG 2000 decoder, 300 MB."""
    image = np.random.default_rng(0).integers(0, 4096, (3000, 3000)).astype(np.uint16)
    return compressed(tmp_path / "costly.dcm", codestream(image, J2K), J2K, image=image)


@pytest.mark.slow
def test_a_file_that_costs_too_much_processor_time_is_refused_alone(
    tmp_path: Path, costly: Path, reader_with
) -> None:
    good = mammogram(tmp_path / "good.dcm")
    reader_with(least_cpu_seconds=1, bytes_per_second=1 << 40)
    refused, read = answers([costly, good], tmp_path)
    assert refused["outcome"] == "rejected"
    assert refused["reason"] == "reading it takes more processor time than a file of its length may take"
    assert read["outcome"] == "imported"


@pytest.mark.slow
def test_a_file_that_needs_too_much_memory_is_refused_alone(
    tmp_path: Path, costly: Path, reader_with
) -> None:
    large = mammogram(tmp_path / "large.dcm", image=picture("L", 5000, 4000))
    good = mammogram(tmp_path / "good.dcm")
    assert [answer["outcome"] for answer in answers([costly, large], tmp_path)] == ["imported", "imported"]
    reader_with(memory_bytes=350 * 1024**2)
    decoder, numpy, read = answers([costly, large, good], tmp_path)
    assert numpy["reason"] == "reading it needs more memory than one file may take"
    # A decoder written in C++ may end its process instead of telling.
    assert "memory" in decoder["reason"] or "was stopped" in decoder["reason"]
    assert [decoder["outcome"], numpy["outcome"], read["outcome"]] == ["rejected", "rejected", "imported"]


def test_a_file_that_never_comes_is_given_up_by_the_clock(tmp_path: Path, reader_with) -> None:
    silent = tmp_path / "silent.dcm"
    os.mkfifo(silent)  # opening it waits for a writer: no processor time goes by
    good = mammogram(tmp_path / "good.dcm")
    reader_with(seconds=2)
    started = time.monotonic()
    refused, read = answers([silent, good], tmp_path)
    assert time.monotonic() - started < 30
    assert (refused["outcome"], refused["reason"]) == (
        "rejected", f"reading it takes longer than {LIMITS.seconds} seconds"
    )  # fmt: skip
    assert read["outcome"] == "imported"


def test_a_reader_that_was_stopped_from_outside_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process meets no alarm: its parent ends it."""
    monkeypatch.setattr("mammo.archive.parsing.BACKSTOP_SECONDS", 1)
    fifo, good = tmp_path / "stopping.dcm", mammogram(tmp_path / "good.dcm")
    os.mkfifo(fifo)
    stopped: list[psutil.Process] = []

    def stop_the_reader() -> None:
        descriptor = os.open(fifo, os.O_WRONLY)  # returns when the child has opened the file
        for child in psutil.Process().children():
            if "mammo.archive.parse_child" in child.cmdline():
                child.send_signal(signal.SIGSTOP)
                stopped.append(child)
        os.close(descriptor)

    stopper = threading.Thread(target=stop_the_reader, daemon=True)
    stopper.start()
    refused, read = answers([fifo, good], tmp_path)
    stopper.join(10)
    assert len(stopped) == 1
    assert not stopped[0].is_running()
    assert (refused["outcome"], read["outcome"]) == ("rejected", "imported")
    assert refused["reason"] == "the program that read it was stopped: damaged, or made to harm"


def test_a_small_file_may_take_less_processor_time_than_a_large_one() -> None:
    assert LIMITS.cpu_seconds(10_000) == 10
    assert LIMITS.cpu_seconds(20 * 1024**2) == 20
    assert LIMITS.cpu_seconds(LIMITS.file_bytes) == LIMITS.seconds


def test_an_archive_that_promises_more_than_it_may_unpack_is_refused_unread(
    tmp_path: Path, site: Site
) -> None:
    """30 members of 4 GB each by the directory, of some bytes in truth."""
    path = zipped(tmp_path / "vast.zip", {f"{number}.dcm": b"x" * 10 for number in range(30)})
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\1\2")
    while at >= 0:
        struct.pack_into("<L", data, at + 24, 0xF000_0000)
        at = data.find(b"PK\1\2", at + 4)
    path.write_bytes(data)
    assert sources.MAX_TOTAL_BYTES < 30 * 0xF000_0000
    batch = import_studies([path], site=site, by_user=None)
    assert [item.reason for item in batch.items.all()] == [
        "a zip archive that unpacks to more than 100 GB; split it"
    ]
