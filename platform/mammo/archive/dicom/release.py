"""De-identification by rebuilding (PS3.15 annex E): a new data set from an allow-list, every other value is left out.

Basic profile with Clean Pixel Data, Clean Graphics, Clean Descriptors (dropped), Retain Longitudinal Modified
Dates and Retain Patient Characteristics (age and sex). No UID, device, institution or private element survives;
preamble, file meta information and pixel stream are made anew, so comments inside a stream vanish too. What may
stand in a released file, and why, is profile.json.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DigitalMammographyXRayImageStorageForPresentation, JPEGLSLossless

from mammo.archive.dicom.acceptance import Accepted, check_burned_in
from mammo.archive.dicom.codes import MODIFIER_CODES, VIEW_CODES, Code
from mammo.archive.dicom.digits import as_text
from mammo.archive.dicom.prepared import VOI_FUNCTIONS, Window, in_order
from mammo.archive.dicom.profile import profile
from mammo.archive.dicom.reading import number, text
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
    """Build the released data set of an accepted DICOM file.

    Raises:
        Refusal: text stands in the stored values.
    """
    if found.dataset is None or found.stored is None or found.pixels is None:
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
    _add_statement(file)
    if _is_by_tables(found):
        _add_normalised(file, found)
    else:
        # What is written is looked at: padding or the transform may have hidden text from `examine`.
        check_burned_in(in_order(found.stored, is_inverted=found.pixels.is_inverted), found.side, found.view)
        _add_windows(file, found.pixels.windows, found.pixels.voi_function)
        _add_stored(file, source, found.stored)
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


def _add_windows(file: Dataset, windows: Sequence[Window], function: str) -> None:
    if windows:
        file.WindowCenter = [as_text(window.center) for window in windows]
        file.WindowWidth = [as_text(window.width) for window in windows]
        if function in VOI_FUNCTIONS and (function != "LINEAR" or "VOILUTFunction" in file):
            file.VOILUTFunction = function


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


def _is_by_tables(found: Accepted) -> bool:
    return found.prepared.voi_baked or (found.pixels is not None and found.pixels.modality_lut is not None)


def _as_written(found: Accepted) -> NDArray[Any]:
    """Pixels (rows, columns) as the released file holds them, lying as in the source."""
    if found.stored is not None and not _is_by_tables(found):
        return found.stored
    return found.prepared.image[:, ::-1] if found.side.mirrored else found.prepared.image


def _add_normalised(file: Dataset, found: Accepted) -> None:
    """What the source's tables make of its values, as they were examined: no table is released."""
    for keyword in ("RescaleSlope", "RescaleIntercept", "PixelIntensityRelationship"):
        if keyword in file:  # said of the values before the tables
            del file[keyword]
    file.PresentationLUTShape = "IDENTITY"
    _add_windows(file, found.prepared.windows, found.prepared.voi_function)
    _add_frame(file, _as_written(found), found.prepared.bits_stored, "MONOCHROME2")


def _add_stored(file: Dataset, source: Dataset, stored: NDArray[Any]) -> None:
    """The stored values."""
    padding = number(source, "PixelPaddingValue")
    if padding is not None and bool((stored == padding).any()):
        file.PixelPaddingValue = int(padding)
    is_inverted = text(source, "PhotometricInterpretation") == "MONOCHROME1"
    _add_frame(file, stored, int(source.BitsStored), "MONOCHROME1" if is_inverted else "MONOCHROME2")


def _add_frame(file: Dataset, stored: NDArray[Any], bits: int, photometric: str) -> None:
    """Values coded anew without loss; signed ones as their whole bit pattern: JPEG-LS knows no sign."""
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, photometric
    file.Rows, file.Columns = stored.shape
    is_signed, allocated = stored.dtype.kind == "i", stored.dtype.itemsize * 8
    bits = allocated if is_signed else bits
    file.BitsAllocated, file.BitsStored, file.HighBit = allocated, bits, bits - 1
    file.PixelRepresentation = int(is_signed)
    pattern = stored.view(f"u{stored.dtype.itemsize}")
    frame = bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(pattern)))
    file.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    file["PixelData"].VR = "OB"
    file["PixelData"].is_undefined_length = True


def write_release(path: Path, found: Accepted, pseudonyms: Pseudonyms, site_code: str) -> None:
    """Write the released file and check that its pixels are those that were examined.

    Raises:
        Refusal: text stands in the stored values.
        OSError: the disk is full or not writable; nothing is left behind.
        RuntimeError: the written file does not decode to the same values.
    """
    write_file(path, released_file(found, pseudonyms, site_code))
    if not decodes_to(path, _as_written(found)):
        path.unlink()
        raise RuntimeError("the released file does not decode to the pixels that were read")
