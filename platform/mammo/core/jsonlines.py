"""JSON-lines files, written whole or not at all."""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mammo.core.errors import UserError
from mammo.core.words import gettext as _


def read_jsonlines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file.

    Raises:
        UserError: the file is missing or not UTF-8, or a line is not one JSON object (names file and line).
    """
    try:
        handle = path.open(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(
            _("%(path)s: cannot be read (%(reason)s); give an existing JSON-lines file")
            % {"path": path, "reason": error.strerror}
        ) from None
    with handle:
        yield from parsed_jsonlines(_as_text(handle, str(path)), str(path))


def _as_text(lines: Iterable[str], named: str) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError:
        raise UserError(_("%(named)s: not UTF-8 text; save it as UTF-8") % {"named": named}) from None


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
        except (ValueError, RecursionError) as error:
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


def write_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write `data` to `path` so that the file exists whole or not at all, also after a power cut.

    Whether it exists is sure only behind `sync_folder` of its folder: a name is written later than its bytes.

    Args:
        mode: rights of the new file, less what the process's umask takes.

    Raises:
        OSError: as `write_together`.
    """
    write_together({path: data}, mode=mode)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder as they are now: new files and renamed ones survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_together(files: Mapping[Path, bytes], *, mode: int = 0o666) -> None:
    """Write several files: all are on the disk before the first takes its name, so that none stands without the others.

    A link is followed; what stands there and is no file (a folder, a device, a pipe) stays.

    Raises:
        OSError: names the file that was asked for; nothing was changed.
    """
    waiting: list[tuple[Path, Path, Path]] = []
    path = Path()
    try:
        for path, data in files.items():
            target = path.resolve() if path.is_symlink() else path
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            if target.exists() and not target.is_file():
                raise OSError(errno.EINVAL, "not a file but a device or a pipe; give a file", str(path))
            target.parent.mkdir(parents=True, exist_ok=True)
            waiting.append((path, target.with_name(f".{target.name}.{os.getpid()}.tmp"), target))
            with open(os.open(waiting[-1][1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        for path, temporary, target in waiting:  # noqa: B007 (an error names it)
            os.replace(temporary, target)
    except BaseException as error:
        for _path, temporary, _target in waiting:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename != str(path):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def write_jsonlines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON lines, atomically."""
    text = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
    write_atomically(path, text.encode())
