"""Pictures for training sets: a viewing copy under its own window, as 8-bit PNG without any text."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from imagecodecs import htj2k_decode, png_encode
from pydicom.encaps import get_frame

from mammo.core.errors import UserError

HTJ2K = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")


def windowed(
    pixels: npt.NDArray[np.number], *, center: float, width: float, function: str = "LINEAR"
) -> npt.NDArray[np.uint8]:
    """Grey values 0 to 255 by LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    values = pixels.astype(np.float64)
    if function == "SIGMOID":
        share = 1.0 / (1.0 + np.exp(-4.0 * (values - center) / width))
    elif function == "LINEAR_EXACT":
        share = (values - center) / width + 0.5
    else:
        share = (values - (center - 0.5)) / max(width - 1.0, 1.0) + 0.5
    return np.rint(np.clip(share, 0.0, 1.0) * 255).astype(np.uint8)


def png_of(path: Path, *, center: float, width: float, function: str) -> bytes:
    """A viewing copy as an 8-bit PNG.

    Raises:
        UserError: the viewing copy is missing or can't be decoded.
    """
    grey = windowed(_pixels(path), center=center, width=width, function=function)
    return bytes(png_encode(grey, level=3))


def _pixels(path: Path) -> npt.NDArray[np.number]:
    try:
        dataset = pydicom.dcmread(path)
        if dataset.file_meta.TransferSyntaxUID in HTJ2K:
            decoded: npt.NDArray[np.number] = htj2k_decode(
                get_frame(dataset.PixelData, 0, number_of_frames=1)
            )
            return decoded
        stored: npt.NDArray[np.number] = dataset.pixel_array
        return stored
    except FileNotFoundError:
        raise UserError(f"{path}: the viewing copy is missing; import the study again") from None
    except Exception as error:  # decoders raise many kinds
        raise UserError(
            f"{path}: the viewing copy can't be decoded ({error}); import the study again"
        ) from None
