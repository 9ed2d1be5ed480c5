"""What an import is given, as a stream of single files: here files, folders and zip archives of this machine."""

import errno
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from mammo.archive.dicom.limits import LIMITS
from mammo.core.errors import UserError

# A black background shrinks about 20-fold; nothing real shrinks a hundredfold.
MAX_RATIO = 100
MAX_MEMBERS = 50_000
MAX_TOTAL_BYTES = 100 * 1024**3
# 300 bytes for each member; read whole before anything can be counted, so its size is looked at first.
MAX_DIRECTORY_BYTES = 16 * 1024**2
NO_ROOM = "a zip archive for whose files the disk has no room; free space or split it, then send it again"
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_FILE = "not an ordinary file"
A_LINK = "a symbolic link: links inside a folder are not followed"
_CHUNK = 1 << 20
# What `zipfile` raises of damaged archives and members; packed data goes through zlib and lzma unguarded.
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    ValueError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)


@dataclass(frozen=True)
class Source:
    """One file to import.

    Attributes:
        name: its path as it was given, which a table of labels may name; may identify a patient.
        shown: what pages and the interface call it, below what was imported; as `name` where empty.
        path: where the bytes are; None when `problem` says why there are none.
        is_temporary: the file was unpacked for this import and is removed after it.
        problem: why it can't be read.
        spent: what it was unpacked from, removed once its rows stand.
        judged: what a person decided about this one file, or a public set's rules about all of its files
            (`dicom.judged.Judged`, as JSON).
        is_judged_by_person: a person looked at this very file; without it a decision that stands is kept to.
    """

    name: str
    path: Path | None
    is_temporary: bool = False
    problem: str = ""
    spent: Path | None = None
    judged: dict[str, Any] = field(default_factory=dict)
    shown: str = ""
    is_judged_by_person: bool = False


class Sources(Protocol):
    """Where the files of an import come from."""

    def count(self) -> int:
        """About how many there are, for a progress bar; 0 when nobody knows."""

    def files(self, unpack_into: Path) -> Iterator[Source]:
        """Yield every file; what has to be unpacked or fetched is written below `unpack_into`."""


@dataclass(frozen=True)
class LocalFiles:
    """Files, folders and zip archives of this machine.

    Attributes:
        skip: files that are tables of this import.
    """

    paths: list[Path]
    skip: frozenset[Path] = frozenset()

    def count(self) -> int:
        """Files and members of archives."""
        return count_files([path for path in self.paths if path.resolve() not in self.skip])

    def files(self, unpack_into: Path) -> Iterator[Source]:
        """Every file, archives unpacked one member at a time."""
        for path in self.paths:
            for source in iter_sources([path], unpack_into, set(self.skip)):
                yield replace(source, shown=shown_below(path, source.name))


def shown_below(given: Path, name: str) -> str:
    """A file's path from the folder, file or archive that was given on; where that lies is the server's own matter."""
    top = Path(os.path.abspath(given)).name
    if str(given) == ".":  # which stands in no path below it
        return f"{top}/{name}"
    if not name.startswith(str(given)):  # a table named a file somewhere else
        return Path(name).name
    return (top + name.removeprefix(str(given))).removeprefix("/")


def check_paths(paths: list[Path]) -> None:
    """Refuse paths that do not exist, before anything is imported.

    Raises:
        UserError: names the first one.
    """
    if not paths:
        raise UserError("no PATH given; name files, folders or zip archives")
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; check the path")
        if not os.access(path, os.R_OK):
            raise UserError(f"{path}: may not be read by this account; mend its permissions")


def count_files(paths: list[Path]) -> int:
    """About how many files there are, for a progress bar (an unreadable archive counts as one)."""
    total = 0
    for path, problem in _walk(paths):
        if not problem and _is_zip(path):
            try:
                if _directory_bytes(path) > MAX_DIRECTORY_BYTES:
                    raise ValueError("too many members")
                with zipfile.ZipFile(path) as archive:
                    total += sum(not info.is_dir() for info in archive.infolist()[: MAX_MEMBERS + 1])
                continue
            except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
                pass
        total += 1
    return total


def iter_sources(
    paths: list[Path], unpack_into: Path, skip: set[Path], *, room: int | None = None
) -> Iterator[Source]:
    """Yield every file under `paths`, archives unpacked one member at a time.

    Args:
        unpack_into: folder for members of archives; their own names are never used as paths.
        skip: files that are tables of this import.
        room: bytes that the members of an archive may take, where they are kept; an archive that says more is refused.
    """
    for path, problem in _walk(paths):
        if path.resolve() in skip:
            continue
        if problem:
            yield Source(str(path), None, problem=problem)
        elif path.is_symlink() and path not in paths:
            yield Source(str(path), None, problem=A_LINK)
        elif not path.is_file():
            yield Source(str(path), None, problem=NO_FILE)
        elif _is_zip(path):
            yield from _members(path, unpack_into, room)
        elif path.stat().st_size > LIMITS.file_bytes:
            yield Source(str(path), None, problem=_too_large())
        else:
            yield Source(str(path), path)


def _walk(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    for path in paths:
        if path.is_dir():
            yield from files_below(path)
        else:
            yield path, ""


def files_below(top: Path) -> Iterator[tuple[Path, str]]:
    """Every file of a folder in order of names, with why it is not to be read ("": it is).

    A folder that may not be listed, and one that a link leads to, are told as such: what lies in them is not counted.
    """
    unread: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=unread.append):
        folders.sort()
        yield from ((Path(folder) / name, A_LINK) for name in folders if os.path.islink(f"{folder}/{name}"))
        yield from ((Path(folder) / name, "") for name in sorted(names))
    for error in unread:
        yield Path(error.filename), cannot_be_read(error)


def cannot_be_read(error: OSError) -> str:
    """The reason of a file or folder that the system refuses, in one line with the mend."""
    said = error.strerror or error
    return f"cannot be read ({said}); give the platform's account the right to read it, or copy it anew"


def _is_zip(path: Path) -> bool:
    """By its first bytes; or by its name, so that a damaged archive is called one."""
    if not path.is_file():  # a pipe would be waited for
        return False
    if path.suffix.lower() == ".zip":
        return True
    try:
        with path.open("rb") as handle:
            return handle.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


def _too_large() -> str:
    return f"larger than {LIMITS.file_bytes // 1024**2} MB"


def _members(path: Path, unpack_into: Path, room: int | None) -> Iterator[Source]:
    try:
        if _directory_bytes(path) > MAX_DIRECTORY_BYTES:
            yield Source(str(path), None, problem=_too_many())
            return
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            problem = _archive_problem(members, room)
            if problem:
                yield Source(str(path), None, problem=problem)
                return
            for number, info in enumerate(members):
                yield _member(archive, info, f"{path}!{info.filename}", unpack_into / f"member-{number}")
    except OSError as error:
        if error.errno in DISK_IS_FULL:
            raise
        yield Source(str(path), None, problem=cannot_be_read(error))
    except _DAMAGE:
        yield Source(str(path), None, problem="a damaged zip archive; pack it again")


def _directory_bytes(path: Path) -> int:
    """Bytes of the archive's directory as `zipfile` would read them; 0 where it finds none.

    Asked of zipfile's own reader of the end record (private; run with Python 3.11 only): one that we wrote could
    find another record in a hostile file than the one that is then read.
    """
    with path.open("rb") as handle:
        found = zipfile._EndRecData(handle)  # type: ignore[attr-defined]
    return int(found[zipfile._ECD_SIZE]) if found else 0  # type: ignore[attr-defined]


def _too_many() -> str:
    return f"a zip archive of more than {MAX_MEMBERS} files; split it"


def _archive_problem(members: list[zipfile.ZipInfo], room: int | None) -> str:
    if len(members) > MAX_MEMBERS:
        return _too_many()
    total = sum(info.file_size for info in members)
    if total > MAX_TOTAL_BYTES:
        return f"a zip archive that unpacks to more than {MAX_TOTAL_BYTES // 1024**3} GB; split it"
    return NO_ROOM if room is not None and total > room else ""


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, target: Path) -> Source:
    """Unpack one member under limits; its declared size is not trusted."""
    if info.flag_bits & 0x1:
        return Source(name, None, problem="encrypted inside its zip archive; pack it without a password")
    if info.file_size > LIMITS.file_bytes:
        return Source(name, None, problem=_too_large())
    if info.file_size > MAX_RATIO * max(1, info.compress_size):
        return Source(name, None, problem=f"packed more than {MAX_RATIO} to 1: not a medical image")
    written = 0
    try:
        with archive.open(info) as packed, target.open("wb") as unpacked:
            while chunk := packed.read(_CHUNK):
                written += len(chunk)
                if written > info.file_size or written > LIMITS.file_bytes:
                    raise zipfile.BadZipFile("longer than declared")
                unpacked.write(chunk)
    except (*_DAMAGE, RuntimeError, OSError) as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk; damaged bzip2 data is an OSError without a number
        if isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError):
            return Source(name, None, problem="cannot be unpacked")
        return Source(name, None, problem="damaged inside its zip archive; pack it again")
    return Source(name, target, is_temporary=True)
