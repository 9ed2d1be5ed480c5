"""The two stores of image files, by opaque names: encrypted originals, and viewing copies that hold no identity.

A file is written before the row that names it; what a killed import left without a row is found by its note
(`written_files`). Nothing is removed only because no row names it: the database may be an older one, set back.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from django.conf import settings

from mammo.core.jsonlines import write_atomically
from mammo.core.keys import key_store

PURPOSE = "archive.original"
INCOMING = ".incoming"
# Gives a fresh opaque name with this suffix.
Namer = Callable[[str], str]


def originals_root() -> Path:
    """Folder of the encrypted originals; never served."""
    return Path(settings.MAMMO_ORIGINALS)


def viewing_copies_root() -> Path:
    """Folder of the viewing copies."""
    return Path(settings.MAMMO_VIEWING_COPIES)


def new_name(suffix: str) -> str:
    """A fresh opaque name, spread over 256 folders."""
    name = uuid.uuid4().hex
    return f"{name[:2]}/{name}{suffix}"


def store_original(data: bytes, key_id: uuid.UUID, *, named_by: Namer = new_name) -> str:
    """Encrypt a file as received under a patient's (or, in quarantine, the site's) key; returns its name."""
    name = named_by(".enc")
    write_atomically(originals_root() / name, key_store().encrypt(key_id, data, PURPOSE))
    return name


def read_original(name: str, key_id: uuid.UUID) -> bytes:
    """Decrypt a stored original.

    Raises:
        KeyDestroyedError: the patient was erased.
    """
    key_store().cipher(key_id)  # says so first when the key was destroyed: then the file is gone too
    return key_store().decrypt(key_id, (originals_root() / name).read_bytes(), PURPOSE)


def remove(root: Path, name: str) -> None:
    """Remove a stored file if it is there, and the thumbnail that belongs to it; "" names none."""
    if not name:
        return
    (root / name).unlink(missing_ok=True)
    if name.endswith(".dcm"):
        thumbnail_path(name).unlink(missing_ok=True)


def thumbnail_path(viewing_copy: str) -> Path:
    """Where the thumbnail of a viewing copy is."""
    return (viewing_copies_root() / viewing_copy).with_suffix(".png")


def adopt_viewing_copy(staged: Path, *, named_by: Namer = new_name) -> str:
    """Move a staged viewing copy to its opaque name and return that."""
    name = named_by(".dcm")
    target = viewing_copies_root() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if staged.with_suffix(".png").exists():
        _move(staged.with_suffix(".png"), target.with_suffix(".png"))
    _move(staged, target)
    return name


def _move(source: Path, target: Path) -> None:
    """Rename, or copy where the two are on different disks."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_atomically(target, source.read_bytes())
        source.unlink()


@contextlib.contextmanager
def incoming() -> Iterator[Path]:
    """A folder for files on their way in, decrypted, on the viewing copies' disk; gone afterwards.

    A lock says that its process lives: taken before the folder is there and let go when it is gone, so that whoever
    finds a folder without one (`remove_abandoned`) finds a killed process's.
    """
    folder = viewing_copies_root() / INCOMING / uuid.uuid4().hex
    with _in_use(folder) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.name).unlink(missing_ok=True)


def _in_use(folder: Path) -> IO[str]:
    """The lock file of an incoming folder, not locked yet; in MAMMO_HOME, as `RunningImport`'s."""
    locks = _locks()
    locks.mkdir(parents=True, exist_ok=True)
    return (locks / f"incoming-{folder.name}.lock").open("w")


def _locks() -> Path:
    return Path(settings.MAMMO_HOME) / "imports"


def remove_abandoned() -> int:
    """Remove incoming folders of processes that live no more, beside imports that run; returns how many."""
    removed = 0
    for root in (originals_root(), viewing_copies_root()):
        for folder in (root / INCOMING).glob("*"):
            with _in_use(folder) as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                removed += folder.exists()  # or its import ended just now
                shutil.rmtree(folder, ignore_errors=True)
                Path(lock.name).unlink(missing_ok=True)
    return removed


class RunningImport:
    """Marks this process as importing, by a file lock; use it as a context manager.

    `is_alone` says on entry whether no other import runs: only then may leftovers be swept. `admit_others()`
    then lets further imports run beside this one.
    """

    def __init__(self) -> None:
        folder = _locks()
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "running.lock").open("w")
        self.is_alone = False

    def __enter__(self) -> "RunningImport":
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.is_alone = True
        except BlockingIOError:
            self.admit_others()
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock."""
        self._lock.close()

    def admit_others(self) -> None:
        """Go over to a shared lock (waits while another import sweeps)."""
        fcntl.flock(self._lock, fcntl.LOCK_SH)


def remove_stale(older_than_seconds: float = 3600.0) -> int:
    """Remove folders with decrypted files that a killed process left: of an import at once, of a look into quarantine
    or of a push when they are older than this; a chore.

    Returns:
        how many.
    """
    removed = remove_abandoned()
    limit = time.time() - older_than_seconds
    left = [*viewing_copies_root().glob(".look-*"), *(Path(settings.MAMMO_HOME) / "inbox").glob("*/stow-*")]
    for folder in left:
        with contextlib.suppress(FileNotFoundError):
            if folder.is_dir() and folder.stat().st_mtime < limit:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed
