"""Decodes a file's pixels and normalises them for everyone: one kind of image, whatever the vendor stored.

Normalised: MONOCHROME2, unsigned 16 bits, modality LUT applied, VOI LUT applied only where there is no window,
padding set to the minimum. Windows are moved along so that the displayed greys stay the same (PS3.3 C.11.2).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from mammo.archive.dicom.limits import LIMITS, Limits
from mammo.archive.dicom.reading import number, numbers, text, texts
from mammo.archive.dicom.refusal import rejected

VOI_FUNCTIONS = frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})
# Explanations are free text of the vendor; only known words are passed on.
KNOWN_EXPLANATIONS = frozenset({"NORMAL", "HARDER", "SOFTER", "USER", "WINDOW1", "WINDOW2", "DEFAULT"})
MAX_VALUE = 65535
# A file has a handful of presets within the range of its values; a longer number is no window.
MAX_WINDOWS, WINDOW_LIMIT = 16, 1_000_000


@dataclass(frozen=True)
class Window:
    """One preset in the values of the normalised image."""

    center: float
    width: float
    label: str


@dataclass
class Normalised:
    """A normalised image (rows, columns; uint16) and how to show it."""

    image: NDArray[np.uint16]
    windows: list[Window]
    voi_function: str = "LINEAR"
    voi_baked: bool = False
    flags: list[str] = field(default_factory=list)

    @property
    def bits_stored(self) -> int:
        """Bits that the largest value needs, 8 at least."""
        return max(8, int(self.image.max()).bit_length())


def check_header(dataset: FileDataset, limits: Limits = LIMITS) -> None:
    """Refuse what can't be decoded within limits, before a byte is decoded."""
    if "PixelData" not in dataset:
        raise rejected(
            "holds no image" if "Rows" not in dataset else "pixel data is missing: the file is cut short"
        )
    needed = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Rows", "Columns", "BitsAllocated", "BitsStored",
              "PhotometricInterpretation")  # fmt: skip
    missing = [keyword for keyword in needed if not text(dataset, keyword)]
    if missing:
        raise rejected(f"needed attributes are missing: {', '.join(missing)}")
    sizes = [number(dataset, keyword) or 0 for keyword in ("Rows", "Columns")]
    frames = number(dataset, "NumberOfFrames") or 1
    if min(sizes) < 1 or sizes[0] * sizes[1] * frames > limits.pixels:
        raise rejected(f"{sizes[0]:.0f} x {sizes[1]:.0f} x {frames:.0f} pixels are outside what is accepted")
    if (number(dataset, "SamplesPerPixel") or 1) != 1:
        raise rejected("a colour image: mammograms have one sample per pixel")
    if number(dataset, "BitsAllocated") not in (8, 16) or not 1 <= (number(dataset, "BitsStored") or 0) <= 16:
        raise rejected("bits per pixel are outside what is accepted (8 or 16 allocated)")
    _check_length(dataset, int(sizes[0] * sizes[1] * frames))


def _check_length(dataset: FileDataset, pixels: int) -> None:
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed and not syntax.is_deflated:
        return
    expected = pixels * int(dataset.BitsAllocated) // 8
    if len(dataset.PixelData) < expected:
        raise rejected(
            f"pixel data is short: {len(dataset.PixelData)} of {expected} bytes; send the file again"
        )


def stored_values(dataset: FileDataset) -> NDArray[Any]:
    """Decode the stored values (rows, columns), unused high bits cleared.

    Raises:
        Refusal: no decoder can read the pixels, or they have another shape than the header says.
    """
    try:
        array = dataset.pixel_array
    except MemoryError:
        raise
    except Exception:  # decoders raise whatever they like on damaged input
        name = dataset.file_meta.TransferSyntaxUID.name
        raise rejected(f"the pixels cannot be decoded (transfer syntax {name})") from None
    if array.shape != (dataset.Rows, dataset.Columns):
        raise rejected("the decoded pixels have another shape than the header says")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind == "u":  # bits above BitsStored once held overlays: never keep them
        array = array & array.dtype.type((1 << int(dataset.BitsStored)) - 1)
    if int(array.min()) == int(array.max()):
        raise rejected("the image is empty: every pixel has the same value")
    return array


def normalise(dataset: FileDataset, stored: NDArray[Any]) -> Normalised:
    """Normalise decoded pixels; see the module's first lines."""
    padding = _padding_mask(dataset, stored)
    values = _modality_values(dataset, stored)
    windows = _windows(dataset)
    function = text(dataset, "VOILUTFunction").upper() or "LINEAR"
    flags = [] if function in VOI_FUNCTIONS else ["unknown_voi_function"]
    baked = not windows and bool(dataset.get("VOILUTSequence"))
    if baked:
        values = apply_voi(np.round(values).astype(np.int32), dataset)
    if function not in VOI_FUNCTIONS or baked:
        function = "LINEAR"
    if text(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        values, windows = _inverted(values, windows, function)
    image, windows = _unsigned(values, windows, padding)
    if not windows:
        windows = [_default_window(image, baked)]
        flags += [] if baked else ["window_estimated"]
    return Normalised(image, windows, function, baked, flags)


def _padding_mask(dataset: FileDataset, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    value = number(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted((value, value if limit is None else limit))
    mask: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return mask if mask.any() and not mask.all() else None


def _modality_values(dataset: FileDataset, stored: NDArray[Any]) -> NDArray[Any]:
    slope = number(dataset, "RescaleSlope")
    is_identity = slope in (None, 1.0) and not (number(dataset, "RescaleIntercept") or 0)
    if is_identity and "ModalityLUTSequence" not in dataset:
        return stored
    try:
        values: NDArray[Any] = apply_modality_lut(stored, dataset)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise rejected("the modality LUT is damaged") from None
    if not np.isfinite(values).all():
        raise rejected("the rescale slope or intercept is no number")
    return values


def _windows(dataset: FileDataset) -> list[Window]:
    """The presets that have both a centre and a usable width."""
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    names = texts(dataset, "WindowCenterWidthExplanation")
    found: list[Window] = []
    for index, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if is_window(center, width) and len(found) < MAX_WINDOWS:
            name = names[index].upper() if index < len(names) else ""
            found.append(Window(center, width, name if name in KNOWN_EXPLANATIONS else f"WINDOW{index + 1}"))
    return found


def is_window(center: float, width: float) -> bool:
    """Can this be a window of 16-bit values, rescaled or not?"""
    return abs(center) <= WINDOW_LIMIT and 1 <= width <= WINDOW_LIMIT


def _inverted(
    values: NDArray[Any], windows: list[Window], function: str
) -> tuple[NDArray[Any], list[Window]]:
    """Turn MONOCHROME1 around: x -> top - x. LINEAR is not symmetric about its centre but about centre - 0.5."""
    top = values.max()
    shift = 1 if function == "LINEAR" else 0
    moved = [Window(float(top) - w.center + shift, w.width, w.label) for w in windows]
    return (top.astype(np.int32) if values.dtype.kind in "ui" else top) - values, moved


def _unsigned(
    values: NDArray[Any], windows: list[Window], padding: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint16], list[Window]]:
    """Move the values into 0..65535 by one affine map, the windows with them; padding becomes the minimum."""
    kept = values[~padding] if padding is not None else values
    low, high = float(kept.min()), float(kept.max())
    offset = low if low < 0 or high > MAX_VALUE else 0.0
    whole = values.dtype.kind in "ui" or bool(np.array_equal(kept, np.round(kept)))
    scale = 1.0
    if high - offset > MAX_VALUE or not whole:
        offset = low
        scale = MAX_VALUE / (high - low) if high > low else 1.0
    if offset == 0.0 and scale == 1.0:
        moved = np.clip(values, 0, MAX_VALUE)
    else:
        moved = np.clip(np.round((values - offset) * scale), 0, MAX_VALUE)
        windows = [Window((w.center - offset) * scale, w.width * scale, w.label) for w in windows]
    image = moved.astype(np.uint16)
    if padding is not None:
        image[padding] = image[~padding].min()
    return image, windows


def _default_window(image: NDArray[np.uint16], baked: bool) -> Window:
    """Window of an image without one: the whole range after a LUT, else the breast's own range."""
    top = float(image.max())
    if baked:
        return Window(top / 2 + 0.5, top + 1, "DEFAULT")
    low, high = np.percentile(image[image > image.min()], [1, 99.8])
    width = max(float(high) - float(low), 1.0)
    return Window(float(low) + width / 2, width, "DEFAULT")
