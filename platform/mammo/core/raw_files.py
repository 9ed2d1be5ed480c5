"""Files as they were sent, in clear while a request reads them: below MAMMO_HOME, for the platform's account alone.

The system's folder for temporary files is another disk than the one that is encrypted, and others look into it.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler

PREFIX = "raw-"


def folder() -> Path:
    """Where such files lie."""
    found = Path(settings.MAMMO_HOME) / "temporary"
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


@contextlib.contextmanager
def laid_out() -> Iterator[Path]:
    """A folder for what was sent, for whoever reads it by its path; gone afterwards.

    It is locked as long as it is used, however long that is: no chore takes it.
    """
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder()) as name, _locked(Path(name)):
        yield Path(name)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder's lock; it ends with the process too. Raises BlockingIOError where another one holds it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


class RawUploadedFile(TemporaryUploadedFile):
    """An upload that is too large for memory; Django's own lies in the system's folder."""

    def __init__(
        self,
        name: str,
        content_type: str,
        size: int,
        charset: str | None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        file = tempfile.NamedTemporaryFile(prefix=PREFIX, dir=folder())  # noqa: SIM115 (the request closes it)
        UploadedFile.__init__(self, file, name, content_type, size, charset, extra)


class RawFileUploadHandler(TemporaryFileUploadHandler):
    """Writes large uploads below MAMMO_HOME (FILE_UPLOAD_HANDLERS)."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin the file that data is added to as it comes."""
        super(TemporaryFileUploadHandler, self).new_file(*args, **kwargs)
        self.file = RawUploadedFile(
            self.file_name or "",
            self.content_type or "",
            0,
            self.charset,
            self.content_type_extra,
        )


def use_for_bodies() -> None:
    """Let a web process keep the bodies of requests here too while they come; they have no name there."""
    tempfile.tempdir = str(folder())


def remove_stale(older_than_seconds: float = 3600.0) -> int:
    """Remove what a killed process left; a chore. Returns how many files and folders."""
    removed, limit = 0, time.time() - older_than_seconds
    for path in folder().glob(f"{PREFIX}*"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            if path.stat().st_mtime >= limit:
                continue
            if path.is_dir():
                with _locked(path):
                    shutil.rmtree(path)
            else:
                path.unlink()
            removed += 1
    return removed
