"""Counts the elements of a DICOM file before any becomes an object, and sees whether it ends where they end.

256 kB of a deflated data set can hold 33 million empty elements: a reader spends 10 s and 0.8 GB on them, this count
stops at the limit. It walks the headers (PS3.5 chapter 7) through sequences and items and skips all values.

A reader takes what is there of the last value, so the walk alone sees that a file is cut behind its pixels.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

_DATA_SET_AT = 132  # behind the preamble and the mark
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = 0x7FE00010
_TRANSFER_SYNTAX = 0x00020010
# Value representations whose length takes four bytes (PS3.5 7.1.2).
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_IMPLICIT, _BIG_ENDIAN, _DEFLATED = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99"


@dataclass(frozen=True)
class Counted:
    """What a walk found.

    Attributes:
        elements: at most one more than is allowed.
        is_whole: the data ends where its last element ends (zeros may pad it), and whatever was opened is closed.
    """

    elements: int
    is_whole: bool


@dataclass
class _Walk:
    """Where a walk stands and how it reads the next header."""

    data: memoryview
    at: int
    explicit: bool = True
    order: str = "<"
    in_pixels: bool = False
    opened: int = 0  # sequences and pixels of undefined length that have not ended
    deflated: bool = False

    def tag_at(self, at: int) -> int:
        """The tag that stands at a byte."""
        return self._number("H", at) << 16 | self._number("H", at + 2)

    def _number(self, form: str, at: int) -> int:
        return int(struct.unpack_from(self.order + form, self.data, at)[0])

    def has_ended(self) -> bool:
        """Whether nothing but padding is left, and nothing open."""
        left = self.at <= len(self.data) and not any(self.data[self.at :])
        return left and self.opened == 0

    def header(self) -> tuple[int, int, int]:
        """Tag, bytes of the header, length of the value; an element without a VR in an explicit data set is implicit.

        Raises:
            struct.error: the data ends within the header.
        """
        tag = self.tag_at(self.at)
        vr = bytes(self.data[self.at + 4 : self.at + 6])
        if tag >> 16 == 0xFFFE or not self.explicit or not b"AA" <= vr <= b"ZZ":  # as pydicom decides it
            return tag, 8, self._number("L", self.at + 4)
        if vr in _LONG:
            return tag, 12, self._number("L", self.at + 8)
        return tag, 8, self._number("H", self.at + 6)


def count_elements(data: bytes | mmap, allowed: int) -> Counted:
    """Elements of a whole file, those of its sequences too; of a deflated one those of its meta information, as whole.

    Stops at `allowed` + 1. What is no DICOM header ends the count: the reader says what is wrong with it.
    """
    with memoryview(data) as view:
        return _count(_Walk(view, _DATA_SET_AT), allowed, has_meta=True)


def count_data_set(data: bytes | mmap, allowed: int) -> Counted:
    """As `count_elements`, of a bare data set in explicit VR, little endian."""
    with memoryview(data) as view:
        return _count(_Walk(view, 0), allowed, has_meta=False)


def first_value(data: bytes | mmap, wanted: int, allowed: int) -> bytes | None:
    """Bytes of an element of the data set itself, none of its sequences'; nothing is decoded.

    Returns:
        None where it does not stand in its place among the first `allowed` headers, or the data set is deflated.
    """
    with memoryview(data) as view:
        walk, inside_until = _Walk(view, _DATA_SET_AT), 0
        for number, (tag, value, length) in enumerate(_headers(walk, has_meta=True)):
            is_nested = walk.opened > 0 or value < inside_until
            if tag == wanted and not is_nested:
                return bytes(view[value : value + length])
            if number >= allowed or (tag > wanted and not is_nested and tag < _ITEM):
                return None
            if not is_nested and length != _UNDEFINED:
                inside_until = value + length
    return None


def _count(walk: _Walk, allowed: int, *, has_meta: bool) -> Counted:
    found = 0
    for tag, _value, _length in _headers(walk, has_meta=has_meta):
        found += tag not in (_ITEM, _ITEM_END, _SEQUENCE_END)
        if found > allowed:
            return Counted(found, is_whole=False)
    return Counted(found, is_whole=walk.deflated or walk.has_ended())


def _headers(walk: _Walk, *, has_meta: bool) -> Iterator[tuple[int, int, int]]:
    """Tag, place of the value and its length of every header, in reading order; ends where none can be read."""
    syntax = b""
    while walk.at + 8 <= len(walk.data):
        if has_meta and bytes(walk.data[walk.at : walk.at + 2]) != b"\x02\0":
            has_meta = False
            if syntax == _DEFLATED:
                walk.deflated = True
                return
            walk.explicit = syntax != _IMPLICIT
            if syntax == _BIG_ENDIAN:
                walk.order = ">"
        try:
            tag, header, length = walk.header()
        except struct.error:
            return
        value = walk.at + header
        if has_meta and tag == _TRANSFER_SYNTAX:
            syntax = bytes(walk.data[value : value + length]).rstrip(b"\0 ")
        yield tag, value, length
        walk.at = _next(walk, tag, value, length)


def _next(walk: _Walk, tag: int, value: int, length: int) -> int:
    """Where the next header stands: inside a sequence or an item, else behind the value."""
    if tag == _SEQUENCE_END:
        walk.in_pixels = False
        walk.opened = max(0, walk.opened - 1)  # some writers end sequences of known length too
        return value
    if tag == _ITEM and walk.in_pixels:
        return value + length
    if tag in (_ITEM, _ITEM_END):
        return value
    if length == _UNDEFINED:
        walk.in_pixels = tag == _PIXELS
        walk.opened += 1
        return value
    is_sequence = length >= 8 and value + 8 <= len(walk.data) and walk.tag_at(value) == _ITEM
    return value if is_sequence and tag != _PIXELS else value + length
