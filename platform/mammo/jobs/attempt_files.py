"""The files of one attempt of a job: request, answer, log. They hold patients' texts.

While the child works they are readable by the platform's own account only; when the attempt ends, the
request, the answer and whatever else the child left in the folder are shredded, and the log is encrypted.
"""

import contextlib
import json
import os
import shutil
import traceback
import uuid
from pathlib import Path
from typing import Any

from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically
from mammo.core.keys import KeyDestroyedError, key_store
from mammo.jobs.models import Job

PURPOSE = "jobs.log"
# Of a longer log the start and the end are kept.
LOG_START, LOG_END = 1 << 20, 4 << 20
BLOCK = 1 << 20


class AttemptFiles:
    """Paths of one attempt below the job's folder.

    Args:
        attempt: the job's present attempt when not given.
    """

    def __init__(self, job: Job, attempt: int | None = None) -> None:
        self.job = job
        self.folder = job.folder / f"attempt-{job.attempt if attempt is None else attempt}"
        self.request = self.folder / "request.json"
        self.answer = self.folder / "answer.jsonl"
        # Rows that a child left for good before it failed (`modeling.data.exchange.kept_beside`).
        self.kept = self.folder / "answer.jsonl.kept"
        self.log = self.folder / "log.txt"
        self.sealed_log = self.folder / "log.sealed"
        # Stays: tells whoever closes the attempt that its log goes, and later why there is none.
        self.erased_mark = self.folder / "log.erased"

    def make(self) -> None:
        """Make the folder, closed to other accounts, and the empty log."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))

    def write_request(self, request: dict[str, Any]) -> None:
        """Write the request whole or not at all, readable by this account only.

        Raises:
            UserError: a value is no JSON value.
        """
        try:
            data = json.dumps(request, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise UserError(f"{self.job.kind}: its request can't be written as JSON ({error})") from None
        part = self.folder / ".request.json.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(part, self.request)

    def note(self, text: str) -> None:
        """Add a line to the log; on a full disk it is left out, and nothing else is stopped by that."""
        with contextlib.suppress(OSError), self.log.open("a", encoding="utf-8") as handle:
            handle.write(text.rstrip("\n") + "\n")

    def note_exception(self, error: BaseException) -> None:
        """Add a traceback to the log (here, because its message may hold a patient's text)."""
        self.note("".join(traceback.format_exception(error)))

    def last_line(self) -> str:
        """The log's last line that says something."""
        lines = [line.strip() for line in self.tail(50).splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def tail(self, lines: int) -> str:
        """The log's last lines, also of a sealed log.

        Raises:
            KeyDestroyedError: the key of the log was destroyed.
        """
        if self.log.exists():
            data = _start_and_end(self.log, start=0, end=LOG_END // 8)
        elif self.sealed_log.exists():
            data = key_store().decrypt(
                self.job.encryption_key_id(), self.sealed_log.read_bytes(), self._purpose
            )
        else:
            return ""
        return "\n".join(data.decode("utf-8", "replace").splitlines()[-lines:])

    def close(self) -> None:
        """Encrypt the log and shred everything else; a log whose key is gone is shredded too."""
        if not self.folder.is_dir():
            return
        if self.log.exists() and not self.erased_mark.exists():
            self._seal_log()
        kept = {self.erased_mark} if self.erased_mark.exists() else {self.erased_mark, self.sealed_log}
        for path in list(self.folder.iterdir()):
            if path not in kept:
                shred(path)

    def _seal_log(self) -> None:
        text = _start_and_end(self.log, start=LOG_START, end=LOG_END)
        try:
            sealed = key_store().encrypt(self.job.encryption_key_id(), text, self._purpose)
        except (KeyDestroyedError, UserError):
            return
        write_atomically(self.sealed_log, sealed)

    def erase_log(self) -> bool:
        """Destroy the log for good; one of an attempt that is at work goes when it is closed, and is shown no more.

        The mark comes first: whoever closes the attempt meanwhile looks for it after sealing. Returns whether there
        was a log.
        """
        there = self.log.exists() or self.sealed_log.exists()
        if there:
            with contextlib.suppress(FileNotFoundError):  # the folder is going
                self.erased_mark.touch(mode=0o600)
        if self.sealed_log.exists():
            shred(self.sealed_log)
        return there

    @property
    def _purpose(self) -> str:
        return f"{PURPOSE}:{self.job.pk}:{self.folder.name}"


def job_of(folder: Path) -> Job | None:
    """The job to which an attempt's folder belongs; None for one that is not known (any more)."""
    try:
        job_id = uuid.UUID(folder.parent.name)
    except ValueError:
        return None
    return Job.objects.filter(pk=job_id).first()


def shred(path: Path) -> None:
    """Overwrite a file and remove it; a folder with all that is in it. Links are removed, never followed.

    On flash storage and copying file systems the overwriting may miss the old blocks: full-disk encryption is
    the remedy there (docs/deployment.md).
    """
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            shred(inner)
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        if path.is_file() and not path.is_symlink():
            with path.open("r+b") as handle:
                for _block in range(0, max(1, path.stat().st_size), BLOCK):
                    handle.write(os.urandom(min(BLOCK, path.stat().st_size)))
                handle.flush()
                os.fsync(handle.fileno())
    finally:
        path.unlink(missing_ok=True)


def _start_and_end(path: Path, *, start: int, end: int) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as handle:
        if size <= start + end:
            return handle.read()
        head = handle.read(start)
        handle.seek(size - end)
        left_out = f"\n[{size - start - end} bytes left out]\n".encode() if start else b""
        return head + left_out + handle.read()
