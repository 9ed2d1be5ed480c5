"""Viewing copies as an answering system takes them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from modeling.data.augmentation import orient
from modeling.data.preprocessing import Crop, ViewError, load_view, read_dicom, windowed
from modeling.data.snapshot import Images
from modeling.inference.systems import VIEWS, ImageFile, SystemUnavailableError


def study_array(images: Sequence[ImageFile], *, size: tuple[int, int], flip_right: bool) -> Images:
    """The images (V, H, W) uint8 as in training. Raises SystemUnavailableError naming an unreadable file."""
    try:
        views = [
            load_view(
                image.path,
                height=size[0],
                width=size[1],
                laterality=image.laterality,
                crop=Crop.from_dict(image.fit) if image.fit else None,
            )
            for image in images
        ]
    except ViewError as error:
        raise SystemUnavailableError(str(error)) from error
    return orient(np.stack(views), [image.laterality for image in images], flip_right=flip_right)


def png_data_url(image: ImageFile) -> str:
    """The image at full size as a data URL; only pixels leave, no header of the file."""
    stream = io.BytesIO()
    _grey(image).save(stream, format="PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def grey_picture(image: ImageFile) -> Image.Image:
    """The image at full size as a picture of three equal channels."""
    return _grey(image).convert("RGB")


def montage(images: Sequence[ImageFile], height: int = 672) -> Image.Image:
    """All views of a study in one picture as they are hung: R before L, CC above MLO, chest walls together.

    Args:
        images: in any order; each scaled to `height` pixels, its aspect kept.
        height: of one view, in pixels.
    """
    hung = [
        sorted((i for i in images if i.view == view), key=lambda i: i.laterality != "R") for view in VIEWS
    ]
    rows = [[_scaled(_grey(image), height) for image in row] for row in hung if row]
    width = max(sum(part.width for part in row) for row in rows)
    sheet = Image.new("L", (width, height * len(rows)))
    for number, row in enumerate(rows):
        left = (width - sum(part.width for part in row)) // 2
        for part in row:
            sheet.paste(part, (left, number * height))
            left += part.width
    return sheet.convert("RGB")


def _grey(image: ImageFile) -> Image.Image:
    try:
        grey = windowed(read_dicom(image.path))
    except ViewError as error:
        raise SystemUnavailableError(str(error)) from error
    return Image.fromarray(np.round(grey * 255).astype(np.uint8))


def _scaled(picture: Image.Image, height: int) -> Image.Image:
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.BILINEAR)
