"""De-identification by rebuilding (PS3.15 annex E): a new data set from an allow-list, every other value is left out.

Basic profile with Clean Pixel Data, Clean Graphics, Clean Descriptors (dropped), Retain Longitudinal Modified
Dates and Retain Patient Characteristics (age and sex). No UID, device, institution or private element survives;
preamble, file meta information and pixel stream are made anew, so comments inside a stream vanish too. What may
stand in a released file, and why, is profile.json.
"""

from datetime import date
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DigitalMammographyXRayImageStorageForPresentation, JPEGLSLossless

from mammo.archive.dicom.acceptance import Accepted
from mammo.archive.dicom.codes import MODIFIER_CODES, VIEW_CODES, Code
from mammo.archive.dicom.pixels import MAX_WINDOWS, is_window
from mammo.archive.dicom.profile import profile
from mammo.archive.dicom.reading import number, numbers, text
from mammo.archive.dicom.viewing_copy import decodes_to, new_file, write_file
from mammo.archive.pseudonyms import Pseudonyms

# (0012,0064): options of CID 7050 that were applied.
_METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113101", "Clean Pixel Data Option"),
    ("113103", "Clean Graphics Option"),
    ("113105", "Clean Descriptors Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)
_VENDOR_NAMES = {
    "siemens": "SIEMENS", "giotto": "GIOTTO", "hologic": "HOLOGIC", "ge": "GE", "fuji": "FUJIFILM", "philips": "PHILIPS",
}  # fmt: skip


def released_file(found: Accepted, pseudonyms: Pseudonyms, site_code: str) -> FileDataset:
    """Build the released data set of an accepted DICOM file."""
    if found.dataset is None or found.stored is None:
        raise ValueError("only a DICOM file can be rebuilt")
    header, source = found.header, found.dataset
    identity = header.patient_number or header.study_uid
    file = new_file(
        DigitalMammographyXRayImageStorageForPresentation,
        pseudonyms.remap_uid(header.sop_uid),
        JPEGLSLossless,
    )
    file.StudyInstanceUID = UID(pseudonyms.remap_uid(header.study_uid))
    file.SeriesInstanceUID = UID(pseudonyms.remap_uid(header.series_uid or header.study_uid))
    file.PatientID = file.PatientName = pseudonyms.pseudonym(site_code, identity)
    file.PatientBirthDate = ""
    if header.age is not None:
        file.PatientAge = f"{header.age:03d}Y"
    if header.study_date:
        shifted = pseudonyms.shifted(date.fromisoformat(header.study_date), site_code, identity)
        file.StudyDate = file.SeriesDate = file.ContentDate = shifted.strftime("%Y%m%d")
    file.StudyTime = file.AccessionNumber = file.ReferringPhysicianName = file.StudyID = ""
    file.Modality, file.PresentationIntentType = "MG", "FOR PRESENTATION"
    file.ImageType = ["DERIVED", "PRIMARY"]
    file.Manufacturer = _VENDOR_NAMES.get(header.vendor, "")
    file.BodyPartExamined = "BREAST"
    for kept in profile().kept:
        value = kept.value(source)
        if value is not None:
            setattr(file, kept.keyword, value)
    _add_view(file, found)
    _add_windows(file, source)
    _add_statement(file)
    _add_pixels(file, source, found.stored)
    return file


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, "SCT", code.meaning
    return item


def _add_view(file: Dataset, found: Accepted) -> None:
    file.ImageLaterality = found.side.side
    file.ViewPosition = found.view.view if found.view.view != "OTHER" else ""
    code = VIEW_CODES.get(found.view.view)
    if code:
        item = _coded(code)
        item.ViewModifierCodeSequence = [_coded(MODIFIER_CODES[name]) for name in found.view.modifiers]
        file.ViewCodeSequence = [item]
    toward_nipple = "A" if (found.side.side == "L") != found.side.mirrored else "P"
    file.PatientOrientation = [toward_nipple, "R" if found.side.side == "L" else "L"]


def _add_windows(file: Dataset, source: Dataset) -> None:
    centers, widths = numbers(source, "WindowCenter"), numbers(source, "WindowWidth")
    pairs = [pair for pair in zip(centers, widths, strict=False) if is_window(*pair)][:MAX_WINDOWS]
    if pairs:
        file.WindowCenter = [f"{center:.6g}" for center, _ in pairs]
        file.WindowWidth = [f"{width:.6g}" for _, width in pairs]


def _add_statement(file: Dataset) -> None:
    file.PatientIdentityRemoved = "YES"
    file.DeidentificationMethod = profile().version
    items = []
    for value, meaning in _METHODS:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
        items.append(item)
    file.DeidentificationMethodCodeSequence = items
    file.LongitudinalTemporalInformationModified = "MODIFIED"
    file.BurnedInAnnotation = "NO"


def _add_pixels(file: Dataset, source: Dataset, stored: NDArray[Any]) -> None:
    """The stored values, coded anew without loss; signed values keep their bit pattern."""
    file.SamplesPerPixel = 1
    file.PhotometricInterpretation = (
        "MONOCHROME1" if text(source, "PhotometricInterpretation") == "MONOCHROME1" else "MONOCHROME2"
    )
    file.Rows, file.Columns = stored.shape
    bits = int(source.BitsStored)
    file.BitsAllocated, file.BitsStored, file.HighBit = stored.dtype.itemsize * 8, bits, bits - 1
    file.PixelRepresentation = 1 if stored.dtype.kind == "i" else 0
    padding = number(source, "PixelPaddingValue")
    if padding is not None and float(stored.min()) <= padding <= float(stored.max()):
        file.PixelPaddingValue = int(padding)
    pattern = stored.view(f"u{stored.dtype.itemsize}")
    if stored.dtype.kind == "i":
        pattern = pattern & pattern.dtype.type((1 << bits) - 1)
    frame = bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(pattern)))
    file.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    file["PixelData"].VR = "OB"
    file["PixelData"].is_undefined_length = True


def write_release(path: Path, found: Accepted, pseudonyms: Pseudonyms, site_code: str) -> None:
    """Write the released file and check that its pixels are those of the source.

    Raises:
        OSError: the disk is full or not writable; nothing is left behind.
        RuntimeError: the written file does not decode to the same values.
    """
    write_file(path, released_file(found, pseudonyms, site_code))
    if found.stored is None or not decodes_to(path, found.stored):
        path.unlink()
        raise RuntimeError("the released file does not decode to the pixels that were read")
