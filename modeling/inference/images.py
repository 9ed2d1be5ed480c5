"""Viewing copies as an answering system takes them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from modeling.data.augmentation import orient
from modeling.data.pictures import hang
from modeling.data.preprocessing import Crop, ViewError, load_view, read_dicom, windowed
from modeling.data.snapshot import Images
from modeling.inference.systems import ImageFile, SystemUnavailableError


def study_array(
    images: Sequence[ImageFile],
    *,
    size: tuple[int, int],
    flip_right: bool,
    border: int = 0,
    keep_aspect: bool = True,
) -> Images:
    """The images (V, H, W) uint8 as in training (`load_view` has border and keep_aspect).

    Raises SystemUnavailableError naming an unreadable file.
    """
    try:
        views = [
            load_view(
                image.path,
                height=size[0],
                width=size[1],
                laterality=image.laterality,
                crop=Crop.from_dict(image.fit) if image.fit else None,
                border=border,
                keep_aspect=keep_aspect,
            )
            if image.frame is None
            else _of_size(image.frame, size)
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
    return hang([(image.laterality, image.view, _grey(image)) for image in images], height)


def _of_size(frame: Images, size: tuple[int, int]) -> Images:
    if frame.shape != size:
        raise ViewError(f"a frame of {frame.shape} pixels, but this system was trained on {size}")
    return frame


def _grey(image: ImageFile) -> Image.Image:
    if image.frame is not None:
        return Image.fromarray(image.frame)
    try:
        grey = windowed(read_dicom(image.path))
    except ViewError as error:
        raise SystemUnavailableError(str(error)) from error
    return Image.fromarray(np.round(grey * 255).astype(np.uint8))
