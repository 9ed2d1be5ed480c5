"""Imports what waits in the inbox, a few files at a time: within a process that receives, or as a job."""

import contextlib
import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mammo.accounts.models import Site, User
from mammo.archive import inbox, storage
from mammo.archive.inbox import Entry
from mammo.archive.models import ImportBatch
from mammo.archive.parsing import ParsingPool
from mammo.archive.sources import NO_ROOM, Source, iter_sources
from mammo.archive.studies_import import run_import
from mammo.archive.study_rows import Found
from mammo.core.errors import UserError


class InboxFiles:
    """Entries of the inbox as the files of an import."""

    def __init__(self, site: Site, entries: list[Entry]) -> None:
        self.site, self.entries = site, entries

    def count(self) -> int:
        """As many as there are entries."""
        return len(self.entries)

    def files(self, unpack_into: Path) -> Iterator[Source]:
        """Each entry decrypted into a file that is removed after it."""
        for number, entry in enumerate(self.entries):
            source = unpacked(self.site, entry, unpack_into / f"received-{number}")
            if source is not None:
                yield source


def unpacked(site: Site, entry: Entry, target: Path) -> Source | None:
    """One entry as a file of an import; None where a withdrawal has destroyed it."""
    try:
        header = inbox.unpack(site, entry, target)
    except FileNotFoundError:
        if entry.path.exists():
            raise
        return None
    except UserError:
        return Source(entry.path.name, None, problem="damaged in the inbox: send it again", spent=entry.path)
    if header["problem"]:
        target.unlink()
        return Source(header["name"], None, problem=header["problem"], spent=entry.path)
    return Source(header["name"], target, is_temporary=True, spent=entry.path)


def import_received(
    site: Site, *, taken_as: str, limit: int = 200, pool: ParsingPool[Found] | None = None
) -> ImportBatch | None:
    """Import the oldest delivery that waits at a site, `limit` files at most; None when nothing waits."""
    entries = claim_files(site, taken_as, limit)
    if not entries:
        return None
    origin, by_user = delivery(site, entries[0])
    return run_import(
        InboxFiles(site, entries),
        site=site,
        by_user=by_user,
        origin=origin,
        batch_id=entries[0].batch_id,
        pool=pool,
    )


def delivery(site: Site, entry: Entry) -> tuple[str, User | None]:
    """How an entry's delivery came, and which account sent it."""
    try:
        header = inbox.header_of(site, entry)
    except (UserError, FileNotFoundError):
        return ImportBatch.Origin.UPLOAD, None
    return header["origin"], User.objects.filter(pk=header["by"]).first() if header["by"] else None


def claim_files(site: Site, taken_as: str, limit: int) -> list[Entry]:
    """Take entries that are single files; archives among them are first taken apart into entries.

    A withdrawal may destroy an entry, or take it apart, meanwhile: it is passed over.
    """
    while entries := inbox.claim(site, taken_as, limit):
        files: list[Entry] = []
        archives: list[Entry] = []
        for entry in entries:
            with _unless_gone(entry):
                (archives if inbox.is_archive(site, entry) else files).append(entry)
        if files and not archives:
            return files
        for entry in archives:
            with _unless_gone(entry):
                take_apart(site, entry)
    return []


@contextlib.contextmanager
def _unless_gone(entry: Entry) -> Iterator[None]:
    """Go on where an entry is there no more; any other file that is missing is an error."""
    try:
        yield
    except FileNotFoundError:
        if entry.path.exists():
            raise


def take_apart(site: Site, entry: Entry) -> None:
    """Put every member of an archive into the inbox as an entry of its own; all of them, or a refusal alone."""
    header = inbox.header_of(site, entry)
    put = partial(
        inbox.put, site, batch_id=entry.batch_id, origin=header["origin"], by=header["by"], member_of=entry
    )
    with storage.RunningImport() as running, storage.incoming() as folder:
        running.admit_others()
        disks = (inbox.folder(site), folder)
        problem, kept = "", []
        if entry.path.stat().st_size > inbox.room_on_disk(*disks):
            problem = NO_ROOM
        else:
            packed = folder / "archive"
            inbox.unpack(site, entry, packed)
            room = inbox.room_on_disk(*disks)
            for number, source in enumerate(iter_sources([packed], folder, set(), room=room), start=1):
                # Others fill the disk too, meanwhile.
                if inbox.room_on_disk(*disks) < 0:
                    problem = NO_ROOM
                    break
                data = source.path.read_bytes() if source.path else b""
                name = header["name"] + source.name.removeprefix(str(packed))
                kept.append(put(data, name=name, problem=source.problem, number=number))
                if source.path:
                    source.path.unlink()
        if problem:
            for path in kept:
                path.unlink(missing_ok=True)
        if problem or not kept:
            put(b"", name=header["name"], problem=problem or "an empty zip archive")
    entry.path.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """SHA-256 of a file as it was received."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
