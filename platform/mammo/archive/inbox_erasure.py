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
    """Look through the inbox of her site; archives are taken apart first, so that other patients' members stay."""
    site, marks, found = patient.site, marks_of(patient).hashes, Received()
    for entry in [*inbox.entries(inbox.folder(site)), *_taken(site)]:
        if inbox.is_archive(site, entry):
            with contextlib.suppress(UserError, FileNotFoundError):
                take_apart(site, entry)
    waiting = [entry.path for entry in [*inbox.entries(inbox.folder(site)), *_taken(site)]]
    waiting += sorted((inbox.folder(site) / "uploads").glob("*.part"))
    if not waiting:
        return found
    with raw_files.laid_out() as folder, ParsingPool[Path](installation(), children=1) as pool:
        for path, answer in pool.answers(_requests(site, waiting, folder)):
            (folder / path.name).unlink(missing_ok=True)
            if not path.exists():
                continue  # imported meanwhile
            if answer["outcome"] != "identified":
                found.unread.append({"kind": "received file", "name": path.name, "where": str(path)})
            elif marks & {answer["patient"], answer["study"]}:
                found.hers.append(path)
    return found


def _taken(site: Site) -> list[inbox.Entry]:
    """What imports took and did not finish."""
    return [entry for held in inbox.folder(site).glob("taken-*") for entry in inbox.entries(held)]


def _requests(site: Site, waiting: list[Path], folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The beginning of each file, in clear: an upload that broke off may have no more."""
    for path in waiting:
        target = folder / path.name
        with contextlib.suppress(FileNotFoundError, UserError):
            pieces = inbox.frames(site, path)
            next(pieces, b"")  # its own header
            target.touch(mode=0o600)
            target.write_bytes(next(pieces, b"")[:BEGINNING_BYTES])
        if path.exists():
            yield path, {"task": "identify", "path": str(target), "site": site.code}
