"""Viewing copies as an answering system takes them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from modeling.data.augmentation import orient
from modeling.data.preprocessing import ViewError, load_view, read_dicom, windowed
from modeling.data.snapshot import Images
from modeling.inference.systems import ImageFile, SystemUnavailableError


def study_array(images: Sequence[ImageFile], *, size: tuple[int, int], flip_right: bool) -> Images:
    """The images (V, H, W) uint8 as in training. Raises SystemUnavailableError naming an unreadable file."""
    try:
        views = [load_view(i.path, height=size[0], width=size[1], laterality=i.laterality) for i in images]
    except ViewError as error:
        raise SystemUnavailableError(str(error)) from error
    return orient(np.stack(views), [image.laterality for image in images], flip_right=flip_right)


def png_data_url(image: ImageFile) -> str:
    """The image at full size as a data URL; only pixels leave, no header of the file."""
    try:
        grey = windowed(read_dicom(image.path))
    except ViewError as error:
        raise SystemUnavailableError(str(error)) from error
    stream = io.BytesIO()
    Image.fromarray(np.round(grey * 255).astype(np.uint8)).save(stream, format="PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
