"""What a compressed frame says of itself, read before any decoder meets it.

A decoder trusts the codestream, not the DICOM header: one that says 60000 x 60000 is given the memory for it
whatever Rows and Columns say. Sizes from ISO/IEC 15444-1 A.5.1 (SIZ), ISO/IEC 10918-1 B.2.2 and 14495-1 C.2.2
(frame header); run lengths from PS3.5 annex G.
"""

import struct
from dataclasses import dataclass

from pydicom import FileDataset
from pydicom.encaps import get_frame
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from mammo.archive.dicom.limits import LIMITS, Limits
from mammo.archive.dicom.refusal import Refusal, rejected

_HIGH_THROUGHPUT = frozenset(UID(f"1.2.840.10008.1.2.4.{number}") for number in (201, 202, 203))
_SOC_SIZ = b"\xff\x4f\xff\x51"
# Some files wrap the codestream in the boxes of a JP2 file (ISO/IEC 15444-1 I.4), against PS3.5 A.4.4.
_JP2, _JP2_CODESTREAM, _MOST_BOXES = b"\0\0\0\x0cjP  ", b"jp2c", 64
# Start of frame: C0..CF but for tables of Huffman and arithmetic codes; F7 is that of JPEG-LS.
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})


@dataclass(frozen=True)
class Stated:
    """What a codestream says: rows, columns, components and tiles."""

    rows: int
    columns: int
    components: int
    tiles: int = 1


def check_codestream(dataset: FileDataset, limits: Limits = LIMITS) -> None:
    """Refuse a compressed frame that would make its decoder do another work than the header promises.

    Raises:
        Refusal: other size than the header's, more components, too many tiles, or too long for its pixels.
    """
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if not syntax.is_encapsulated:
        return
    try:
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    except (ValueError, EOFError, struct.error):
        raise _undecodable(syntax) from None
    pixels = int(dataset.Rows) * int(dataset.Columns)
    if syntax == RLELossless:
        # One byte in 128 more than the pixels where nothing repeats, and a header of 64.
        if len(frame) > pixels * int(dataset.BitsAllocated) // 8 * 1.05 + 1024:
            raise rejected("the compressed image is longer than its pixels: damaged, or made to harm")
        return
    stated = _stated(frame, syntax)
    if stated is None:
        raise _undecodable(syntax)
    if (stated.rows, stated.columns, stated.components) != (int(dataset.Rows), int(dataset.Columns), 1):
        raise rejected("the decoded pixels have another shape than the header says")
    if stated.tiles > limits.tiles:
        raise rejected(f"the compressed image has more than {limits.tiles} tiles: made to harm")
    if syntax in JPEG2000TransferSyntaxes and len(frame) > limits.wavelet_bytes:
        raise rejected(f"the compressed image is larger than {limits.wavelet_bytes // 1024**2} MB")


def _undecodable(syntax: UID) -> Refusal:
    return rejected(f"the pixels cannot be decoded (transfer syntax {syntax.name})")


def _stated(frame: bytes, syntax: UID) -> Stated | None:
    if syntax in JPEG2000TransferSyntaxes or syntax in _HIGH_THROUGHPUT:
        return _of_wavelets(frame)
    if syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
        return _of_jpeg(frame)
    return None


def _of_wavelets(frame: bytes) -> Stated | None:
    """Image and tile size on the reference grid (SIZ)."""
    at = _codestream_in_boxes(frame) if frame.startswith(_JP2) else 0
    if frame[at : at + 4] != _SOC_SIZ or len(frame) < at + 45:
        return None
    right, bottom, left, top, wide, high, tiles_left, tiles_top, components = struct.unpack_from(
        ">8LH", frame, at + 8
    )
    across, down = frame[at + 43], frame[at + 44]  # subsampling of the first component
    if not (wide and high and across and down) or right <= left or bottom <= top:
        return None
    tiles = -(-(right - tiles_left) // wide) * -(-(bottom - tiles_top) // high)
    rows, columns = -(-bottom // down) - -(-top // down), -(-right // across) - -(-left // across)
    return Stated(rows, columns, components, tiles)


def _codestream_in_boxes(frame: bytes) -> int:
    """Where the first box of a codestream has its content; the end of the frame where there is none."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 16 > len(frame):
            break
        length, kind = struct.unpack_from(">L4s", frame, at)
        head = 16 if length == 1 else 8
        if kind == _JP2_CODESTREAM:
            return at + head
        at += max(head, struct.unpack_from(">Q", frame, at + 8)[0] if length == 1 else length)
    return len(frame)


def _of_jpeg(frame: bytes) -> Stated | None:
    """Lines, samples and components of the first frame header."""
    at = 2 if frame.startswith(b"\xff\xd8") else len(frame)
    while at < len(frame) - 9:
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == 0xFF:  # fill bytes stand before a marker
            at += 1
            continue
        if marker in _FRAME_MARKERS:
            rows, columns, components = struct.unpack_from(">HHB", frame, at + 5)
            return Stated(rows, columns, components)
        if marker == 0xDA:
            return None
        at += 2 + int(struct.unpack_from(">H", frame, at + 2)[0])
    return None
