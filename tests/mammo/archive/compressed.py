"""Mammograms of tests, compressed: each transfer syntax by an encoder of its own."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from .files import mammogram

J2K, HTJ2K, JPEG, JPEG_LS, RLE = JPEG2000Lossless, HTJ2KLossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless


def codestream(image: np.ndarray, syntax: UID) -> bytes:
    """The image (rows, columns; uint16) as one frame of that syntax."""
    if syntax == J2K:
        return bytes(imagecodecs.jpeg2k_encode(image, level=0, codecformat="j2k", reversible=True))
    if syntax == HTJ2K:
        return bytes(imagecodecs.htj2k_encode(image, reversible=True))
    if syntax == JPEG_LS:
        return bytes(imagecodecs.jpegls_encode(image))
    return bytes(imagecodecs.ljpeg_encode(image))


def compressed(path: Path, frame: bytes, syntax: UID, **values: Any) -> Path:
    """A mammogram whose pixels are this frame; `values` set what the header says of them."""
    dataset = pydicom.dcmread(mammogram(path, **values))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path
