"""From a viewing copy to the grey image that networks see: the one path used when a training set is frozen
and when a question is answered. Numpy, pydicom and Pillow only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.errors import InvalidDicomError

from modeling.data.snapshot import Images

Floats = npt.NDArray[np.float32]
# Without a window in the file, grey values between these percentiles of the breast fill the range.
WINDOW_PERCENTILES = (1.0, 99.5)


class ViewError(ValueError):
    """A viewing copy that cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Window:
    """A display window in the values of the viewing copy (PS3.3 C.11.2.1)."""

    center: float
    width: float
    function: str = "LINEAR"  # LINEAR, LINEAR_EXACT or SIGMOID

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """From a request's {"center", "width", "function"}. Raises ViewError."""
        try:
            return cls(float(row["center"]), float(row["width"]), str(row.get("function") or "LINEAR"))
        except (KeyError, TypeError, ValueError) as error:
            raise ViewError(f"window {dict(row)!r}: needs numbers center and width") from error


@dataclass(frozen=True)
class Crop:
    """The part of a viewing copy that holds the breast, in its pixels, as the archive found it at import."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """From the archive's stored fit ("top", "left", "height", "width"; more is ignored). Raises ViewError."""
        try:
            crop = cls(*(int(row[name]) for name in ("top", "left", "height", "width")))
        except (KeyError, TypeError, ValueError) as error:
            raise ViewError(f"fit {dict(row)!r}: needs whole numbers top, left, height and width") from error
        if min(crop.top, crop.left) < 0 or min(crop.height, crop.width) < 1:
            raise ViewError(f"fit {dict(row)!r}: is no part of an image")
        return crop

    def within(self, border: int, shape: tuple[int, ...]) -> Crop:
        """What is left of it where so many pixels are cut off each edge of the image. Raises ViewError for nothing."""
        top, left = max(self.top, border), max(self.left, border)
        bottom = min(self.top + self.height, shape[0] - border)
        right = min(self.left + self.width, shape[1] - border)
        if bottom <= top or right <= left:
            raise ViewError(f"fit {self}: nothing is left of it without a border of {border} pixels")
        return Crop(top, left, bottom - top, right - left)

    def of(self, grey: Floats) -> Floats:
        """The part of (H, W). Raises ViewError where the image does not hold it."""
        if self.top + self.height > grey.shape[0] or self.left + self.width > grey.shape[1]:
            raise ViewError(f"fit {self}: outside an image of {grey.shape[0]} x {grey.shape[1]} pixels")
        return np.ascontiguousarray(
            grey[self.top : self.top + self.height, self.left : self.left + self.width]
        )


def load_view(
    path: Path | str,
    *,
    height: int,
    width: int,
    laterality: str,
    window: Window | None = None,
    crop: Crop | None = None,
    border: int = 0,
    keep_aspect: bool = True,
) -> Images:
    """A viewing copy (DICOM, any transfer syntax that pydicom decodes) -> (height, width) uint8, as hung.

    Windowed by the given window, else the file's own, else by percentiles of the breast; background black;
    cut to the breast where `crop` says where it is, aspect kept; what is left of the frame is padded with
    background on the side away from the chest wall and below. Right breasts stay on their side: `default`
    mirrors them when it trains (`augmentation.orient`), `faithful` does not. `border` pixels of each edge of the copy
    and its aspect are given up only for networks of others that were trained so (Mammo-CLIP). Raises ViewError.
    """
    pixels = windowed(read_dicom(Path(path)), window)
    if border:
        crop = (crop or Crop(0, 0, *pixels.shape)).within(border, pixels.shape)
    part = pixels if crop is None else crop.of(pixels)
    return fit(part, height=height, width=width, laterality=laterality, keep_aspect=keep_aspect)


def refitted(stored: Mapping[str, Any], *, height: int, width: int) -> dict[str, Any]:
    """The archive's stored fit for frames of another size, by which boxes map to the (height, width) array."""
    crop = Crop.from_dict(stored)
    scale = min(height / crop.height, width / crop.width)
    return {**stored, "scale": scale, "size": [height, width]}


def read_dicom(path: Path) -> pydicom.Dataset:
    """The file's data set with its pixels. Raises ViewError."""
    try:
        dataset = pydicom.dcmread(path)
    except FileNotFoundError as error:
        raise ViewError(f"{path}: no such file") from error
    except (InvalidDicomError, OSError, EOFError, ValueError) as error:
        raise ViewError(f"{path}: not a readable DICOM file ({error})") from error
    if "PixelData" not in dataset:
        raise ViewError(f"{path}: holds no image")
    return dataset


def windowed(dataset: pydicom.Dataset, window: Window | None = None) -> Floats:
    """Grey values in 0..1 (H, W) after modality rescale and window (PS3.3 C.11.2.1), dark background."""
    name = getattr(dataset, "filename", "") or "dataset"
    try:
        raw = dataset.pixel_array
    except Exception as error:  # each decoder raises errors of its own
        raise ViewError(f"{name}: its pixels cannot be decoded ({error})") from error
    if raw.ndim != 2:
        raise ViewError(f"{name}: {raw.ndim}-dimensional pixels, expected one grey image")
    values = raw.astype(np.float32)
    values = values * float(dataset.get("RescaleSlope", 1) or 1) + float(
        dataset.get("RescaleIntercept", 0) or 0
    )
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    window = window or _own_window(dataset)
    if window is None:
        grey = _by_percentiles(values, background=float(values.max() if inverted else values.min()))
    else:
        grey = _apply_window(values, window)
    return 1 - grey if inverted else grey


def fit(grey: Floats, *, height: int, width: int, laterality: str, keep_aspect: bool = True) -> Images:
    """(h, w) in 0..1 -> (height, width) uint8, averaged by area and padded; without its aspect it fills the frame.

    The chest wall is at the left edge of a left breast and at the right edge of a right one.
    """
    scale = min(height / grey.shape[0], width / grey.shape[1])
    rows = min(max(round(grey.shape[0] * scale), 1), height)
    columns = min(max(round(grey.shape[1] * scale), 1), width)
    if not keep_aspect:
        rows, columns = height, width
    method = Image.Resampling.BOX if scale <= 1 else Image.Resampling.BILINEAR
    small = np.asarray(Image.fromarray(grey).resize((columns, rows), method))
    frame = np.zeros((height, width), np.uint8)
    left = width - columns if laterality == "R" else 0
    frame[:rows, left : left + columns] = np.clip(np.round(small * 255), 0, 255).astype(np.uint8)
    return frame


def _own_window(dataset: pydicom.Dataset) -> Window | None:
    """The data set's first window, if it has one."""
    center, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if center is None or width is None or width <= 0:
        return None
    return Window(center, width, str(dataset.get("VOILUTFunction", "LINEAR") or "LINEAR").upper())


def _apply_window(values: Floats, window: Window) -> Floats:
    """Values in 0..1."""
    if window.function == "SIGMOID":
        grey = 1 / (1 + np.exp(-4 * (values - window.center) / window.width))
    elif window.function == "LINEAR_EXACT":
        grey = (values - window.center) / window.width + 0.5
    else:
        grey = (values - (window.center - 0.5)) / max(window.width - 1, 1e-6) + 0.5
    return np.asarray(np.clip(grey, 0, 1), dtype=np.float32)


def _by_percentiles(values: Floats, *, background: float) -> Floats:
    breast = values[values != background]
    if breast.size == 0:  # an empty image stays background
        return np.full_like(values, float(background > 0))
    low, high = np.percentile(breast, WINDOW_PERCENTILES)
    grey = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1)
    return np.asarray(grey, dtype=np.float32)


def _first(value: Any) -> float | None:
    """The first of a multi-valued decimal string, or None."""
    if value is None or value == "":
        return None
    if isinstance(value, (str, int, float)):
        return float(value)
    return float(value[0]) if len(value) else None
