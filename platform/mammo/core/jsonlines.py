"""JSON-lines files, written whole or not at all."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mammo.core.errors import UserError
from mammo.core.words import gettext as _


def read_jsonlines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file.

    Raises:
        UserError: the file is missing, or a line is not one JSON object (names file and line).
    """
    try:
        handle = path.open(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(
            _("%(path)s: cannot be read (%(reason)s); give an existing JSON-lines file")
            % {"path": path, "reason": error.strerror}
        ) from None
    with handle:
        yield from parsed_jsonlines(handle, str(path))


def parsed_jsonlines(lines: Iterable[str], named: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of lines of JSON; `named` is what an error calls the file.

    Raises:
        UserError: a line is not one JSON object (names file and line).
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(
                _("%(named)s, line %(number)s: not JSON (%(error)s); mend this line")
                % {"named": named, "number": number, "error": error}
            ) from None
        if not isinstance(row, dict):
            raise UserError(
                _("%(named)s, line %(number)s: expected one JSON object per line, found %(found)s")
                % {"named": named, "number": number, "found": type(row).__name__}
            )
        yield row


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that the file exists whole or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_jsonlines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON lines, atomically."""
    text = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
    write_atomically(path, text.encode())
