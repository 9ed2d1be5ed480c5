"""Names of image files and of new patients' keys that are written before the rows that name them are there for all.

Noted on disk before each file is written, forgotten when the transaction with its rows has ended. What a killed
process or a failed commit leaves is found by the note, and only what a note lists is ever removed.
"""

import contextlib
import os
import time
import uuid
from pathlib import Path

from django.conf import settings

from mammo.archive import storage
from mammo.archive.models import Image, ImportItem, Patient
from mammo.core.jsonlines import sync_folder
from mammo.core.keys import key_store

KEY = ".key"
# No transaction of an import is open as long as this.
SURELY_ENDED_SECONDS = 24 * 3600.0


class WrittenFiles:
    """The note of one store of a few files: give its `new_name` to what writes them, and take new keys from it."""

    def __init__(self) -> None:
        self._path = _folder() / f"written-{uuid.uuid4().hex}.txt"
        self._keys: list[uuid.UUID] = []
        self._names: list[str] = []

    def new_name(self, suffix: str) -> str:
        """A fresh opaque name, noted."""
        name = storage.new_name(suffix)
        self._note(name)
        self._names.append(name)
        return name

    def new_key(self) -> uuid.UUID:
        """A fresh key for a patient whose row does not stand yet, noted."""
        key_id = uuid.uuid4()
        self._note(f"{key_id}{KEY}")
        self._keys.append(key_id)
        return key_store().create(key_id)

    def sync(self) -> None:
        """Have the disk keep what was written under these names through a power cut; call it before the commit.

        The files themselves are on it, but for thumbnails; of a folder that was synced a moment ago nothing is left
        to write, so one pass over all of them costs far less than one behind each file.
        """
        folders = {Path(settings.MAMMO_KEYS) / "data"} if self._keys else set()
        for name in self._names:
            path = _root_of(name) / name
            if name.endswith(".dcm"):
                _sync_file(storage.thumbnail_path(name))
            folders |= {path.parent, path.parent.parent}
        for folder in sorted(folders):
            if folder.is_dir():  # nothing was written under a name that was not needed
                sync_folder(folder)

    def close(self) -> None:
        """Forget the names: their rows are there, or the files are gone. Keys that no patient took are removed.

        Call it when the transaction with the rows has ended.
        """
        for key_id in self._keys:
            _discard_unless_taken(key_id)
        self._keys = []
        self._path.unlink(missing_ok=True)

    def _note(self, name: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="ascii") as handle:
            handle.write(name + "\n")


def remove_unnamed(older_than_seconds: float = SURELY_ENDED_SECONDS) -> int:
    """Remove noted files and keys that no row names and whose note is older than this; a chore. Returns how many."""
    limit, removed = time.time() - older_than_seconds, 0
    for note in _folder().glob("written-*.txt"):
        with contextlib.suppress(FileNotFoundError):
            if note.stat().st_mtime > limit:
                continue
            for name in note.read_text(encoding="ascii").splitlines():
                removed += _remove_unless_named(name)
            note.unlink()
    return removed


def unnamed_files() -> list[Path]:
    """Files of the two stores that no row names; a running import's too.

    After a database was set back these are what came since its copy was taken: for a person to decide about. Files
    are listed before names are asked for, so that one which is stored meanwhile is not among them.
    """
    stored = {
        root: sorted(root.glob("??/*")) for root in (storage.originals_root(), storage.viewing_copies_root())
    }
    originals = set(Image.objects.values_list("original", flat=True))
    originals |= set(ImportItem.objects.values_list("quarantine_file", flat=True))
    copies = set(Image.objects.values_list("viewing_copy", flat=True))
    copies |= {str(Path(name).with_suffix(".png")) for name in copies if name}
    return [
        path
        for root, named in ((storage.originals_root(), originals), (storage.viewing_copies_root(), copies))
        for path in stored[root]
        if f"{path.parent.name}/{path.name}" not in named
    ]


def _remove_unless_named(name: str) -> bool:
    if name.endswith(KEY):
        return _discard_unless_taken(uuid.UUID(name.removesuffix(KEY)))
    root = _root_of(name)
    if name.endswith(".dcm"):
        is_named = Image.objects.filter(viewing_copy=name).exists()
    else:
        is_named = (
            Image.objects.filter(original=name).exists()
            or ImportItem.objects.filter(quarantine_file=name).exists()
        )
    # The thumbnail moves first: a process may have been killed between it and its copy; or while it wrote one.
    path = root / name
    files = [path] + ([storage.thumbnail_path(name)] if name.endswith(".dcm") else [])
    unfinished = list(path.parent.glob(f".{path.stem}.*.tmp"))
    if is_named or not (unfinished or any(each.exists() for each in files)):
        return False
    storage.remove(root, name)
    for each in unfinished:
        each.unlink(missing_ok=True)
    return True


def _root_of(name: str) -> Path:
    return storage.viewing_copies_root() if name.endswith(".dcm") else storage.originals_root()


def _sync_file(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as handle:
        os.fsync(handle.fileno())


def _discard_unless_taken(key_id: uuid.UUID) -> bool:
    """Remove a noted key unless a patient has it: nobody else knows its id, so no row can take it any more."""
    if Patient.objects.filter(key_id=key_id).exists():
        return False
    return key_store().discard(key_id)


def _folder() -> Path:
    return Path(settings.MAMMO_HOME) / "imports"
