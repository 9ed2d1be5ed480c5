"""Reads one DICOM file within limits; refuses what is cut, too deep, too large or no DICOM file."""

import contextlib
import re
import zlib
from errno import ENOMEM
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path

import pydicom
from pydicom import Dataset, FileDataset
from pydicom.dataelem import RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.filereader import dcmread, read_dataset, read_file_meta_info
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from mammo.archive.dicom.elements import Counted, count_data_set, count_elements
from mammo.archive.dicom.limits import LIMITS, Limits
from mammo.archive.dicom.refusal import rejected

# Real files break value rules everywhere (ages, windows); every value used is checked on its own.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

PREAMBLE_BYTES = 128
_META_LENGTH_ELEMENT_BYTES = 12  # (0002,0000) UL itself: tag, VR, length, value
_PIECE = 1 << 20
_ITEM, _ITEM_BIG_ENDIAN = b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00"
# GB 2312 bytes read as Latin-1: a lead byte is never alone.
_GB_AS_LATIN = re.compile(r"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])*")
_ESCAPES = re.compile(r"\x1b[\x20-\x2f]*[\x30-\x7e]")


def is_dicom(path: Path) -> bool:
    """Whether the file carries the DICM mark of PS3.10."""
    with path.open("rb") as handle:
        return handle.read(PREAMBLE_BYTES + 4)[PREAMBLE_BYTES:] == b"DICM"


def read_dicom(path: Path, limits: Limits = LIMITS) -> FileDataset:
    """Read a file whole.

    Raises:
        Refusal: cut, nested too deep, of too many items or elements, inflating beyond the limit, or not readable at all.
    """
    try:
        with path.open("rb") as handle, mmap(handle.fileno(), 0, access=ACCESS_READ) as data:
            # First what is quickest to find: the walk over elements goes through each item.
            if len(data) > limits.items * len(_ITEM):
                _check_items(data, limits)
            _check_elements(count_elements(data, limits.elements), limits)
        meta = read_file_meta_info(path)
        syntax = meta.get("TransferSyntaxUID")
        if not syntax:
            raise rejected("the file meta information names no transfer syntax; send the file again")
        is_deflated = syntax == DeflatedExplicitVRLittleEndian
        dataset = _read_deflated(path, meta, limits) if is_deflated else dcmread(path)
        _check_depth(dataset, limits.depth)
    except RecursionError:
        raise rejected(f"sequences are nested deeper than {limits.depth}") from None
    except (
        InvalidDicomError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        NotImplementedError,
        AttributeError,
        TypeError,
    ) as error:
        if isinstance(error, OSError) and error.errno == ENOMEM:
            raise MemoryError from error
        raise rejected("the DICOM file is damaged or cut short; send it again") from None
    return dataset


def _read_deflated(path: Path, meta: Dataset, limits: Limits) -> FileDataset:
    """Inflate under a cap (PS3.5 A.5), which pydicom itself does not have."""
    length = meta.get("FileMetaInformationGroupLength")
    if not length:
        raise rejected("the file meta information has no length; send the file again")
    body = path.read_bytes()[PREAMBLE_BYTES + 4 + _META_LENGTH_ELEMENT_BYTES + int(length) :]
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = stream.decompress(body, limits.inflated_bytes)
    except zlib.error:
        raise rejected("the deflated data set is damaged; send the file again") from None
    if not stream.eof:
        if stream.unconsumed_tail:
            raise rejected(f"the deflated data set is larger than {limits.inflated_bytes // 1024**2} MB")
        raise rejected("the deflated data set is cut short; send the file again")
    _check_items(inflated, limits)
    _check_elements(count_data_set(inflated, limits.elements), limits)
    elements = read_dataset(BytesIO(inflated), is_implicit_VR=False, is_little_endian=True)
    file_meta = pydicom.dataset.FileMetaDataset(meta)
    file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return FileDataset("", elements, file_meta=file_meta, is_implicit_VR=False, is_little_endian=True)


def _check_items(data: bytes | mmap, limits: Limits) -> None:
    """Refuse a data set of more items than any real file has, before each becomes an object."""
    found = 0
    for at in range(0, len(data), _PIECE):
        part = data[at : at + _PIECE + len(_ITEM) - 1]  # an item that begins in this piece ends within it
        found += part.count(_ITEM) + part.count(_ITEM_BIG_ENDIAN)
        if found > limits.items:
            raise rejected(f"more than {limits.items} items of sequences")


def _check_elements(found: Counted, limits: Limits) -> None:
    """Refuse too many, and data that does not end with its last element: pydicom takes half of a value."""
    if found.elements > limits.elements:
        raise rejected(f"more than {limits.elements} elements of a data set")
    if not found.is_whole:
        raise rejected("the DICOM file is damaged or cut short; send it again")


def _check_depth(dataset: Dataset, allowed: int) -> None:
    waiting: list[tuple[Dataset, int]] = [(dataset, 0)]
    while waiting:
        current, depth = waiting.pop()
        if depth > allowed:
            raise rejected(f"sequences are nested deeper than {allowed}")
        for tag in list(current.keys()):
            held = current.get_item(tag)
            if held is not None and (held.VR == "SQ" or isinstance(held.value, Sequence)):
                waiting.extend((item, depth + 1) for item in current[tag].value or [])


def text(dataset: Dataset, keyword: str) -> str:
    """Value of a text element as one stripped string, '' when absent or unreadable."""
    try:
        value = dataset.get(keyword)
    except Exception:  # any value of any file may break any converter
        return ""
    if value is None:
        return ""
    if isinstance(value, list | tuple | pydicom.multival.MultiValue):
        value = "\\".join(str(part) for part in value)
    return _in_true_characters(_ESCAPES.sub("", str(value)).replace("\0", "").strip())


def _in_true_characters(written: str) -> str:
    """Chinese of a file that declares no character set, or a wrong one: its bytes were read as Latin-1."""
    if written.isascii():
        return written
    try:
        raw = written.encode("latin-1")
    except UnicodeEncodeError:
        return written
    with contextlib.suppress(UnicodeDecodeError):
        return raw.decode("utf-8")
    if _GB_AS_LATIN.fullmatch(written):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode("gb18030")
    return written


def texts(dataset: Dataset, keyword: str) -> list[str]:
    """The values of a multi-valued text element."""
    whole = text(dataset, keyword)
    return [part.strip() for part in whole.split("\\")] if whole else []


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """The numbers of an element, also where they were written as `[1, 2]`; what is no number is left out."""
    try:
        held = dataset.get_item(keyword)
    except Exception:
        return []
    if held is None or held.value is None:
        return []
    value = held.value
    if isinstance(held, RawDataElement) and held.VR in {"DS", "IS", None, "UN"} and isinstance(value, bytes):
        written = value.decode("ascii", "ignore")
    else:
        written = text(dataset, keyword)
    found = []
    for part in re.split(r"[\\,;\s]+", written.strip("\0 []()")):
        try:
            number = float(part.strip("[]()'\" \0"))
        except ValueError:
            continue
        if number == number and abs(number) < 1e12:
            found.append(number)
    return found


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first number of an element, or None."""
    found = numbers(dataset, keyword)
    return found[0] if found else None
