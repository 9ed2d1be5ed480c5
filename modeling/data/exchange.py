"""The torch side of the child-process protocol: one JSON request in, JSON lines out.

Standard output carries progress as JSON lines and nothing else; everything for the log goes to standard
error. The answer file appears under its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

EXIT_SUCCESS = 0
EXIT_FAILED = 1
EXIT_BAD_REQUEST = 2
# Errors of the operating system: a full disk, and any other.
EXIT_NO_ROOM = 73
EXIT_SYSTEM = 74
EXIT_STOPPED = 75


class BadRequestError(ValueError):
    """A request that cannot be served; its message is the one line a person reads."""


def read_request(path: Path | str, *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read the request object. Raises BadRequestError naming the file and the missing or unreadable part."""
    path = Path(path)
    try:
        request = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadRequestError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BadRequestError(f"{path}: not JSON ({error})") from error
    if not isinstance(request, dict):
        raise BadRequestError(f"{path}: expected one JSON object")
    for key in required:
        if key not in request:
            raise BadRequestError(f"{path}: no field {key!r}")
    return request


def is_full(error: OSError) -> bool:
    """Whether a disk (or its quota) has no room."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def complain(line: str, code: int) -> int:
    """Say why the work ended, in one line of the log; returns the exit code.

    The log may lie on the disk that is full: the code tells then.
    """
    with contextlib.suppress(OSError):
        sys.stderr.write(line.replace("\n", " ") + "\n")
    return code


def complain_of_system(error: OSError, answer: Path | str) -> int:
    """The same of an error of the operating system; what names no file met it at the answer."""
    code = EXIT_NO_ROOM if is_full(error) else EXIT_SYSTEM
    return complain(f"{error.filename or answer}: {error.strerror or error}", code)


def kept_beside(answer: Path) -> Path:
    """Where the rows stand that stay although the answer did not become whole."""
    return answer.with_name(f"{answer.name}.kept")


class AnswerWriter:
    """Writes rows to a temporary file in the answer's folder; `commit` fsyncs and renames it.

    As a context manager it commits on a clean exit and removes the temporary file on an exception.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self._stream: TextIO = self._part.open("w", encoding="utf-8")
        except OSError as error:
            if is_full(error):
                raise
            raise BadRequestError(f"{self.path}: cannot be written ({error.strerror})") from error

    def write(self, row: Mapping[str, Any]) -> None:
        """Add one row."""
        self._stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")

    def keep(self) -> None:
        """Publish what was written so far beside the answer (`kept_beside`): it stays where no whole answer comes."""
        self._stream.flush()
        copy = self._part.with_name(f"{self._part.name}.copy")
        shutil.copyfile(self._part, copy)
        with copy.open("rb") as handle:
            os.fsync(handle.fileno())
        copy.replace(kept_beside(self.path))

    def commit(self) -> None:
        """Publish the file under its name."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._part.replace(self.path)

    def discard(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(OSError):  # on a full disk: what stopped the work is what is told
            self._stream.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


def report_progress(done: int, total: int, message: str, **metrics: Any) -> None:
    """One progress line on standard output; of several processes under torchrun the first alone speaks.

    Args:
        metrics: values of JSON; numbers and texts are shown beside the progress.
    """
    if os.environ.get("RANK", "0") != "0":
        return
    line = {"progress": {"done": done, "total": total, "message": message, **metrics}}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
