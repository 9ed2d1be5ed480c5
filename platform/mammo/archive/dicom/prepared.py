"""From stored pixels and a small header to all that is shown and learnt from: `prepare`. No DICOM here.

The viewing copy's image, the training array and the thumbnail come from one normalised image: MONOCHROME2, unsigned 16
bits, modality LUT applied, VOI LUT applied only where there is no window, padding set to the minimum. Windows are moved
along so that the displayed greys stay the same (PS3.3 C.11.2).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mammo.archive.dicom.digits import rounded
from mammo.archive.dicom.refusal import rejected
from mammo.archive.dicom.training_fit import STRIP, Greys, TrainingFit, thumbnail, training_fit, windowed

VOI_FUNCTIONS = frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})
MAX_VALUE = 65535


@dataclass(frozen=True)
class Window:
    """One preset in the values of the image it belongs to."""

    center: float
    width: float
    label: str


@dataclass(frozen=True)
class Lut:
    """A look-up table (PS3.3 C.11.1.1): the value of `values[i]` stands for `first + i`, its ends for all beyond."""

    first: int
    values: NDArray[np.uint16]

    def apply(self, stored: NDArray[Any]) -> NDArray[np.uint16]:
        """The table's values for integers of any shape."""
        index = np.clip(stored.astype(np.int32) - self.first, 0, len(self.values) - 1)
        return self.values[index]


@dataclass(frozen=True)
class PixelHeader:
    """What stored pixels mean; the defaults are those of a file that says nothing.

    Attributes:
        laterality: L or R.
        is_mirrored: rows run the other way than the breast lies; the image is flipped back.
        is_inverted: MONOCHROME1, low values are bright.
        slope, intercept: of the modality transform; a `modality_lut` goes before them.
        windows: presets in values behind the modality transform; with none, `voi_lut` is baked into the image.
        voi_function: as the file names it; an unknown one counts as LINEAR and is flagged.
        padding: (low, high) of stored values that are no image.
    """

    laterality: str = "L"
    is_mirrored: bool = False
    is_inverted: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: Lut | None = None
    windows: tuple[Window, ...] = ()
    voi_function: str = "LINEAR"
    voi_lut: Lut | None = None
    padding: tuple[float, float] | None = None

    @property
    def may_hide(self) -> bool:
        """Whether the normalised image may lack what the stored values show."""
        return self.padding is not None or self.modality_lut is not None or self.voi_lut is not None


@dataclass
class Prepared:
    """One image as everybody meets it.

    Attributes:
        image: (rows, columns; uint16), bright breast on black; the viewing copy holds it without loss.
        windows: presets in the image's values, the first is the default.
        flags: what a person should know of it.
    """

    image: NDArray[np.uint16]
    windows: list[Window]
    voi_function: str = "LINEAR"
    voi_baked: bool = False
    flags: list[str] = field(default_factory=list)
    laterality: str = "L"

    @property
    def bits_stored(self) -> int:
        """Bits that the largest value needs, 8 at least."""
        return max(8, int(self.image.max()).bit_length())

    @cached_property
    def fit(self) -> TrainingFit:
        """How the image becomes the training array."""
        return training_fit(self.image, laterality=self.laterality)

    def greys(self) -> Greys:
        """The image through its first window, 0..1 (rows, columns)."""
        first = self.windows[0]
        return windowed(self.image, center=first.center, width=first.width, function=self.voi_function)

    def training_array(self, *, faithful: bool = False) -> Greys:
        """What networks see (1008, 800); `faithful` leaves a right breast on its own side."""
        return self.fit.apply(self.greys(), faithful=faithful)

    def thumbnail(self) -> Image.Image:
        """A small picture through the first window."""
        return thumbnail(self.greys())


Place = Callable[[Prepared], tuple[str, bool]]


def prepare(stored: NDArray[Any], header: PixelHeader, *, place: Place | None = None) -> Prepared:
    """Make the one image of stored pixels, from which viewing copy, training array and thumbnail are made.

    Args:
        stored: decoded values (rows, columns; any integers), as the file holds them.
        place: says (laterality, is it mirrored) once the normalised image can be looked at, or refuses it; the
            header's own statements count where it is not given.

    Raises:
        Refusal: the modality transform or a table makes no numbers, or one value of all.
    """
    made = normalise(stored, header)
    made.laterality, is_mirrored = place(made) if place else (header.laterality, header.is_mirrored)
    if is_mirrored:
        made.image = np.ascontiguousarray(made.image[:, ::-1])
    return made


def normalise(stored: NDArray[Any], header: PixelHeader) -> Prepared:
    """Normalise decoded pixels as they lie; see the module's first lines."""
    way = _normalised_by_table if _is_by_table(stored, header) else _normalised
    made = way(stored, header)
    if int(made.image.min()) == int(made.image.max()):
        raise rejected("the image is empty: every pixel has the same value")
    if not made.windows:
        made.windows = [_default_window(made.image, made.voi_baked)]
        made.flags += [] if made.voi_baked else ["window_estimated"]
    made.windows = [Window(rounded(w.center), rounded(w.width), w.label) for w in made.windows]
    return made


def in_order(stored: NDArray[Any], *, is_inverted: bool) -> NDArray[np.uint16]:
    """Stored values of 16 bits at most (rows, columns) from dark to bright from 0 on: nothing is painted over."""
    values = stored.astype(np.int32)
    ordered: NDArray[np.int32] = values.max() - values if is_inverted else values - values.min()
    return ordered.astype(np.uint16)


def _is_by_table(stored: NDArray[Any], header: PixelHeader) -> bool:
    """Is it cheaper to transform each value once than each pixel? Not where the transform does next to nothing."""
    is_plain = header.slope == 1.0 and not header.intercept and not header.is_inverted
    is_plain &= header.modality_lut is None and header.voi_lut is None
    return stored.dtype.kind in "ui" and stored.dtype.itemsize <= 2 and not is_plain


def _normalised_by_table(stored: NDArray[Any], header: PixelHeader) -> Prepared:
    """Normalise the values that occur, and look each pixel up: no array of floats, 8 bytes a pixel, is made."""
    lowest = int(stored.min())
    occurs = np.zeros(int(stored.max()) - lowest + 1, bool)
    parts = [slice(top, top + STRIP) for top in range(0, len(stored), STRIP)]
    for part in parts:
        occurs[stored[part].astype(np.int32) - lowest] = True
    places = np.flatnonzero(occurs)
    made = _normalised((places + lowest).astype(stored.dtype), header)
    table = np.zeros(len(occurs), np.uint16)
    table[places] = made.image
    made.image = np.empty(stored.shape, np.uint16)
    for part in parts:
        np.take(table, stored[part].astype(np.int32) - lowest, out=made.image[part])
    return made


def _normalised(stored: NDArray[Any], header: PixelHeader) -> Prepared:
    """As `normalise`, of integers of any shape; without a window where the file has none."""
    padding = _padding_mask(stored, header)
    values = _modality_values(stored, header)
    windows = list(header.windows)
    known = header.voi_function in VOI_FUNCTIONS
    flags = [] if known else ["unknown_voi_function"]
    baked = not windows and header.voi_lut is not None
    if baked and header.voi_lut is not None:
        values = header.voi_lut.apply(np.round(values))
    function = header.voi_function if known and not baked else "LINEAR"
    if header.is_inverted:
        values, windows = _inverted(values, windows, function)
    image, windows = _unsigned(values, windows, padding)
    return Prepared(image, windows, function, baked, flags)


def _padding_mask(stored: NDArray[Any], header: PixelHeader) -> NDArray[np.bool_] | None:
    if header.padding is None:
        return None
    low, high = header.padding
    mask: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return mask if mask.any() and not mask.all() else None


def _modality_values(stored: NDArray[Any], header: PixelHeader) -> NDArray[Any]:
    if header.modality_lut is not None:
        return header.modality_lut.apply(stored)
    if header.slope == 1.0 and not header.intercept:
        return stored
    values = stored.astype(np.float64)
    values *= header.slope
    values += header.intercept
    if not np.isfinite(values).all():
        raise rejected("the rescale slope or intercept is no number")
    return values


def _inverted(
    values: NDArray[Any], windows: list[Window], function: str
) -> tuple[NDArray[Any], list[Window]]:
    """Turn MONOCHROME1 around: x -> top - x. LINEAR is not symmetric about its centre but about centre - 0.5."""
    top = values.max()
    shift = 1 if function == "LINEAR" else 0
    moved = [Window(float(top) - w.center + shift, w.width, w.label) for w in windows]
    if values.dtype.kind in "ui":
        return top.astype(np.int32) - values, moved
    return np.subtract(top, values, out=values), moved  # a second array of floats would cost 8 bytes a pixel


def _unsigned(
    values: NDArray[Any], windows: list[Window], padding: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint16], list[Window]]:
    """Move the values into 0..65535 by one affine map, the windows with them; padding becomes the minimum."""
    kept = values[~padding] if padding is not None else values
    low, high = float(kept.min()), float(kept.max())
    offset = low if low < 0 or high > MAX_VALUE else 0.0
    whole = values.dtype.kind in "ui" or _are_whole(kept)
    scale = 1.0
    if high - offset > MAX_VALUE or not whole:
        offset = low
        scale = MAX_VALUE / (high - low) if high > low else 1.0
    if offset == 0.0 and scale == 1.0:
        image = np.clip(values, 0, MAX_VALUE).astype(np.uint16)
    else:
        image = np.empty(values.shape, np.uint16)
        for top in range(0, len(values), STRIP):
            part = np.round((values[top : top + STRIP] - offset) * scale)
            image[top : top + STRIP] = np.clip(part, 0, MAX_VALUE)
        windows = [Window((w.center - offset) * scale, w.width * scale, w.label) for w in windows]
    if padding is not None:
        image[padding] = image[~padding].min()
    return image, windows


def _are_whole(values: NDArray[Any]) -> bool:
    step = STRIP if values.ndim == 2 else STRIP * 4096
    parts = (values[start : start + step] for start in range(0, len(values), step))
    return all(np.array_equal(part, np.round(part)) for part in parts)


def _default_window(image: NDArray[np.uint16], baked: bool) -> Window:
    """Window of an image without one: the whole range after a LUT, else the breast's own range."""
    if baked:
        return whole_range(image)
    low, high = np.percentile(image[image > image.min()], [1, 99.8])
    width = max(float(high) - float(low), 1.0)
    return Window(float(low) + width / 2, width, "DEFAULT")


def whole_range(image: NDArray[np.uint16]) -> Window:
    """The window that shows black to the brightest value."""
    top = float(image.max())
    return Window(top / 2 + 0.5, top + 1, "DEFAULT")
