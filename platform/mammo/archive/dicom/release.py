"""De-identification by rebuilding (PS3.15 annex E): a new data set from an allow-list, every other value is left out.

Basic profile with Clean Pixel Data, Clean Graphics, Clean Descriptors (dropped), Retain Longitudinal Modified
Dates and Retain Patient Characteristics (age and sex). No UID, device, institution or private element survives;
preamble, file meta information and pixel stream are made anew, so comments inside a stream vanish too.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DigitalMammographyXRayImageStorageForPresentation, JPEGLSLossless

from mammo.archive.dicom.acceptance import PROCEDURE, Accepted
from mammo.archive.dicom.codes import MODIFIER_CODES, VIEW_CODES, Code
from mammo.archive.dicom.reading import number, numbers, text
from mammo.archive.dicom.viewing_copy import new_file, write_file
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


def _kept_numbers(dataset: Dataset, keyword: str, count: int, low: float, high: float) -> list[str] | None:
    values = numbers(dataset, keyword)[:count]
    if len(values) != count or not all(low <= value <= high for value in values):
        return None
    return [f"{value:.10g}" for value in values]


def _enumerated(dataset: Dataset, keyword: str, allowed: frozenset[str]) -> str | None:
    value = text(dataset, keyword).upper()
    return value if value in allowed else None


# The allow-list of plain values: keyword -> check. The reason stands beside each.
KEPT: dict[str, Callable[[Dataset], Any]] = {
    # display and measurement
    "ImagerPixelSpacing": lambda d: _kept_numbers(d, "ImagerPixelSpacing", 2, 0.005, 2),
    "PixelSpacing": lambda d: _kept_numbers(d, "PixelSpacing", 2, 0.005, 2),
    "EstimatedRadiographicMagnificationFactor": lambda d: _kept_numbers(
        d, "EstimatedRadiographicMagnificationFactor", 1, 0.5, 5
    ),
    "RescaleIntercept": lambda d: _kept_numbers(d, "RescaleIntercept", 1, -65536, 65536),
    "RescaleSlope": lambda d: _kept_numbers(d, "RescaleSlope", 1, -65536, 65536),
    "VOILUTFunction": lambda d: _enumerated(
        d, "VOILUTFunction", frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})
    ),
    "PixelIntensityRelationship": lambda d: _enumerated(
        d, "PixelIntensityRelationship", frozenset({"LIN", "LOG", "DISP"})
    ),
    "PresentationLUTShape": lambda d: _enumerated(
        d, "PresentationLUTShape", frozenset({"IDENTITY", "INVERSE"})
    ),
    "LossyImageCompression": lambda d: _enumerated(d, "LossyImageCompression", frozenset({"00", "01"})),
    # characteristics of the breast that a reader needs
    "BreastImplantPresent": lambda d: _enumerated(d, "BreastImplantPresent", frozenset({"YES", "NO"})),
    "PatientSex": lambda d: _enumerated(d, "PatientSex", frozenset({"F", "M", "O"})),
}


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
    for keyword, check in KEPT.items():
        value = check(source)
        if value is not None:
            setattr(file, keyword, value)
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
    pairs = [pair for pair in zip(centers, widths, strict=False) if pair[1] >= 1]
    if pairs:
        file.WindowCenter = [f"{center:.10g}" for center, _ in pairs]
        file.WindowWidth = [f"{width:.10g}" for _, width in pairs]


def _add_statement(file: Dataset) -> None:
    file.PatientIdentityRemoved = "YES"
    file.DeidentificationMethod = PROCEDURE
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
    if found.stored is None or not np.array_equal(dcmread(path).pixel_array, found.stored):
        path.unlink()
        raise RuntimeError("the released file does not decode to the pixels that were read")
