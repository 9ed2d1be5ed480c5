"""Decodes a file's pixels within limits and reads what its header says of them."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset
from pydicom.uid import JPEG2000, UID, BreastTomosynthesisImageStorage, JPEG2000Lossless

from mammo.archive.dicom.codestream import check_codestream
from mammo.archive.dicom.digits import rounded
from mammo.archive.dicom.limits import LIMITS, Limits
from mammo.archive.dicom.prepared import Lut, PixelHeader, Window
from mammo.archive.dicom.reading import number, numbers, text, texts
from mammo.archive.dicom.refusal import rejected

# Where several decoders give the same values: the one that takes least processor time (JPEG 2000: .8 of GDCM's).
QUICKEST = {JPEG2000Lossless: "pylibjpeg", JPEG2000: "pylibjpeg"}
# Explanations are free text of the vendor; only known words are passed on.
KNOWN_EXPLANATIONS = frozenset({"NORMAL", "HARDER", "SOFTER", "USER", "WINDOW1", "WINDOW2", "DEFAULT"})
# A file has a handful of presets.
MAX_WINDOWS = 16
# A window may reach beyond the values of its image by this many times their range; a number beyond that is no window.
# A dark image still has the window of its detector, which has 12 bits at least.
BEYOND, LEAST_BITS = 1.0, 12
# Of values rescaled to 0..1 a window may be narrower than 1, but not than a grey of the screen.
LEVELS = 256


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
        # Their numbers are not said: whoever typed an identifier there would read it in every list of imports.
        raise rejected(f"rows, columns and frames are outside what is accepted (1 to {allowed} pixels)")
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
        raise rejected("pixel data is shorter than its rows and columns say; send the file again")


def stored_values(dataset: FileDataset, limits: Limits = LIMITS) -> NDArray[Any]:
    """Decode the stored values (rows, columns), unused high bits cleared (signed: filled with the sign).

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
    array = _without_high_bits(array, int(dataset.BitsStored))
    if int(array.min()) == int(array.max()):
        raise rejected("the image is empty: every pixel has the same value")
    return array


def _without_high_bits(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """Bits above BitsStored once held overlays: never keep them."""
    if bits >= array.dtype.itemsize * 8:
        return array
    if array.dtype.kind == "u":
        kept: NDArray[Any] = array & array.dtype.type((1 << bits) - 1)
        return kept
    unused = array.dtype.type(array.dtype.itemsize * 8 - bits)
    signed: NDArray[Any] = array << unused >> unused  # the shift back fills in the sign
    return signed


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


def pixel_header(dataset: FileDataset, stored: NDArray[Any]) -> PixelHeader:
    """What a file says of its stored values (rows, columns), for `prepared.prepare`.

    Raises:
        Refusal: a look-up table is damaged, or the transform makes no numbers.
    """
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    value, limit = number(dataset, "PixelPaddingValue"), number(dataset, "PixelPaddingRangeLimit")
    limit = value if limit is None else limit
    header = PixelHeader(
        is_inverted=text(dataset, "PhotometricInterpretation") == "MONOCHROME1",
        slope=1.0 if slope is None else rounded(slope),
        intercept=rounded(intercept or 0.0),
        modality_lut=_lut(dataset, "ModalityLUTSequence", "the modality LUT is damaged"),
        voi_function=text(dataset, "VOILUTFunction").upper() or "LINEAR",
        padding=None if value is None or limit is None else (min(value, limit), max(value, limit)),
    )
    windows = _windows(dataset, *_values_shown(header, stored, int(dataset.BitsStored)))
    if not windows:
        return replace(header, voi_lut=_lut(dataset, "VOILUTSequence", "the VOI LUT is damaged"))
    # LINEAR knows no width below 1 (PS3.3 C.11.2.1.2.1); of values rescaled to 0..1 the other formula is meant.
    is_exact = header.voi_function == "LINEAR" and min(window.width for window in windows) < 1
    return replace(header, windows=windows, voi_function="LINEAR_EXACT" if is_exact else header.voi_function)


def _values_shown(header: PixelHeader, stored: NDArray[Any], bits: int) -> tuple[float, float]:
    """Lowest and highest value behind the modality transform, of a detector of LEAST_BITS at least."""
    if header.modality_lut is not None:
        values = header.modality_lut.values
        return float(values.min()), float(values.max())
    least = (1 << min(bits, LEAST_BITS)) - 1
    ends = [
        end * header.slope + header.intercept
        for end in (min(int(stored.min()), 0), max(int(stored.max()), least))
    ]
    return min(ends), max(ends)


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


def _windows(dataset: FileDataset, low: float, high: float) -> tuple[Window, ...]:
    """The presets that have both a centre and a usable width, for an image of values between low and high."""
    span = high - low
    narrowest, widest = min(1.0, span / LEVELS), (1 + 2 * BEYOND) * span
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    names = texts(dataset, "WindowCenterWidthExplanation")
    found: list[Window] = []
    for index, (center, width) in enumerate(zip(centers, widths, strict=False)):
        is_near = low - BEYOND * span <= center <= high + BEYOND * span
        if is_near and width > 0 and narrowest <= width <= widest and len(found) < MAX_WINDOWS:
            name = names[index].upper() if index < len(names) else ""
            label = name if name in KNOWN_EXPLANATIONS else f"WINDOW{index + 1}"
            found.append(Window(rounded(center), rounded(width), label))
    return tuple(found)
