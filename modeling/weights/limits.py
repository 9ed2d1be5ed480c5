"""What a child may use that reads foreign pickles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Limits:
    """Memory beyond what torch takes by itself, processor and clock, and the largest file it may write."""

    memory_bytes: int
    processor_seconds: int
    seconds: int
    file_bytes: int


def limits(sizes: Sequence[int]) -> Limits:
    """For pickled files of these bytes, read one after the other.

    A file is mapped, written from memory at most once, and shared tensors are copied: three times the largest.
    """
    largest, total = max(sizes), sum(sizes)
    gigabytes = 1 + total // _GIGABYTE
    return Limits(
        memory_bytes=3 * largest + _GIGABYTE,
        processor_seconds=60 + 60 * gigabytes,
        seconds=300 + 300 * gigabytes,
        file_bytes=2 * largest + _GIGABYTE // 16,
    )
