"""Identity inside the pixel stream itself (JPEG COM, EXIF and other APPn segments, JPEG 2000 comments), behind its
end, in the preamble and in PNG and PGM comments: none of it is in any byte that is kept or released."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from mammo.accounts.models import Site
from mammo.archive.deidentification import deidentify
from mammo.archive.services import import_studies

from .files import mammogram, picture

SECRET = "ZHANGSECRETWEI"
PLANTED = [f"{SECRET}{place}" for place in ("COM", "EXIF", "APP13", "TAIL", "PREAMBLE", "XMP")]


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_with_secrets(image: np.ndarray) -> bytes:
    """A baseline JPEG with a comment, EXIF, XMP and Photoshop segments, and bytes behind its end."""
    exif = Image.Exif()
    exif[0x010E] = f"{SECRET}EXIF"  # ImageDescription
    exif[0x013B] = f"{SECRET}EXIF artist"
    out = io.BytesIO()
    Image.fromarray((image >> 4).astype(np.uint8)).save(out, "JPEG", quality=95, exif=exif.tobytes())
    data = out.getvalue()
    planted = (
        _segment(0xFE, f"{SECRET}COM".encode())
        + _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + f"{SECRET}XMP".encode())
        + _segment(
            0xED, b"Photoshop 3.0\0" + f"{SECRET}APP13".encode("utf-16-le") + f"{SECRET}APP13".encode()
        )
    )
    return data[:2] + planted + data[2:] + f"{SECRET}TAIL".encode()


def j2k_with_secrets(image: np.ndarray) -> bytes:
    """A JPEG 2000 code stream with a comment in its main header, and bytes behind its end."""
    stream = imagecodecs.jpeg2k_encode(image, codecformat="j2k", reversible=True)
    size = struct.unpack(">H", stream[4:6])[0]
    at = 4 + size  # behind SOC and SIZ
    comment = _segment(0x64, struct.pack(">H", 1) + f"{SECRET}COM".encode("latin-1"))
    return bytes(stream[:at] + comment + stream[at:] + f"{SECRET}TAIL".encode())


def _compressed(path: Path, frame: bytes, syntax: pydicom.uid.UID, **values: object) -> Path:
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.preamble = f"{SECRET}PREAMBLE".encode().ljust(128, b"\0")
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(params=["jpeg", "jpeg2000"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A mammogram whose compressed stream names her."""
    image = picture(rows=480, columns=400)
    path = mammogram(tmp_path / "in" / "a.dcm", image=image)
    if request.param == "jpeg2000":
        return _compressed(path, j2k_with_secrets(image), JPEG2000Lossless)
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "WindowCenter": "128", "WindowWidth": "256"}
    return _compressed(path, jpeg_with_secrets(image), JPEGBaseline8Bit, **bits)


def _kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def _left(folder: Path) -> list[tuple[str, str]]:
    return [
        (name, codec)
        for name, data in _kept(folder)
        for codec in ("utf-8", "utf-16-le", "utf-16-be")
        if SECRET.encode(codec) in data
    ]


def test_the_planted_file_really_holds_the_strings_and_decodes(file: Path) -> None:
    data = file.read_bytes()
    assert f"{SECRET}COM".encode() in data
    assert f"{SECRET}TAIL".encode() in data
    assert f"{SECRET}PREAMBLE".encode() in data


def test_none_of_them_is_in_what_an_import_keeps(file: Path, site: Site, tmp_path: Path) -> None:
    batch = import_studies([file.parent], site=site, by_user=None)
    assert batch.counts["imported"] == 1, list(batch.items.values_list("reason", flat=True))
    home = tmp_path / "home"
    assert any(name.endswith(".dcm") for name, _ in _kept(home))
    assert any(name.endswith(".png") for name, _ in _kept(home))
    assert _left(home) == []


def test_none_of_them_is_in_a_released_file(file: Path, tmp_path: Path) -> None:
    (answer,) = deidentify(file.parent, tmp_path / "out")
    assert answer.outcome == "released", answer.reasons
    assert _left(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["png", "pgm"])
def test_comments_of_pictures_are_left_behind(kind: str, site: Site, tmp_path: Path) -> None:
    image = picture(rows=480, columns=400)
    path = tmp_path / "in" / f"a.{kind}"
    path.parent.mkdir()
    if kind == "png":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("Author", f"{SECRET} text")
        chunks.add_itxt("Comment", f"{SECRET} itxt", zip=True)
        Image.fromarray(image).save(path, pnginfo=chunks)
    else:
        header = f"P5\n# {SECRET} comment\n{image.shape[1]} {image.shape[0]}\n4095\n".encode()
        path.write_bytes(header + image.astype(">u2").tobytes())
    labels = tmp_path / "labels.csv"
    labels.write_text(f"file,patient,study,laterality,view\na.{kind},P1,S1,L,CC\n")
    batch = import_studies([path.parent], site=site, labels=labels, by_user=None)
    assert batch.counts["imported"] == 1, list(batch.items.values_list("reason", flat=True))
    assert _left(tmp_path / "home") == []
