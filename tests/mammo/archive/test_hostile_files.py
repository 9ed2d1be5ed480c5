"""Cut, damaged, huge and hostile files: refused with a reason, in a child that may die, never an image."""

import io
import json
import os
import random
import struct
import subprocess
import sys
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np
import psutil
import pydicom
import pytest
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from mammo.accounts.models import Site
from mammo.archive import sources, storage
from mammo.archive.dicom.limits import LIMITS
from mammo.archive.dicom.raster import raster_kind, read_raster
from mammo.archive.dicom.refusal import Refusal
from mammo.archive.models import Image, Patient
from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import Pseudonyms
from mammo.archive.services import import_studies

from .compressed import J2K, JPEG, RLE, codestream, compressed
from .conftest import ROOT
from .files import mammogram, picture, zipped


def answers(paths: list[Path], tmp_path: Path) -> dict[Path, dict]:
    """What the parsing child says about each file."""
    requests = (
        (
            path,
            {
                "task": "import",
                "path": str(path),
                "target": str(tmp_path / f"out-{number}.dcm"),
                "site": "north",
            },
        )
        for number, path in enumerate(paths)
    )
    with ParsingPool[Path](Pseudonyms(b"k" * 32), children=1) as pool:
        return dict(pool.answers(requests))


def test_a_file_cut_anywhere_is_never_imported(tmp_path: Path) -> None:
    whole = mammogram(tmp_path / "whole.dcm").read_bytes()
    offsets = sorted(
        {*random.Random(4).sample(range(len(whole)), 60), 0, 131, 132, 1000, len(whole) // 2, len(whole) - 1}
    )
    cut = []
    for offset in offsets:
        cut.append(tmp_path / f"cut-{offset}.dcm")
        cut[-1].write_bytes(whole[:offset])
    found = answers(cut, tmp_path)
    assert {
        path.name: answer["outcome"] for path, answer in found.items() if answer["outcome"] != "rejected"
    } == {}
    assert all(answer["reason"] for answer in found.values())


def test_a_compressed_file_cut_anywhere_is_never_imported(tmp_path: Path, shared_data: Path) -> None:
    cut = []
    for name in ("d06_giotto_rmlo_j2kr.dcm", "d07_hologic_lmlo_jls_mono1.dcm", "d11_deflated_lmlo.dcm"):
        whole = (shared_data / "real" / "derived" / name).read_bytes()
        for part in (0.2, 0.5, 0.9):
            cut.append(tmp_path / f"{part}-{name}")
            cut[-1].write_bytes(whole[: int(len(whole) * part)])
        cut.append(tmp_path / f"last-{name}")
        cut[-1].write_bytes(whole[:-1])
    found = answers(cut, tmp_path)
    assert {path.name: answer for path, answer in found.items() if answer["outcome"] == "imported"} == {}


@pytest.mark.parametrize("syntax", [RLE, JPEG], ids=["rle", "jpeg-lossless"])
def test_a_compressed_file_without_its_last_bytes_is_never_imported(tmp_path: Path, syntax: UID) -> None:
    path = tmp_path / "whole.dcm"
    if syntax == RLE:
        source = pydicom.dcmread(mammogram(path))
        source.compress(RLE)
        source.save_as(path, enforce_file_format=True)
    else:
        compressed(path, codestream(picture(), syntax), syntax)
    found = answers([path, *_cut(path, tmp_path, (1, 4, 7, 8, 9, 16, 40))], tmp_path)
    assert found.pop(path)["outcome"] == "imported"
    assert {answer["outcome"] for answer in found.values()} == {"rejected"}


def test_a_file_cut_behind_its_pixels_is_never_imported(tmp_path: Path, shared_data: Path) -> None:
    """GH133 ends with a private element: pydicom takes half of its value."""
    cut = _cut(shared_data / "real" / "fo_dicom" / "GH133.dcm", tmp_path, (1, 9))
    found = answers(cut, tmp_path)
    assert {answer["outcome"] for answer in found.values()} == {"rejected"}
    assert all("cut short" in answer["reason"] for answer in found.values())


def _cut(path: Path, folder: Path, lost: tuple[int, ...]) -> list[Path]:
    """Copies of the file that lack so many bytes at their end."""
    whole, made = path.read_bytes(), []
    for number in lost:
        made.append(folder / f"without-{number}-{path.name}")
        made[-1].write_bytes(whole[:-number])
    return made


@pytest.mark.parametrize("name", ["a.png", "a.pgm", "digits.pgm"])
def test_a_picture_file_without_its_last_bytes_is_refused(tmp_path: Path, name: str) -> None:
    path, image = tmp_path / name, picture()
    if name == "digits.pgm":
        numbers = "\n".join(" ".join(map(str, row)) for row in image)
        path.write_text(f"P2\n{image.shape[1]} {image.shape[0]}\n65535\n{numbers}\n")
    else:
        Picture.fromarray(image).save(path)
    kind = raster_kind(path)
    assert (read_raster(path, kind) == image).all()
    whole = path.read_bytes()
    for lost in range(1, 18):
        path.write_bytes(whole[:-lost])
        with pytest.raises(Refusal, match="cut short"):
            read_raster(path, kind)


def test_a_png_with_a_changed_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Picture.fromarray(picture()).save(path)
    whole = bytearray(path.read_bytes())
    whole[-14] ^= 1  # of the last check sum of the pixels
    path.write_bytes(bytes(whole))
    with pytest.raises(Refusal, match="damaged"):
        read_raster(path, "PNG")


def test_bombs_are_refused_and_the_next_file_is_read(tmp_path: Path) -> None:
    header_bomb = mammogram(tmp_path / "header.dcm", Rows=65535, Columns=65535, NumberOfFrames=1000)
    deep = _nested(mammogram(tmp_path / "deep.dcm"), 400)
    rather_deep = _nested(mammogram(tmp_path / "rather-deep.dcm"), 40)
    good = mammogram(tmp_path / "good.dcm")
    found = answers(
        [header_bomb, deep, _deflate_bomb(tmp_path / "deflated.dcm"), rather_deep, good], tmp_path
    )
    assert {path.stem: answer["outcome"] for path, answer in found.items()} == {
        "header": "rejected",
        "deep": "rejected",
        "deflated": "rejected",
        "rather-deep": "rejected",
        "good": "imported",
    }
    assert "nested deeper" in found[deep]["reason"]
    assert "pixels" in found[header_bomb]["reason"]
    assert "larger than" in found[tmp_path / "deflated.dcm"]["reason"]


def _nested(path: Path, depth: int) -> Path:
    """Append sequences of undefined length, one inside the other."""
    opened = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    path.write_bytes(path.read_bytes() + opened * depth + closed * depth)
    return path


# A private sequence of as many empty items as fit into 24 MB.
_MANY_ITEMS = (
    b"\xe1\x7f\x01\x10SQ\0\0\xff\xff\xff\xff"
    + b"\xfe\xff\x00\xe0\0\0\0\0" * 3_000_000
    + b"\xfe\xff\xdd\xe0\0\0\0\0"
)


_EMPTY_ELEMENT = struct.pack("<HH2sH", 0x7FE1, 0x1001, b"LO", 0)


def _item_bomb(path: Path) -> Path:
    path.write_bytes(mammogram(path).read_bytes() + _MANY_ITEMS)
    return path


def _element_bomb(path: Path) -> Path:
    """The same without deflation, inside the items of a sequence of known length."""
    inner = _EMPTY_ELEMENT * 8_000_000
    item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(inner)) + inner
    element = b"\xe1\x7f\x01\x10SQ\0\0" + struct.pack("<L", len(item)) + item
    path.write_bytes(mammogram(path).read_bytes() + element)
    return path


def _meta_bomb(path: Path) -> Path:
    """Millions of elements in the file meta information."""
    whole = mammogram(path).read_bytes()
    path.write_bytes(whole[:144] + struct.pack("<HH2sH", 2, 2, b"UI", 0) * 12_000_000 + whole[144:])
    return path


def _deflate_bomb(path: Path, last: bytes = b"") -> Path:
    """A valid deflated file whose last element inflates beyond the limit, or is this one."""
    source = pydicom.dcmread(mammogram(path))
    source.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    buffer = io.BytesIO()
    source.save_as(buffer, enforce_file_format=True)
    written = buffer.getvalue()
    start = written.index(b"1.2.840.10008.1.2.1.99") + 22
    length = int.from_bytes(written[140:144], "little")
    assert 144 <= start <= 144 + length
    body = zlib.decompressobj(-15).decompress(written[144 + length :])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(body + (last or b"\x09\x00\x10\x10OB\x00\x00\xff\xff\xff\x7f"))
    block = b"\0" * (1 << 20)
    for _ in range(0 if last else LIMITS.inflated_bytes // len(block) + 2):
        packed += packer.compress(block)
    path.write_bytes(written[: 144 + length] + packed + packer.flush())
    assert path.stat().st_size < 1_000_000
    return path


def test_a_file_that_kills_its_reader_is_rejected_alone(tmp_path: Path) -> None:
    fifo = tmp_path / "deadly.dcm"
    os.mkfifo(fifo)
    good = [mammogram(tmp_path / f"{number}.dcm") for number in range(2)]

    def kill_the_reader() -> None:
        descriptor = os.open(fifo, os.O_WRONLY)  # returns when the child has opened the file
        for child in psutil.Process().children():
            if "mammo.archive.parse_child" in child.cmdline():
                child.kill()
        os.close(descriptor)

    killer = threading.Thread(target=kill_the_reader, daemon=True)
    killer.start()
    found = answers([good[0], fifo, good[1]], tmp_path)
    killer.join(10)
    assert found[fifo]["outcome"] == "rejected"
    assert [found[path]["outcome"] for path in good] == ["imported", "imported"]


def test_a_file_that_ends_its_reader_with_an_error_is_rejected_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python ends where memory lacks: with 1, before a first answer. It was taken for a child that can't start."""
    first = tmp_path / "first"
    program = tmp_path / "python"
    program.write_text(
        f'#!/bin/sh\n[ -e {first} ] && exec {sys.executable} "$@"\n'
        f"touch {first}\necho '{{\"ready\": true}}'\nread secret\nread request\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr("mammo.archive.parsing.sys.executable", str(program))
    deadly, good = (mammogram(tmp_path / f"{name}.dcm") for name in ("deadly", "good"))
    found = answers([deadly, good], tmp_path)
    assert (found[deadly]["outcome"], found[good]["outcome"]) == ("rejected", "imported")


def test_a_child_that_does_not_start_ends_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mammo.archive.parsing.sys.executable", "/bin/false")
    with pytest.raises(RuntimeError, match="does not start"):
        answers([mammogram(tmp_path / "a.dcm")], tmp_path)


def test_what_is_no_mammogram_is_refused_with_its_reason(tmp_path: Path) -> None:
    colour = np.zeros((96, 80, 3), np.uint8)
    colour[:, :40] = 200
    text = tmp_path / "note.txt"
    text.write_text("hello")
    flat = mammogram(tmp_path / "flat.dcm", image=np.full((96, 80), 7, np.uint16))
    rgb = mammogram(tmp_path / "rgb.dcm", image=colour, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    unlabelled = mammogram(tmp_path / "uid.dcm", drop=("StudyInstanceUID",))
    empty = tmp_path / "empty.dcm"
    empty.write_bytes(b"")
    found = answers([text, flat, rgb, unlabelled, empty], tmp_path)
    assert {answer["outcome"] for answer in found.values()} == {"rejected"}
    assert "empty" in found[flat]["reason"]
    assert "colour" in found[rgb]["reason"]
    assert "StudyInstanceUID" in found[unlabelled]["reason"]


def test_zip_bombs_are_refused_and_nothing_is_left(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"a.dcm": b"\0" * 50_000_000})
    assert bomb.stat().st_size < 100_000
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no archive at all")
    batch = import_studies([bomb, broken], site=site, by_user=None)
    assert batch.counts == {"imported": 0, "duplicate": 0, "quarantined": 0, "rejected": 2}
    reasons = set(batch.items.values_list("reason", flat=True))
    assert "a damaged zip archive; pack it again" in reasons
    assert any("100 to 1" in reason for reason in reasons)
    monkeypatch.setattr(sources, "MAX_MEMBERS", 3)
    many = zipped(tmp_path / "many.zip", {f"{number}.dcm": b"x" for number in range(5)})
    batch = import_studies([many], site=site, by_user=None)
    assert batch.counts["rejected"] == 1
    assert not Patient.objects.exists()
    assert not Image.objects.exists()
    assert not [path for path in storage.viewing_copies_root().rglob("*") if path.is_file()]


ZIP_READER = """
import resource, sys
from pathlib import Path
import django
django.setup()
from mammo.archive.sources import count_files, iter_sources
count_files([Path(sys.argv[1])])
found = list(iter_sources([Path(sys.argv[1])], Path(sys.argv[2]), set()))
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
used = resource.getrusage(resource.RUSAGE_SELF)
print(sum(1 for one in found if one.problem), len(found), used.ru_utime + used.ru_stime, int(peak) * 1024)
"""


@pytest.mark.slow
def test_zip_bombs_cost_less_than_five_seconds_and_a_gigabyte(tmp_path: Path) -> None:
    """One member of 1 GB; a member more than an archive may have; three million names for one member."""
    tall, wide, vast = tmp_path / "tall.zip", tmp_path / "wide.zip", tmp_path / "vast.zip"
    with (
        zipfile.ZipFile(tall, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.dcm", "w", force_zip64=True) as one,
    ):
        for _ in range(1 << 7):
            one.write(bytes(1 << 23))
    with zipfile.ZipFile(wide, "w") as archive:
        for number in range(sources.MAX_MEMBERS + 1):
            archive.writestr(f"{number}.dcm", b"")
    single = zipped(tmp_path / "single.zip", {"a.dcm": b""}).read_bytes()
    directory, end = single.index(b"PK\1\2"), single.index(b"PK\5\6")
    names = single[directory:end] * 3_000_000
    vast.write_bytes(
        single[:directory] + names + single[end:-10] + struct.pack("<LLH", len(names), directory, 0)
    )
    (tmp_path / "out").mkdir()
    for bomb in (tall, wide, vast):
        done = subprocess.run(
            [sys.executable, "-c", ZIP_READER, str(bomb), str(tmp_path / "out")],
            cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "platform"), "DJANGO_SETTINGS_MODULE": "mammo.settings"},
        )  # fmt: skip
        refused, found, seconds, memory = map(float, done.stdout.split())
        assert refused == found == 1, bomb.name
        assert seconds < 5, bomb.name
        assert memory < 1 << 30, bomb.name
        assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("size", [12, 20, 40])
def test_burned_in_lines_are_quarantined_and_markers_pass(tmp_path: Path, size: int) -> None:
    def written(name: str, text: str) -> Path:
        image = picture("L", 700, 600)
        canvas = Picture.new("L", (600, 700))
        ImageDraw.Draw(canvas).text((330, 30), text, fill=255, font=ImageFont.load_default(size))
        image[np.array(canvas) > 128] = 4095
        return mammogram(tmp_path / name, image=image, BurnedInAnnotation="NO")

    line, marker = written("line.dcm", "ZHANG 19630211"), written("marker.dcm", "L CC")
    found = answers([line, marker], tmp_path)
    assert found[line]["outcome"] == "quarantined"
    assert "burned-in" in found[line]["reason"]
    assert found[marker]["outcome"] == "imported"


def _cost(path: Path, tmp_path: Path) -> tuple[str, float, int]:
    """Outcome, CPU seconds and peak memory (bytes) of reading one file in a fresh child."""
    request = {"task": "import", "path": str(path), "target": str(tmp_path / "out.dcm"), "site": "north"}
    lines = json.dumps({"secret": "00" * 32}) + "\n" + json.dumps(request) + "\n"
    child = subprocess.Popen(
        [sys.executable, "-m", "mammo.archive.parse_child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}"},
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(lines.encode())
    child.stdin.flush()
    assert json.loads(child.stdout.readline()) == {"ready": True}
    answer = json.loads(child.stdout.readline())
    # Not ru_maxrss: that of a child counts what its parent held at the fork.
    status = Path(f"/proc/{child.pid}/status").read_text()
    peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
    child.stdin.close()
    _, _, used = os.wait4(child.pid, 0)
    return answer["outcome"], used.ru_utime + used.ru_stime, peak * 1024


@pytest.mark.slow
def test_bombs_cost_less_than_five_seconds_and_a_gigabyte(tmp_path: Path) -> None:
    vast = codestream(np.pad(picture(), ((0, 7804), (0, 7920))), J2K)
    assert len(vast) < 50_000
    runs = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\x07" * 10_000_000
    bombs = [
        mammogram(tmp_path / "header.dcm", Rows=65535, Columns=65535, NumberOfFrames=1000),
        _nested(mammogram(tmp_path / "deep.dcm"), 4000),
        _deflate_bomb(tmp_path / "deflated.dcm"),
        _item_bomb(tmp_path / "items.dcm"),
        _deflate_bomb(tmp_path / "deflated_items.dcm", _MANY_ITEMS),
        _deflate_bomb(tmp_path / "deflated_elements.dcm", _EMPTY_ELEMENT * 33_000_000),
        _element_bomb(tmp_path / "elements.dcm"),
        _meta_bomb(tmp_path / "meta.dcm"),
        _png_bomb(tmp_path / "huge.png"),
        # 63 million pixels in 12 kB cost 4 s and 1.3 GB; noise of that size 19 s.
        compressed(tmp_path / "wide.dcm", vast, J2K, Rows=7900, Columns=8000),
        compressed(tmp_path / "hidden.dcm", vast, J2K),
        compressed(tmp_path / "long.dcm", bytes(40 * 1024**2), J2K, Rows=6000, Columns=4800),
        compressed(tmp_path / "runs.dcm", runs, RLE),
    ]
    (tmp_path / "words.dcm").write_text("no image")
    _, starting, _ = _cost(
        tmp_path / "words.dcm", tmp_path
    )  # processor time of a child that has nothing to do
    for bomb in bombs:
        outcome, seconds, memory = _cost(bomb, tmp_path)
        assert outcome == "rejected", bomb.name
        assert seconds - starting < 5, bomb.name
        assert memory < 1 << 30, bomb.name


def _png_bomb(path: Path) -> Path:
    """30,000 x 30,000 black pixels in a file of about 100 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"\0" * 30_001) for _ in range(3000)) + packer.flush()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )
    return path


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    os.mkfifo(tmp_path / "pipe")
    assert sources.count_files([tmp_path]) == 2
    found = list(sources.iter_sources([tmp_path], tmp_path / "out", set()))
    assert [one.problem for one in found] == ["not an ordinary file"] * 2
