"""The whole examination of one file: read, check, decode, resolve, normalise, look for burned-in text.

Policy: digital mammograms For Presentation are taken. For Processing, tomosynthesis, Secondary Capture,
digitised film and other image kinds are kept for a person; what holds no image is rejected.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset
from pydicom.uid import (
    UID,
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
)

from mammo.archive.dicom import raster
from mammo.archive.dicom.burned_in import text_lines
from mammo.archive.dicom.codes import CLOSE_UP, MODIFIER_CODES
from mammo.archive.dicom.header import Header, read_header
from mammo.archive.dicom.judged import Judged, masked
from mammo.archive.dicom.laterality import SideFound, chest_wall_edge, find_side, stated_side
from mammo.archive.dicom.pixels import check_header, pixel_header, stored_values
from mammo.archive.dicom.prepared import PixelHeader, Prepared, prepare, whole_range
from mammo.archive.dicom.reading import is_dicom, number, read_dicom, text, texts
from mammo.archive.dicom.refusal import Refusal, quarantined, rejected
from mammo.archive.dicom.view import ViewFound, find_view
from mammo.archive.pseudonyms import identity

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass
class Accepted:
    """A file that passed: everything an import or a release needs."""

    header: Header
    side: SideFound
    view: ViewFound
    prepared: Prepared
    dataset: FileDataset | None = None
    stored: NDArray[Any] | None = None
    pixels: PixelHeader | None = None


def examine(path: Path, label: dict[str, str] | None = None, judged: Judged | None = None) -> Accepted:
    """Examine one file.

    Args:
        label: row of the labels table for it: laterality, view, mirrored, patient, study.
        judged: what a person decided after a look at it.

    Raises:
        Refusal: with outcome, reason and what was found all the same.
    """
    judged = judged or Judged()
    if is_dicom(path):
        return _examine_dicom(path, judged.over(label or {}), judged)
    kind = raster.raster_kind(path)
    if kind:
        return _examine_raster(path, kind, label if label is None else judged.over(label), judged)
    raise rejected("neither DICOM (no DICM mark) nor PNG nor PGM; send it again, or leave it out")


def _examine_dicom(path: Path, label: dict[str, str], judged: Judged) -> Accepted:
    dataset = read_dicom(path)
    try:
        return _examine_dataset(dataset, label, judged)
    except Refusal as refusal:
        refusal.identity = _identity(dataset, label, judged)
        raise


def _identity(dataset: FileDataset, label: dict[str, str], judged: Judged) -> str:
    number, study = text(dataset, "PatientID"), text(dataset, "StudyInstanceUID")
    if "identity" in judged.accepts:
        number = label.get("patient") or number
    return identity(number, study) if number or study else ""


def _examine_dataset(dataset: FileDataset, label: dict[str, str], judged: Judged) -> Accepted:
    try:
        check_header(dataset)
        _check_kind(dataset)
        stored = stored_values(dataset)
        del dataset.PixelData  # and with it the array that pydicom keeps: 4 bytes a pixel
        _check_use(dataset, judged)
        header = read_header(dataset)
        if "identity" in judged.accepts:
            header = _labelled_header(header, label)
        if label.get("implant") and not header.implant:
            header = replace(header, implant=label["implant"])
        view = _view(dataset, label, judged)
        side: SideFound | None = None

        def place(image: Prepared) -> tuple[str, bool]:
            nonlocal side
            side = _side(dataset, view, image, label, judged)
            if not view.view:
                raise quarantined("nothing says which view it is", kind="no_view", laterality=side.side)
            image.image = masked(image.image, judged.masks)
            if "burned_in" not in judged.accepts:
                check_burned_in(image.image, side, view)
            return side.side, side.mirrored

        pixels = pixel_header(dataset, stored)
        prepared = prepare(stored, pixels, place=place)
    except Refusal as refusal:
        refusal.found = {**_known(dataset), **refusal.found}
        raise
    if side is None:
        raise RuntimeError("the side was not looked for")
    return Accepted(header, side, view, prepared, dataset, stored, pixels)


def _check_kind(dataset: FileDataset) -> None:
    """Volumes are not decoded at all: their frames would cost minutes."""
    sop_class = UID(text(dataset, "SOPClassUID"))
    if sop_class == BreastTomosynthesisImageStorage or (number(dataset, "NumberOfFrames") or 1) > 1:
        raise quarantined(
            "a tomosynthesis volume: only two-dimensional views are read here", kind="tomosynthesis"
        )


def _check_use(dataset: FileDataset, judged: Judged) -> None:
    """What was decoded, but is not for reading."""
    sop_class = UID(text(dataset, "SOPClassUID"))
    image_type = {value.upper() for value in texts(dataset, "ImageType")}
    if any(value.startswith("STEREO") for value in image_type):
        raise quarantined("a stereotactic image of a biopsy, not an examination view", kind="stereotactic")
    if sop_class == DigitalMammographyXRayImageStorageForProcessing or (
        text(dataset, "PresentationIntentType").upper() == "FOR PROCESSING"
    ):
        raise quarantined(
            "FOR PROCESSING: raw detector data is not for reading; send the FOR PRESENTATION image",
            kind="for_processing",
        )
    if sop_class == SECONDARY_CAPTURE and "secondary_capture" not in judged.accepts:
        raise quarantined(
            "a secondary capture (screen copy or digitised film) may show identifying text",
            kind="secondary_capture",
        )
    is_mammogram = (
        sop_class == DigitalMammographyXRayImageStorageForPresentation and text(dataset, "Modality") == "MG"
    )
    if not is_mammogram and not judged.accepts & {"secondary_capture", "other_kind"}:
        raise quarantined(
            f"not a digital mammogram for presentation (modality {_modality(dataset)})", kind="other_kind"
        )


def _modality(dataset: FileDataset) -> str:
    value = text(dataset, "Modality").upper()
    return (
        value
        if value in {"MG", "DX", "CR", "CT", "MR", "US", "OT", "RG", "RF", "XA", "SR", "PR"}
        else "unknown"
    )


def _known(dataset: FileDataset) -> dict[str, str]:
    """Side and view as far as the tags say them, for the person who looks."""
    found = {}
    try:
        view = find_view(dataset)
        found["view"] = view.view
        found["laterality"] = stated_side(dataset, view.side)[0]
    except Refusal:
        pass
    return {name: value for name, value in found.items() if value}


def _labelled_header(header: Header, label: dict[str, str]) -> Header:
    """Whose it is by a data set's own table: files of public sets name no patient, or a wrong one."""
    if not (label.get("patient") and label.get("study")):
        return header
    return replace(
        header,
        patient_number=label["patient"],
        accession=label["study"],
        study_uid=f"table:{label['patient']}:{label['study']}",
        numbers=[*header.numbers, label["patient"]],
    )


def _view(dataset: FileDataset, label: dict[str, str], judged: Judged) -> ViewFound:
    named, modifiers = label.get("view", ""), _modifiers(label)
    try:
        view = find_view(dataset)
    except Refusal:
        if not named or "view_conflict" not in judged.accepts:
            raise
        return ViewFound(named, modifiers)
    if modifiers and not CLOSE_UP & set(view.modifiers):  # the file's own say it more exactly
        view = replace(view, modifiers=sorted({*view.modifiers, *modifiers}))
    if named and view.view and named != view.view and "table_conflict" not in judged.accepts:
        raise quarantined(f"the labels table says {named}, the file says {view.view}", kind="table_conflict")
    return ViewFound(named, view.modifiers, view.side) if named else view


def _modifiers(label: dict[str, str]) -> list[str]:
    return [name for name in label.get("modifiers", "").split(",") if name in MODIFIER_CODES]


def _side(
    dataset: FileDataset, view: ViewFound, prepared: Prepared, label: dict[str, str], judged: Judged
) -> SideFound:
    close_up = bool(CLOSE_UP & set(view.modifiers))
    named = label.get("laterality", "")
    # A person who was told that the chest wall lies on the other edge has looked, and overrules it; edges of a
    # close-up say nothing.
    compared = not close_up and "side_against_pixels" not in judged.accepts
    if judged.laterality:
        return _labelled_side(prepared.image, label, source="person", compared=compared)
    stated, _ = stated_side(dataset, view.side)
    if named and stated and named != stated and "table_conflict" not in judged.accepts:
        raise quarantined(f"the labels table says {named}, the file says {stated}", kind="table_conflict")
    if named:
        return _labelled_side(prepared.image, label, compared=not close_up)
    return find_side(dataset, view.side, prepared.image, is_close_up=close_up)


def _labelled_side(
    image: NDArray[np.uint16], label: dict[str, str], *, source: str = "table", compared: bool = True
) -> SideFound:
    """Side from the labels table or a person; where compared, the pixels must lie as they say (mirrored or not)."""
    side, mirrored = label["laterality"], label.get("mirrored", "no") == "yes"
    edge = chest_wall_edge(image) if compared else ""
    expected = ("R" if side == "L" else "L") if mirrored else side
    if edge and edge != expected:
        said_by = "the labels table" if source == "table" else "a person"
        raise quarantined(
            f"{said_by} says {side}{' mirrored' if mirrored else ''}, but the chest wall lies on the other edge",
            kind="side_against_pixels",
            laterality=side,
        )
    return SideFound(side, source, mirrored, ["stored_mirrored"] if mirrored else [])


def _examine_raster(path: Path, kind: str, label: dict[str, str] | None, judged: Judged) -> Accepted:
    image = raster.read_raster(path, kind)
    if label is None:
        raise rejected(
            "a PNG or PGM without a row in the labels table: nothing says whose it is or what it shows"
        )
    missing = [column for column in ("patient", "study", "laterality", "view") if not label.get(column)]
    if missing:
        raise rejected(f"its row of the labels table has no {missing[0]}")
    view = ViewFound(label["view"], _modifiers(label))
    side = SideFound(label["laterality"], "table")

    def place(prepared: Prepared) -> tuple[str, bool]:
        nonlocal side
        compared = not CLOSE_UP & set(view.modifiers) and not (
            judged.laterality and "side_against_pixels" in judged.accepts
        )
        side = _labelled_side(prepared.image, label, compared=compared)
        prepared.image = masked(prepared.image, judged.masks)
        prepared.windows = [whole_range(prepared.image)]
        if "burned_in" not in judged.accepts:
            check_burned_in(prepared.image, side, view)
        return side.side, side.mirrored

    try:
        prepared = prepare(image, PixelHeader(windows=(whole_range(image),)), place=place)
    except Refusal as refusal:
        refusal.identity = label["patient"]
        raise
    prepared.flags.append("window_estimated")
    return Accepted(_raster_header(label, path), side, view, prepared)


def _raster_header(label: dict[str, str], path: Path) -> Header:
    study = f"table:{label['patient']}:{label['study']}"
    return Header(
        patient_number=label["patient"], accession=label["study"], study_uid=study, series_uid=study,
        sop_uid=f"{study}:{hashlib.sha256(path.read_bytes()).hexdigest()}", study_date="",
        taken_at=0, names=[], doctors=[], reading_doctors=[], numbers=[label["patient"]], places=[],
        history="", indication="",
        age=None, sex="", vendor="", spacing=None, spacing_estimated=True, implant="",
    )  # fmt: skip


def check_burned_in(image: NDArray[np.uint16], side: SideFound, view: ViewFound) -> None:
    """Hold an image back (rows, columns) in which lines of text stand.

    Raises:
        Refusal: with the boxes of the lines.
    """
    lines = text_lines(image)
    if lines:
        raise quarantined(
            f"{len(lines)} line(s) that look like burned-in text: a person must look at the image",
            kind="burned_in",
            laterality=side.side,
            view=view.view,
            boxes=lines,
        )
