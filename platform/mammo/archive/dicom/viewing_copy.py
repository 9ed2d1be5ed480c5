"""Writes the viewing copy: one normalised, de-identified HTJ2K-lossless image that browser and torch both read."""

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DigitalMammographyXRayImageStorageForPresentation

from mammo.archive.dicom.digits import as_text
from mammo.archive.dicom.prepared import Window

HTJ2K_LOSSLESS = UID("1.2.840.10008.1.2.4.201")
# Ours, derived from a fixed UUID: says which program wrote the file (PS3.7 D.3.3.2).
IMPLEMENTATION_UID = UID("2.25.236921083420734930461840349267421365571")


def new_file(sop_class: str, sop_uid: str, syntax: UID) -> FileDataset:
    """An empty data set with file meta information and preamble of our own."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(sop_uid)
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "MAMMOVLM"
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = UID(sop_class), UID(sop_uid)
    return file


def write_viewing_copy(
    path: Path,
    image: NDArray[np.uint16],
    *,
    bits_stored: int,
    laterality: str,
    view: str,
    uids: dict[str, str],
    windows: Sequence[Window] = (),
    voi_function: str = "LINEAR",
) -> None:
    """Write `image` (rows, columns; uint16) to `path`; it holds no date, no vendor and nothing of the patient.

    Args:
        windows: presets in the image's values, the first is the default; training and answering use it too.
        uids: remapped `study`, `series` and `sop`.

    Raises:
        OSError: the disk is full or not writable; nothing is left behind.
        RuntimeError: the copy does not decode to the same pixels.
    """
    file = new_file(DigitalMammographyXRayImageStorageForPresentation, uids["sop"], HTJ2K_LOSSLESS)
    file.StudyInstanceUID, file.SeriesInstanceUID = UID(uids["study"]), UID(uids["series"])
    file.Modality = "MG"
    file.PresentationIntentType = "FOR PRESENTATION"
    file.ImageLaterality = laterality
    file.ViewPosition = view if view != "OTHER" else ""
    file.PatientIdentityRemoved = "YES"
    if windows:
        file.WindowCenter = [as_text(window.center) for window in windows]
        file.WindowWidth = [as_text(window.width) for window in windows]
        file.VOILUTFunction = voi_function
    add_frame(file, image, bits_stored)
    write_file(path, file)
    if not decodes_to(path, image):
        path.unlink()
        raise RuntimeError("the viewing copy does not decode to the pixels that were written")


def decodes_to(path: Path, image: NDArray[Any]) -> bool:
    """Does a file that was just written hold these pixels?"""
    try:
        return np.array_equal(dcmread(path).pixel_array, image)
    except MemoryError:
        path.unlink()
        raise
    except Exception:  # a decoder raises whatever it likes: then it holds others
        return False


def add_frame(file: Dataset, image: NDArray[np.uint16], bits_stored: int) -> None:
    """Add one frame as HTJ2K lossless with its image pixel module (PS3.3 C.7.6.3).

    Raises:
        MemoryError: the encoder got none.
    """
    file.SamplesPerPixel = 1
    file.PhotometricInterpretation = "MONOCHROME2"
    file.Rows, file.Columns = image.shape
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = (
        16,
        bits_stored,
        bits_stored - 1,
        0,
    )
    try:
        frame = bytes(imagecodecs.htj2k_encode(np.ascontiguousarray(image), reversible=True))
    except imagecodecs.Htj2kError as error:
        # Of unsigned integers in two dimensions it refuses nothing else.
        raise MemoryError("the HTJ2K encoder got no memory") from error
    file.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    file["PixelData"].VR = "OB"
    file["PixelData"].is_undefined_length = True


def write_file(path: Path, file: FileDataset) -> None:
    """Write a DICOM file whole or not at all."""
    buffer = BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(buffer.getvalue())
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
