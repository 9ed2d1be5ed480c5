"""Mammograms as PNG or PGM; who and what they show stands in a labels table."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mammo.archive.dicom.limits import LIMITS, Limits
from mammo.archive.dicom.refusal import rejected

_MAGIC = {b"\x89PNG\r\n\x1a\n": "PNG", b"P5": "PPM", b"P2": "PPM"}
_MODES = {"L", "I", "I;16", "I;16B", "1"}


def raster_kind(path: Path) -> str:
    """PNG or PPM by content; '' for anything else."""
    with path.open("rb") as handle:
        head = handle.read(8)
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def read_raster(path: Path, kind: str, limits: Limits = LIMITS) -> NDArray[np.uint16]:
    """Decode a grey image (rows, columns; uint16).

    Raises:
        Refusal: damaged, cut, in colour, too large or empty.
    """
    try:
        _check_end(path)
        with Image.open(path, formats=[kind]) as picture:
            if picture.width * picture.height > limits.pixels:
                raise rejected("more rows and columns than are accepted")
            if picture.mode not in _MODES:
                raise rejected("a colour image: mammograms are grey; convert it without loss")
            array: NDArray[Any] = np.array(picture)
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
        struct.error,
    ):
        raise rejected("the image file is damaged or cut short; send it again") from None
    if array.ndim != 2 or int(array.min()) < 0 or int(array.max()) > 65535:
        raise rejected("pixel values are outside 0..65535")
    if int(array.min()) == int(array.max()):
        raise rejected("the image is empty: every pixel has the same value")
    return array.astype(np.uint16)


def _check_end(path: Path) -> None:
    """The decoder stops at the last pixel; what ends the file must be there too.

    A PNG is walked chunk by chunk with its check sums to IEND. A PGM in digits ends with white space: half a number is
    one too.

    Raises:
        ValueError: it is cut or damaged.
        struct.error: it is cut within the head of a chunk.
    """
    with path.open("rb") as handle:
        magic = handle.read(2)
        if magic == b"P2":
            handle.seek(-1, 2)
            if not handle.read(1).isspace():
                raise ValueError("no white space at the end")
        if magic != b"\x89P":
            return
        handle.seek(8)
        kind = b""
        while kind != b"IEND":
            length, kind = struct.unpack(">I4s", handle.read(8))
            data = handle.read(length)
            (stated,) = struct.unpack(">I", handle.read(4))
            if len(data) != length or zlib.crc32(kind + data) != stated:
                raise ValueError("a damaged chunk")
