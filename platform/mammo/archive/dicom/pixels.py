"""Decodes a file's pixels within limits and reads what its header says of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset
from pydicom.uid import JPEG2000, UID, BreastTomosynthesisImageStorage, JPEG2000Lossless

from mammo.archive.dicom.codestream import check_codestream
from mammo.archive.dicom.limits import LIMITS, Limits
from mammo.archive.dicom.prepared import Lut, PixelHeader, Window
from mammo.archive.dicom.reading import number, numbers, text, texts
from mammo.archive.dicom.refusal import rejected

# Where several decoders give the same values: the one that takes least processor time (JPEG 2000: .8 of GDCM's).
QUICKEST = {JPEG2000Lossless: "pylibjpeg", JPEG2000: "pylibjpeg"}
# Explanations are free text of the vendor; only known words are passed on.
KNOWN_EXPLANATIONS = frozenset({"NORMAL", "HARDER", "SOFTER", "USER", "WINDOW1", "WINDOW2", "DEFAULT"})
# A file has a handful of presets within the range of its values; a longer number is no window.
MAX_WINDOWS, WINDOW_LIMIT = 16, 1_000_000


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
    # A volume is never decoded here: it goes to a person whatever its size.
    counted = 1 if text(dataset, "SOPClassUID") == BreastTomosynthesisImageStorage else frames
    is_compressed = UID(dataset.file_meta.TransferSyntaxUID).is_encapsulated
    allowed = limits.compressed_pixels if is_compressed else limits.pixels
    if min(sizes) < 1 or sizes[0] * sizes[1] * counted > allowed:
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


def stored_values(dataset: FileDataset, limits: Limits = LIMITS) -> NDArray[Any]:
    """Decode the stored values (rows, columns), unused high bits cleared.

    Raises:
        Refusal: no decoder can read the pixels, or they have another shape than the header says.
    """
    check_codestream(dataset, limits)
    try:
        array = _decoded(dataset)
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


def _decoded(dataset: FileDataset) -> NDArray[Any]:
    quickest = QUICKEST.get(dataset.file_meta.TransferSyntaxUID)
    if quickest is None:
        return dataset.pixel_array
    dataset.pixel_array_options(decoding_plugin=quickest)
    try:
        return dataset.pixel_array
    except MemoryError:
        raise
    except Exception:  # what this one can't read, another may
        dataset.pixel_array_options(decoding_plugin="")
        return dataset.pixel_array


def pixel_header(dataset: FileDataset) -> PixelHeader:
    """What a file says of its stored values, for `prepared.prepare`.

    Raises:
        Refusal: a look-up table is damaged.
    """
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    windows = _windows(dataset)
    value, limit = number(dataset, "PixelPaddingValue"), number(dataset, "PixelPaddingRangeLimit")
    limit = value if limit is None else limit
    return PixelHeader(
        is_inverted=text(dataset, "PhotometricInterpretation") == "MONOCHROME1",
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
        modality_lut=_lut(dataset, "ModalityLUTSequence", "the modality LUT is damaged"),
        windows=tuple(windows),
        voi_function=text(dataset, "VOILUTFunction").upper() or "LINEAR",
        voi_lut=None if windows else _lut(dataset, "VOILUTSequence", "the VOI LUT is damaged"),
        padding=None if value is None or limit is None else (min(value, limit), max(value, limit)),
    )


def _lut(dataset: FileDataset, keyword: str, damaged: str) -> Lut | None:
    """The first table of a sequence (PS3.3 C.11.1.1.1: entries, first value mapped, bits per entry)."""
    try:
        if not dataset.get(keyword):
            return None
        item = dataset[keyword].value[0]
        entries, first, _bits = (int(part) for part in item.LUTDescriptor)
        written = item.LUTData
        if isinstance(written, bytes):
            order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
            values = np.frombuffer(written, f"{order}u2").astype(np.uint16)
        else:
            values = np.atleast_1d(np.asarray(written)).astype(np.uint16)
        entries = entries or 1 << 16
        if len(values) < entries:
            raise rejected(damaged)
        return Lut(first, values[:entries])
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, NotImplementedError):
        raise rejected(damaged) from None


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
