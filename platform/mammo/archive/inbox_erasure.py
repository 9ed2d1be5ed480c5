"""What an erasure finds of a patient in the inbox: files that were received and not imported yet, and pieces of uploads.

They are sealed under the site's key, which lives on; whose a file is stands in its header alone.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mammo.accounts.models import Site
from mammo.archive import inbox
from mammo.archive.marks import marks_of
from mammo.archive.models import Patient
from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import installation
from mammo.archive.received_import import take_apart
from mammo.core import raw_files
from mammo.core.errors import UserError

# Of a file, for whose it is: that stands at its beginning.
BEGINNING_BYTES = 2 << 20


@dataclass
class Received:
    """What waits at a patient's site.

    Attributes:
        hers: files that name her.
        unread: files that don't say whose they are, as an erasure's list of what may hold her still.
    """

    hers: list[Path] = field(default_factory=list)
    unread: list[dict[str, str]] = field(default_factory=list)

    def destroy(self) -> None:
        """Remove hers; one that an import took meanwhile is refused there, and removed."""
        for path in self.hers:
            path.unlink(missing_ok=True)


def received_of(patient: Patient) -> Received:
    """Look through the inbox of her site; archives are taken apart, so that other patients' members stay.

    It reads all that waits there, and may wait for an import: never within a transaction.
    """
    site, marks, found = patient.site, marks_of(patient).hashes, Received()
    if not _waiting(site):
        return found
    with raw_files.laid_out() as folder, ParsingPool[Path](installation(), children=1) as pool:
        for path, answer in pool.answers(_requests(site, folder)):
            (folder / path.name).unlink(missing_ok=True)
            if not path.exists():
                continue  # imported meanwhile
            if answer["outcome"] != "identified":
                found.unread.append({"kind": "received file", "name": path.name, "where": str(path)})
            elif marks & {answer["patient"], answer["study"]}:
                found.hers.append(path)
    return found


def _waiting(site: Site) -> dict[Path, inbox.Entry | None]:
    """What waits, what imports took and did not finish, and pieces of uploads, which are no entries yet."""
    held = inbox.folder(site)
    found: dict[Path, inbox.Entry | None] = {}
    for folder in (held, *held.glob("taken-*")):
        with contextlib.suppress(FileNotFoundError):  # its import has ended
            found |= {entry.path: entry for entry in inbox.entries(folder)}
    return found | dict.fromkeys(sorted((held / "uploads").glob("*.part")))


def _requests(site: Site, folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The beginning of each file, in clear: an upload that broke off may have no more.

    Each is read once, by its name; members of an archive follow, and what an import took or gave back meanwhile.
    """
    read: set[str] = set()
    is_settled = False
    while not is_settled:
        is_settled = True
        for path, entry in _waiting(site).items():
            if path.name in read:
                continue
            beginning = _beginning(site, path)
            if beginning is None:
                is_settled = False
                continue
            read.add(path.name)
            if entry is not None and inbox.begins_archive(beginning):
                with contextlib.suppress(UserError, FileNotFoundError):
                    take_apart(site, entry)
                if not path.exists():
                    is_settled = False
                    continue
            target = folder / path.name
            target.touch(mode=0o600)
            target.write_bytes(beginning)
            yield path, {"task": "identify", "path": str(target), "site": site.code}


def _beginning(site: Site, path: Path) -> bytes | None:
    """The first bytes of a file, none of one that was changed; None where it is gone."""
    try:
        pieces = inbox.frames(site, path)
        next(pieces, b"")  # its own header
        return next(pieces, b"")[:BEGINNING_BYTES]
    except FileNotFoundError:
        return b"" if path.exists() else None
    except UserError:
        return b""
