"""A compressed frame is judged by what its codestream says, before a decoder meets it."""

import struct
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import UID

from mammo.archive.dicom.acceptance import examine
from mammo.archive.dicom.codestream import check_codestream
from mammo.archive.dicom.limits import LIMITS, Limits
from mammo.archive.dicom.reading import read_dicom
from mammo.archive.dicom.refusal import Refusal

from .compressed import HTJ2K, J2K, JPEG, JPEG_LS, RLE, codestream, compressed
from .files import picture

KINDS = {"j2k": J2K, "htj2k": HTJ2K, "jpeg": JPEG, "jpeg-ls": JPEG_LS}
LARGEST = {
    "amulet": (5928, 4728),
    "selenia": (4096, 3328),
    "senographe": (3062, 2394),
    "mammomat": (4096, 3328),
}


def refused(path: Path) -> str:
    """The reason of the refusal, with nothing decoded."""
    with pytest.raises(Refusal) as refusal:
        examine(path)
    return refusal.value.reason


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_frame_is_read(tmp_path: Path, kind: str) -> None:
    image = picture("L", 300, 200)
    path = compressed(tmp_path / "a.dcm", codestream(image, KINDS[kind]), KINDS[kind], image=image)
    assert np.array_equal(examine(path).prepared.image, image)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_larger_than_its_header_says_meets_no_decoder(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pydicom.dataset.FileDataset.pixel_array", property(lambda self: pytest.fail("decoded"))
    )
    image = picture("L", 300, 200)
    path = compressed(tmp_path / "a.dcm", codestream(image, KINDS[kind]), KINDS[kind], Rows=96, Columns=80)
    assert "another shape" in refused(path)


def _stating(frame: bytes, rows: int, columns: int, tile: int = 0) -> bytes:
    """The JPEG 2000 codestream with another image and tile size in its SIZ."""
    return frame[:8] + struct.pack(">6L", columns, rows, 0, 0, tile or columns, tile or rows) + frame[32:]


def test_a_small_file_that_promises_sixty_thousand_lines_is_refused(tmp_path: Path) -> None:
    frame = codestream(picture(), J2K)
    honest = _stating(frame, 96, 80)
    assert examine(compressed(tmp_path / "honest.dcm", honest, J2K)).prepared.image.shape == (96, 80)
    vast = _stating(frame, 60_000, 60_000)
    assert "another shape" in refused(compressed(tmp_path / "a.dcm", vast, J2K))
    assert "outside what is accepted" in refused(
        compressed(tmp_path / "b.dcm", vast, J2K, Rows=60_000, Columns=60_000)
    )


def test_a_codestream_in_the_boxes_of_a_jp2_file_is_found_where_the_decoder_finds_it(tmp_path: Path) -> None:
    """A decoy in a box that no decoder reads must not speak for the codestream."""
    frame = codestream(picture(), J2K)
    signature = b"\0\0\0\x0cjP  \r\n\x87\n"
    decoy = struct.pack(">L4s", 8 + len(frame), b"free") + frame
    content = struct.pack(">L4s", 0, b"jp2c")
    wrapped = signature + decoy + content + _stating(frame, 60_000, 60_000)
    assert "another shape" in refused(compressed(tmp_path / "a.dcm", wrapped, J2K))
    check_codestream(read_dicom(compressed(tmp_path / "b.dcm", signature + decoy + content + frame, J2K)))


def test_more_tiles_than_any_encoder_makes_are_refused(tmp_path: Path) -> None:
    image = picture("L", 300, 200)
    tiled = _stating(codestream(image, J2K), 300, 200, tile=64)
    dataset = read_dicom(compressed(tmp_path / "a.dcm", tiled, J2K, image=image))
    check_codestream(dataset, Limits(tiles=20))
    with pytest.raises(Refusal, match="more than 19 tiles"):
        check_codestream(dataset, Limits(tiles=19))


def test_a_wavelet_frame_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    frame = codestream(picture(), J2K)
    dataset = read_dicom(compressed(tmp_path / "a.dcm", frame, J2K))
    check_codestream(dataset, Limits(wavelet_bytes=len(frame) + 1))
    with pytest.raises(Refusal, match="larger than 0 MB"):
        check_codestream(dataset, Limits(wavelet_bytes=len(frame) - 1))


def test_runs_that_unpack_beyond_their_image_are_refused(tmp_path: Path) -> None:
    """PS3.5 annex G: two bytes make 128, so that 200 MB would make 12 GB."""
    segment = b"\x81\x07" * 100_000
    frame = struct.pack("<16L", 2, 64, 64 + len(segment), *[0] * 13) + segment * 2
    assert "longer than its pixels" in refused(compressed(tmp_path / "a.dcm", frame, RLE))


@pytest.mark.parametrize("frame", [b"\0" * 40, b"\xff\x4f\xff\x51" + b"\0" * 60, b"\xff\xd8\xff"])
@pytest.mark.parametrize("syntax", [J2K, HTJ2K, JPEG, JPEG_LS])
def test_what_is_no_codestream_cannot_be_decoded(tmp_path: Path, frame: bytes, syntax: UID) -> None:
    reason = refused(compressed(tmp_path / "a.dcm", frame, syntax))
    assert "cannot be decoded" in reason or "has no end" in reason


@pytest.mark.parametrize("detector", LARGEST)
def test_the_largest_detectors_stay_within_the_limits(detector: str) -> None:
    rows, columns = LARGEST[detector]
    assert rows * columns <= LIMITS.compressed_pixels <= LIMITS.pixels
    assert LIMITS.wavelet_bytes > rows * columns * 2 / 2  # without loss a mammogram halves at least


def test_a_volume_of_any_length_goes_to_a_person(tmp_path: Path) -> None:
    """60 frames of 10 million pixels are no attack but tomosynthesis; it was rejected as too large."""
    path = compressed(
        tmp_path / "a.dcm", codestream(picture(), J2K), J2K, Rows=4096, Columns=2457, NumberOfFrames=60,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.13.1.3",
    )  # fmt: skip
    with pytest.raises(Refusal) as refusal:
        examine(path)
    assert (refusal.value.outcome, refusal.value.found["kind"]) == ("quarantined", "tomosynthesis")
