"""The whole examination of one file: read, check, decode, resolve, normalise, look for burned-in text.

Policy: digital mammograms For Presentation are taken. For Processing, tomosynthesis, Secondary Capture,
digitised film and other image kinds are kept for a person; what holds no image is rejected.
"""

import hashlib
from dataclasses import dataclass
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
from mammo.archive.dicom.header import Header, read_header
from mammo.archive.dicom.laterality import SideFound, chest_wall_edge, find_side, stated_side
from mammo.archive.dicom.pixels import Normalised, Window, check_header, normalise, stored_values
from mammo.archive.dicom.reading import is_dicom, number, read_dicom, text, texts
from mammo.archive.dicom.refusal import Refusal, quarantined, rejected
from mammo.archive.dicom.view import ViewFound, find_view

PROCEDURE = "mammo-deid-1"  # of the de-identification; change it with every change of what is kept
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass
class Accepted:
    """A file that passed: everything an import or a release needs."""

    header: Header
    side: SideFound
    view: ViewFound
    normalised: Normalised
    dataset: FileDataset | None = None
    stored: NDArray[Any] | None = None


def examine(path: Path, label: dict[str, str] | None = None) -> Accepted:
    """Examine one file.

    Args:
        label: row of the labels table for it: laterality, view, mirrored, patient, study.

    Raises:
        Refusal: with outcome, reason and what was found all the same.
    """
    if is_dicom(path):
        return _examine_dicom(path, label or {})
    kind = raster.raster_kind(path)
    if kind:
        return _examine_raster(path, kind, label)
    raise rejected("neither DICOM (no DICM mark) nor PNG nor PGM")


def _examine_dicom(path: Path, label: dict[str, str]) -> Accepted:
    dataset = read_dicom(path)
    try:
        check_header(dataset)
        _check_kind(dataset)
        stored = stored_values(dataset)
        _check_use(dataset)
        header, view = read_header(dataset), _with_label(find_view(dataset), label)
        normalised = normalise(dataset, stored)
        side = _side(dataset, view, normalised, label)
    except Refusal as refusal:
        refusal.found = {**_known(dataset), **refusal.found}
        raise
    if not view.view:
        raise quarantined("nothing says which view it is", laterality=side.side)
    _check_burned_in(normalised.image, side, view)
    if side.mirrored:
        normalised.image = np.ascontiguousarray(normalised.image[:, ::-1])
    return Accepted(header, side, view, normalised, dataset, stored)


def _check_kind(dataset: FileDataset) -> None:
    """Volumes are not decoded at all: their frames would cost minutes."""
    sop_class = UID(text(dataset, "SOPClassUID"))
    if sop_class == BreastTomosynthesisImageStorage or (number(dataset, "NumberOfFrames") or 1) > 1:
        raise quarantined("a tomosynthesis volume: only two-dimensional views are read here")


def _check_use(dataset: FileDataset) -> None:
    """What was decoded, but is not for reading."""
    sop_class = UID(text(dataset, "SOPClassUID"))
    image_type = {value.upper() for value in texts(dataset, "ImageType")}
    if sop_class == SECONDARY_CAPTURE:
        raise quarantined("a secondary capture (screen copy or digitised film) may show identifying text")
    if sop_class == DigitalMammographyXRayImageStorageForProcessing or (
        text(dataset, "PresentationIntentType").upper() == "FOR PROCESSING"
    ):
        raise quarantined(
            "FOR PROCESSING: raw detector data is not for reading; send the FOR PRESENTATION image"
        )
    if sop_class != DigitalMammographyXRayImageStorageForPresentation or text(dataset, "Modality") != "MG":
        raise quarantined(f"not a digital mammogram for presentation (modality {_modality(dataset)})")
    if any(value.startswith("STEREO") for value in image_type):
        raise quarantined("a stereotactic image of a biopsy, not an examination view")


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


def _with_label(view: ViewFound, label: dict[str, str]) -> ViewFound:
    named = label.get("view", "")
    if named and view.view and named != view.view:
        raise quarantined(f"the labels table says {named}, the file says {view.view}")
    return ViewFound(named, view.modifiers, view.side) if named else view


def _side(dataset: FileDataset, view: ViewFound, normalised: Normalised, label: dict[str, str]) -> SideFound:
    close_up = bool({"magnification", "spot_compression"} & set(view.modifiers))
    named = label.get("laterality", "")
    stated, _ = stated_side(dataset, view.side)
    if named and stated and named != stated:
        raise quarantined(f"the labels table says {named}, the file says {stated}")
    if named:
        return _labelled_side(normalised.image, label)
    return find_side(dataset, view.side, normalised.image, is_close_up=close_up)


def _labelled_side(image: NDArray[np.uint16], label: dict[str, str]) -> SideFound:
    """Side from the labels table; the pixels must lie as it says (mirrored or not)."""
    side, mirrored = label["laterality"], label.get("mirrored", "no") == "yes"
    edge = chest_wall_edge(image)
    expected = ("R" if side == "L" else "L") if mirrored else side
    if edge and edge != expected:
        raise quarantined(
            f"the labels table says {side}{' mirrored' if mirrored else ''}, but the chest wall lies on the other edge",
            laterality=side,
        )
    return SideFound(side, "table", mirrored, ["stored_mirrored"] if mirrored else [])


def _examine_raster(path: Path, kind: str, label: dict[str, str] | None) -> Accepted:
    image = raster.read_raster(path, kind)
    if label is None:
        raise rejected(
            "a PNG or PGM without a row in the labels table: nothing says whose it is or what it shows"
        )
    missing = [column for column in ("patient", "study", "laterality", "view") if not label.get(column)]
    if missing:
        raise rejected(f"its row of the labels table has no {missing[0]}")
    side, view = _labelled_side(image, label), ViewFound(label["view"])
    _check_burned_in(image, side, view)
    if side.mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
    top = float(image.max())
    normalised = Normalised(image, [Window(top / 2 + 0.5, top + 1, "DEFAULT")], flags=["window_estimated"])
    return Accepted(_raster_header(label, path), side, view, normalised)


def _raster_header(label: dict[str, str], path: Path) -> Header:
    study = f"table:{label['patient']}:{label['study']}"
    return Header(
        patient_number=label["patient"], accession=label["study"], study_uid=study, series_uid=study,
        sop_uid=f"{study}:{hashlib.sha256(path.read_bytes()).hexdigest()}", study_date="",
        taken_at=0, names=[], doctors=[], reading_doctors=[], numbers=[label["patient"]], places=[],
        history="", indication="",
        age=None, sex="", vendor="", spacing=None, spacing_estimated=True, implant="",
    )  # fmt: skip


def _check_burned_in(image: NDArray[np.uint16], side: SideFound, view: ViewFound) -> None:
    lines = text_lines(image)
    if lines:
        raise quarantined(
            f"{len(lines)} line(s) of burned-in text: a person must look at the image",
            laterality=side.side,
            view=view.view,
            boxes=lines,
        )
