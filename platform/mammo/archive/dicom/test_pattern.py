"""A test pattern as a viewing copy: steps of grey, a 5 % square on black and a 95 % square on white."""

from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation

from mammo.archive.dicom.viewing_copy import HTJ2K_LOSSLESS, add_frame, new_file

ROWS, COLUMNS = 640, 880
SPACING = 0.25  # mm; the scale that the pattern is told to have
TOP = 4095
STEPS = 11
# Ours, derived from a fixed UUID.
PATTERN_UID = "2.25.171223478265403146893521847291934270553"


def pattern_pixels() -> NDArray[np.uint16]:
    """The pattern (rows, columns; 12 bits in uint16).

    Top: eleven steps from black to white. Middle: black with a 5 % square, white with a 95 % square.
    Bottom: lines of one pixel, upright and lying, at full contrast.
    """
    image = np.full((ROWS, COLUMNS), TOP // 2, dtype=np.uint16)
    width = COLUMNS // STEPS
    for step in range(STEPS):
        image[0:180, step * width : (step + 1) * width] = round(TOP * step / (STEPS - 1))
    half = COLUMNS // 2
    image[200:440, :half], image[200:440, half:] = 0, TOP
    image[270:370, half // 2 - 50 : half // 2 + 50] = round(0.05 * TOP)
    image[270:370, half + half // 2 - 50 : half + half // 2 + 50] = round(0.95 * TOP)
    image[460:620:2, :half] = 0
    image[461:620:2, :half] = TOP
    image[460:620, half::2] = 0
    image[460:620, half + 1 :: 2] = TOP
    return image


@cache
def pattern_file() -> bytes:
    """The pattern as a DICOM file, as the archive's viewing copies are (HTJ2K lossless)."""
    file = new_file(DigitalMammographyXRayImageStorageForPresentation, PATTERN_UID, HTJ2K_LOSSLESS)
    file.Modality = "MG"
    file.PresentationIntentType = "FOR PRESENTATION"
    add_frame(file, pattern_pixels(), 12)
    buffer = BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
