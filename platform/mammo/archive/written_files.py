"""Names of image files that are written before the rows that name them are there for everyone.

Noted on disk before each file is written, forgotten when the transaction with its rows has ended. What a killed
process or a failed commit leaves is found by the note, and only what a note lists is ever removed.
"""

import contextlib
import time
import uuid
from pathlib import Path

from django.conf import settings

from mammo.archive import storage
from mammo.archive.models import Image, ImportItem

# No transaction of an import is open as long as this.
SURELY_ENDED_SECONDS = 24 * 3600.0


class WrittenFiles:
    """The note of one store of a few files: give its `new_name` to what writes them."""

    def __init__(self) -> None:
        self._path = _folder() / f"written-{uuid.uuid4().hex}.txt"

    def new_name(self, suffix: str) -> str:
        """A fresh opaque name, noted."""
        name = storage.new_name(suffix)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="ascii") as handle:
            handle.write(name + "\n")
        return name

    def close(self) -> None:
        """Forget the names: their rows are there, or the files are gone."""
        self._path.unlink(missing_ok=True)


def remove_unnamed(older_than_seconds: float = SURELY_ENDED_SECONDS) -> int:
    """Remove noted files that no row names and whose note is older than this; a chore. Returns how many."""
    limit, removed = time.time() - older_than_seconds, 0
    for note in _folder().glob("written-*.txt"):
        with contextlib.suppress(FileNotFoundError):
            if note.stat().st_mtime > limit:
                continue
            for name in note.read_text(encoding="ascii").splitlines():
                removed += _remove_unless_named(name)
            note.unlink()
    return removed


def _remove_unless_named(name: str) -> bool:
    if name.endswith(".dcm"):
        root, is_named = storage.viewing_copies_root(), Image.objects.filter(viewing_copy=name).exists()
    else:
        root = storage.originals_root()
        is_named = (
            Image.objects.filter(original=name).exists()
            or ImportItem.objects.filter(quarantine_file=name).exists()
        )
    if is_named or not (root / name).exists():
        return False
    storage.remove(root, name)
    return True


def _folder() -> Path:
    return Path(settings.MAMMO_HOME) / "imports"
