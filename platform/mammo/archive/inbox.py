"""The inbox: what a PACS or a browser sent, encrypted on disk before it is acknowledged, until it is imported.

One file per entry, a sequence of frames (length, then ciphertext under the site's key); the first frame says what
the entry is, the others hold its bytes. A sender is told `stored` only after the entry is whole and on the disk, so
a machine that stops loses nothing; a full inbox refuses, and the sender keeps its files and comes again.
"""

import contextlib
import json
import os
import shutil
import struct
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from mammo.accounts.models import Site
from mammo.archive.dicom.limits import LIMITS
from mammo.core.errors import UserError
from mammo.core.jsonlines import sync_folder, write_atomically
from mammo.core.keys import key_store

PURPOSE = "archive.inbox"
FRAME_BYTES = 8 << 20
# An upload goes on after a pause, but not for ever.
UPLOAD_KEPT = timedelta(days=14)
_LENGTH = struct.Struct(">I")
_SEAL_BYTES = 12 + 16  # nonce and tag of AES-GCM


class InboxFullError(UserError):
    """No room: the sender must keep its files and send them later."""


@dataclass(frozen=True)
class Entry:
    """One file that waits.

    Attributes:
        path: where it lies; `<batch>.<number>.enc`, so entries of one delivery stand together, oldest first.
        batch_id: the delivery (an association, a request, an upload), which becomes an ImportBatch.
    """

    path: Path
    batch_id: uuid.UUID


def folder(site: Site) -> Path:
    """Where entries of a site wait."""
    return Path(settings.MAMMO_HOME) / "inbox" / site.pk.hex


def check_room(site: Site, more_bytes: int = 0) -> None:
    """Refuse when too much waits, or the disk would fall below its reserve.

    Raises:
        InboxFullError: say to the sender that it must come again later.
    """
    held = folder(site)
    _lasting_folder(held)
    waiting = [*held.rglob("*.enc"), *held.glob("uploads/*.part")]
    if len(waiting) >= settings.MAMMO_INBOX_FILES:
        raise InboxFullError(
            _("%(value)s files wait to be imported: send again later") % {"value": len(waiting)}
        )
    if more_bytes > room_on_disk(held):
        raise InboxFullError(_("the disk is nearly full: free space, then send again"))


def room_on_disk(*folders: Path) -> int:
    """Bytes that fit into each of these folders before its disk falls below the reserve; below 0 where it has."""
    reserve: int = settings.MAMMO_INBOX_RESERVE_BYTES
    return min(shutil.disk_usage(each).free for each in folders) - reserve


def _lasting_folder(path: Path) -> None:
    """Make a folder for this account alone, and the names on the way to it survive a power cut."""
    if path.is_dir():
        return
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    for parent in list(path.parents)[:2]:
        sync_folder(parent)


def put(
    site: Site,
    data: bytes,
    *,
    batch_id: uuid.UUID,
    origin: str,
    name: str,
    by: str = "",
    problem: str = "",
    member_of: Entry | None = None,
    number: int = 0,
) -> Path:
    """Keep one received file; when this returns it survives a power cut.

    Args:
        name: what the data manager is shown; may identify.
        by: id of the account that sent it.
        problem: why the file is of no use; it becomes a rejected item.
        member_of: the archive that it is member `number` of; the room was checked when that came.

    Raises:
        InboxFullError: nothing was kept.
        UserError: larger than a file may be.
    """
    if len(data) > LIMITS.file_bytes:
        raise UserError(_("larger than %(size)s MB") % {"size": LIMITS.file_bytes // 1024**2})
    file_name = _new_name(batch_id)
    if member_of is None:
        check_room(site, len(data))
    else:
        # The same member of the same archive gets the same name: taking it apart twice adds nothing.
        fixed = uuid.uuid5(batch_id, f"{member_of.path.name}/{number}")
        file_name = f"{batch_id.hex}.{fixed.hex}.enc"
    header = _header(origin, name, by=by, problem=problem)
    pieces = [header, *(data[at : at + FRAME_BYTES] for at in range(0, len(data), FRAME_BYTES))]
    path = folder(site) / file_name
    write_atomically(path, b"".join(_sealed(site, piece, number) for number, piece in enumerate(pieces)))
    sync_folder(path.parent)
    return path


def _new_name(batch_id: uuid.UUID) -> str:
    return f"{batch_id.hex}.{uuid.uuid4().hex}.enc"


def _header(origin: str, name: str, *, by: str = "", problem: str = "") -> bytes:
    written = {"origin": origin, "name": name, "by": by, "problem": problem}
    return json.dumps(written, ensure_ascii=False).encode()


def _sealed(site: Site, frame: bytes, number: int) -> bytes:
    sealed = key_store().encrypt(site.key_id, frame, f"{PURPOSE}.{number}")
    return _LENGTH.pack(len(sealed)) + sealed


def frames(site: Site, path: Path) -> Iterator[bytes]:
    """The header and then the pieces of an entry, decrypted one at a time.

    Raises:
        UserError: the file was changed, or is not whole.
    """
    with path.open("rb") as handle:
        number = 0
        while prefix := handle.read(_LENGTH.size):
            if len(prefix) < _LENGTH.size:
                raise UserError(_("%(name)s: not whole") % {"name": path.name})
            (length,) = _LENGTH.unpack(prefix)
            sealed = handle.read(length)
            if len(sealed) < length:
                raise UserError(_("%(name)s: not whole") % {"name": path.name})
            yield key_store().decrypt(site.key_id, sealed, f"{PURPOSE}.{number}")
            number += 1


def unpack(site: Site, entry: Entry, target: Path) -> dict[str, str]:
    """Write an entry's bytes to `target`; returns its header (origin, name, by, problem)."""
    pieces = frames(site, entry.path)
    header: dict[str, str] = json.loads(next(pieces))
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        for piece in pieces:
            handle.write(piece)
    return header


def entries(held: Path) -> list[Entry]:
    """Entries of one folder, deliveries together, the one that came first in front."""
    found = []
    for path in held.glob("*.enc"):
        with contextlib.suppress(FileNotFoundError):  # imported, or destroyed by a withdrawal, meanwhile
            found.append((path.stat().st_mtime_ns, path))
    first: dict[str, int] = {}
    for at, path in found:
        batch = path.name.split(".", 1)[0]
        first[batch] = min(at, first.get(batch, at))
    ordered = sorted(found, key=lambda item: (first[item[1].name.split(".", 1)[0]], item[0]))
    return [Entry(path, uuid.UUID(path.name.split(".", 1)[0])) for _, path in ordered]


def header_of(site: Site, entry: Entry) -> dict[str, str]:
    """Origin, name, by and problem of an entry.

    Raises:
        UserError: the file was changed, or is not whole.
    """
    header: dict[str, str] = json.loads(next(frames(site, entry.path), b"{}"))
    return header


def is_archive(site: Site, entry: Entry) -> bool:
    """Whether an entry is a zip archive.

    Raises:
        FileNotFoundError: it is gone.
    """
    pieces = frames(site, entry.path)
    try:
        next(pieces, b"")
        return begins_archive(next(pieces, b""))
    except UserError:
        return False


def begins_archive(beginning: bytes) -> bool:
    """Whether a file that begins so is a zip archive."""
    return beginning[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def waiting_count(sites: Iterable[Site]) -> int:
    """How many files wait to be imported at these sites."""
    return sum(len(list(folder(site).rglob("*.enc"))) for site in sites)


def waits_longer_than(site: Site, seconds: float) -> bool:
    """Whether a file that no process of a receiver has taken is here for longer than this."""
    limit = time.time() - seconds
    for path in [*folder(site).glob("*.enc"), *folder(site).glob("taken-job-*/*.enc")]:
        with contextlib.suppress(FileNotFoundError):  # taken or imported by now
            if path.stat().st_mtime < limit:
                return True
    return False


def count_of(site: Site, batch_id: uuid.UUID) -> int:
    """How many files of one delivery are here, those that an import took and did not finish among them."""
    return len(list(folder(site).rglob(f"{batch_id.hex}.*.enc")))


def is_being_sent(site: Site, by: str, seconds: float) -> bool:
    """Whether a file of which this account's browser sent a piece within this time is not whole yet."""
    limit = time.time() - seconds
    for path in (folder(site) / "uploads").glob(f"{by}.*.part"):
        with contextlib.suppress(FileNotFoundError):  # whole by now
            if path.stat().st_mtime > limit:
                return True
    return False


def claim(site: Site, name: str, limit: int) -> list[Entry]:
    """Take up to `limit` entries of the oldest delivery for the import `name`; what it took before comes first.

    Taking is a rename, so no two imports read one entry; an import that was killed finds its entries again.
    """
    taken = folder(site) / f"taken-{name}"
    taken.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = entries(taken)
    if held:
        return _of_one_delivery(held, limit)
    for entry in _of_one_delivery(entries(folder(site)), limit):
        target = taken / entry.path.name
        try:
            entry.path.rename(target)
        except FileNotFoundError:
            continue  # another import was faster
        held.append(Entry(target, entry.batch_id))
    return held


def give_back(site: Site, name: str) -> None:
    """Return what the import `name` took and did not finish."""
    taken = folder(site) / f"taken-{name}"
    if not taken.is_dir():
        return
    for path in taken.glob("*.enc"):
        with contextlib.suppress(FileNotFoundError):  # destroyed by a withdrawal
            path.rename(folder(site) / path.name)
    shutil.rmtree(taken, ignore_errors=True)


def _of_one_delivery(found: list[Entry], limit: int) -> list[Entry]:
    return [entry for entry in found if entry.batch_id == found[0].batch_id][:limit]


class Upload:
    """A file that a browser sends in pieces; each piece is on the disk, encrypted, before it is acknowledged.

    Args:
        number: public name of the upload, made by the browser, so that it can go on after a pause.
        by: account that sends it; another account's upload of this number is unknown.
    """

    def __init__(self, site: Site, number: uuid.UUID, *, by: str) -> None:
        self.site, self.number, self.by = site, number, by
        self._path = folder(site) / "uploads" / f"{by}.{number.hex}.part"
        self._finished = self._path.with_suffix(".done")

    @property
    def received(self) -> int:
        """Bytes that are kept so far; a piece that was cut off does not count."""
        return sum(size - _SEAL_BYTES for size in self._frame_sizes()[1:])

    def _frame_sizes(self) -> list[int]:
        sizes: list[int] = []
        at = 0
        if not self._path.exists():
            return sizes
        whole = self._path.stat().st_size
        with self._path.open("rb") as handle:
            while len(prefix := handle.read(_LENGTH.size)) == _LENGTH.size:
                (length,) = _LENGTH.unpack(prefix)
                at += _LENGTH.size + length
                if at > whole:
                    break
                sizes.append(length)
                handle.seek(at)
        return sizes

    def append(self, piece: bytes, *, offset: int, name: str, origin: str) -> int:
        """Keep the piece that begins at byte `offset`; returns how many bytes are kept now.

        A piece that was kept already changes nothing; one beyond the end changes nothing either: the answer
        tells the sender where to go on.

        Raises:
            InboxFullError: nothing was kept.
        """
        if self.is_handed_over:
            return offset
        check_room(self.site, len(piece))
        _lasting_folder(self._path.parent)
        sizes = self._frame_sizes()
        kept = sum(size - _SEAL_BYTES for size in sizes[1:])
        if offset != kept or not piece:
            return kept
        whole = sum(_LENGTH.size + size for size in sizes)
        with self._path.open("r+b" if self._path.exists() else "w+b") as handle:
            handle.truncate(whole)  # a piece that was cut off by a crash
            handle.seek(whole)
            if not sizes:
                handle.write(_sealed(self.site, _header(origin, name, by=self.by), 0))
            handle.write(_sealed(self.site, piece, max(1, len(sizes))))
            handle.flush()
            os.fsync(handle.fileno())
        if not sizes:
            sync_folder(self._path.parent)
        return kept + len(piece)

    @property
    def is_handed_over(self) -> bool:
        """Whether the import has it already (a lost answer makes the browser ask twice)."""
        return self._finished.exists()

    def finish(self, *, size: int, batch_id: uuid.UUID) -> Path:
        """Hand the whole file to the import.

        Raises:
            UserError: not all of its bytes are here.
        """
        if self.received != size or not self._path.exists():
            raise UserError(
                _("%(received)s of %(size)s bytes are here: send the rest")
                % {"received": self.received, "size": size}
            )
        # A second name first: whoever is killed before the mark is set finds all of it here, and sends nothing again.
        number = uuid.uuid5(batch_id, f"{self.by}/{self.number}")
        target = folder(self.site) / f"{batch_id.hex}.{number.hex}.enc"
        with contextlib.suppress(FileExistsError):
            os.link(self._path, target)
        sync_folder(target.parent)
        self._finished.touch()
        self._path.unlink()
        return target


def forget_uploads() -> int:
    """Destroy uploads that nobody went on with, and the marks of finished ones, after `UPLOAD_KEPT`; a chore."""
    limit, done = time.time() - UPLOAD_KEPT.total_seconds(), 0
    for path in (Path(settings.MAMMO_HOME) / "inbox").glob("*/uploads/*"):
        with contextlib.suppress(FileNotFoundError):
            if path.suffix in (".part", ".done") and path.stat().st_mtime < limit:
                path.unlink()
                done += 1
    return done
