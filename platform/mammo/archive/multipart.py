"""Reads a multipart/related message (RFC 2387) part by part as it comes, each part into a file of its own."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError, MultipartParseError

from mammo.core.errors import UserError
from mammo.core.words import gettext as _

MAX_PARTS = 20_000
DICOM = "application/dicom"


@dataclass
class Part:
    """One part of a message.

    Attributes:
        content_type: without parameters, in lower case.
        path: where its bytes are.
        problem: why it was not kept.
    """

    content_type: str
    path: Path
    problem: str = ""


def content_type(header: str) -> tuple[str, dict[str, str]]:
    """A Content-Type header as type and parameters, quotes removed."""
    message = Message()
    message["content-type"] = header
    kind = message.get_content_type()
    pairs = message.get_params(header="content-type") or []
    return kind, {str(name).lower(): str(value) for name, value in pairs[1:]}


def boundary_of(header: str) -> str:
    """The boundary of a multipart/related message of DICOM files.

    Raises:
        UserError: it is another kind of message.
    """
    kind, parameters = content_type(header)
    if kind != "multipart/related" or parameters.get("type", DICOM).lower() != DICOM:
        raise UserError(_('send multipart/related; type="application/dicom" (PS3.18 10.5)'))
    if not parameters.get("boundary"):
        raise UserError(_("the Content-Type names no boundary"))
    return parameters["boundary"]


@dataclass
class _Reader:
    """Callbacks of the parser; finished parts wait in `done`."""

    folder: Path
    max_part_bytes: int
    done: list[Part] = field(default_factory=list)
    count: int = 0
    is_whole: bool = False
    _part: Part | None = None
    _handle: BinaryIO | None = None
    _written: int = 0
    _name: bytes = b""
    _value: bytes = b""

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        """As `MultipartParser` wants them."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self.count += 1
        if self.count > MAX_PARTS:
            raise UserError(_("more than %(parts)s parts in one message: send fewer") % {"parts": MAX_PARTS})
        path = self.folder / f"part-{self.count}"
        self._part, self._written = Part("", path), 0
        self._handle = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._part is not None and self._name.strip().lower() == b"content-type":
            self._part.content_type = content_type(self._value.decode("latin-1"))[0]
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part is None or self._handle is None or self._part.problem:
            return
        self._written += end - start
        if self._written > self.max_part_bytes:
            self._part.problem = f"larger than {self.max_part_bytes // 1024**2} MB"
            self._handle.truncate(0)
            return
        self._handle.write(data[start:end])

    def _end(self) -> None:
        if self._handle is not None:
            self._handle.close()
        if self._part is not None:
            self.done.append(self._part)
        self._part = self._handle = None

    def _finish(self) -> None:
        self.is_whole = True

    def close(self) -> None:
        """Close what a broken message left open."""
        if self._handle is not None:
            self._handle.close()


def parts(blocks: Iterable[bytes], boundary: str, folder: Path, *, max_part_bytes: int) -> Iterator[Part]:
    """Yield each part once it is whole; the caller removes its file.

    Raises:
        UserError: the message is damaged or ends early (parts yielded before stay good).
    """
    reader = _Reader(folder, max_part_bytes)
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        for block in blocks:
            parser.write(block)
            while reader.done:
                yield reader.done.pop(0)
        parser.finalize()
    except (MultipartParseError, FormParserError):
        raise UserError(_("the multipart message is damaged")) from None
    finally:
        reader.close()
    yield from reader.done
    if not reader.is_whole:
        raise UserError(_("the multipart message ends early: send it again"))
