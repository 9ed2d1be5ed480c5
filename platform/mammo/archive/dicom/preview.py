"""Pictures of a doubtful file for the person who decides: the whole, and each box of what looks like text enlarged."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mammo.archive.dicom import raster
from mammo.archive.dicom.burned_in import Box, text_lines
from mammo.archive.dicom.limits import LIMITS, Limits
from mammo.archive.dicom.pixels import check_header, pixel_header, stored_values
from mammo.archive.dicom.prepared import in_order, normalise
from mammo.archive.dicom.reading import is_dicom, number, read_dicom
from mammo.archive.dicom.refusal import rejected

LONGEST_SIDE = 1400
# Around a box, as a share of its height, so that the line is seen in its place.
CROP_MARGIN = 1.0
CROP_WIDTH = 900
MAX_CROPS = 20


def write_preview(path: Path, target: Path, limits: Limits = LIMITS) -> dict[str, Any]:
    """Write PNG files of a file's pixels: `target` shows the whole, `target.N.png` box N (from 1) enlarged.

    Args:
        limits: what is decoded at all; of a viewing copy `VIEWING_COPY_LIMITS`.

    Returns:
        rows, columns and the boxes (x, y, width, height) that look like lines of text.

    Raises:
        Refusal: there is no picture to show.
    """
    image = _pixels(path, limits)
    boxes, greys = text_lines(image), _greys(image)
    _save(_whole(greys), target)
    for count, box in enumerate(boxes[:MAX_CROPS], start=1):
        _save(_crop(greys, box), target.with_suffix(f".{count}.png"))
    return {"rows": image.shape[0], "columns": image.shape[1], "boxes": boxes}


def _pixels(path: Path, limits: Limits) -> NDArray[np.uint16]:
    if is_dicom(path):
        dataset = read_dicom(path)
        check_header(dataset, limits)
        if (number(dataset, "NumberOfFrames") or 1) > 1:
            raise rejected("a volume has no single picture")
        stored = stored_values(dataset, limits)
        header = pixel_header(dataset, stored)
        image = normalise(stored, header).image
        return (
            _with_what_is_hidden(image, in_order(stored, is_inverted=header.is_inverted))
            if header.may_hide
            else image
        )
    kind = raster.raster_kind(path)
    if not kind:
        raise rejected("holds no image")
    return raster.read_raster(path, kind)


def _with_what_is_hidden(image: NDArray[np.uint16], stored: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The stored values where they show lines of text that padding or a table hides: a person must see these too."""
    return stored if len(text_lines(stored)) > len(text_lines(image)) else image


def _greys(image: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The whole range, its square root: what is faint on black must be seen here."""
    low, high = float(image.min()), float(image.max())
    share = (image.astype(np.float32) - low) / max(1.0, high - low)
    return np.asarray(np.sqrt(share) * 255, np.uint8)


def _whole(greys: NDArray[np.uint8]) -> Image.Image:
    """Boxes are no part of it: the page draws them, so that they can be moved."""
    scale = min(1.0, LONGEST_SIDE / max(greys.shape))
    picture = Image.fromarray(greys)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def _crop(greys: NDArray[np.uint8], box: Box) -> Image.Image:
    x, y, width, height = box
    margin = round(CROP_MARGIN * max(8, min(width, height)))
    part = greys[max(0, y - margin) : y + height + margin, max(0, x - margin) : x + width + margin]
    picture = Image.fromarray(np.ascontiguousarray(part))
    scale = max(1.0, min(4.0, CROP_WIDTH / max(1, picture.width)))
    return picture.resize((round(picture.width * scale), round(picture.height * scale)))


def _save(picture: Image.Image, target: Path) -> None:
    """Without any text chunk."""
    picture.save(target, "PNG")
