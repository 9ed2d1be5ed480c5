"""Rows of a table that were not taken, given back as they came with the reason.

They identify patients: on disk they are sealed under the site's key, and after two weeks they are destroyed.
"""

import contextlib
import csv
import io
import json
import time
import uuid
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from mammo.accounts.models import Site
from mammo.archive.marks import Marks
from mammo.archive.models import ImportBatch, Patient
from mammo.archive.pseudonyms import installation
from mammo.archive.tables import Row
from mammo.core.jsonlines import write_atomically
from mammo.core.keys import key_store

PURPOSE = "archive.unmatched"
# Time to mend the table and send it again.
KEPT = timedelta(days=14)
_OURS = ("line", "reason")
# How the reason of a row begins that names a patient who withdrew (`reports_import`).
WITHDREW = "this patient withdrew"
Refused = dict[str, str]


def unmatched_path(batch_id: uuid.UUID) -> Path:
    """Where the sealed refused rows of an import are, if there were any."""
    return _folder() / f"unmatched-{batch_id}.enc"


def _folder() -> Path:
    return Path(settings.MAMMO_HOME) / "imports"


def write_unmatched(refused: list[tuple[Row, str]], batch: ImportBatch) -> None:
    """Seal refused rows with the reason, behind those of this batch that are there."""
    fresh = [{**row.cells, "line": str(row.number), "reason": reason} for row, reason in refused]
    fresh = [_without_the_erased(row, batch.site) for row in fresh]
    earlier = _opened(batch) if unmatched_path(batch.pk).exists() else []
    # By line: a part that is stored a second time replaces its rows.
    _seal({row["line"]: row for row in (*earlier, *fresh)}, batch)


def unmatched_csv(batch: ImportBatch) -> bytes:
    """The refused rows of an import as CSV (UTF-8 with a mark, as spreadsheets want it).

    Raises:
        FileNotFoundError: every row was taken, or the time for which they are kept is over.
        UserError: the file was changed.
    """
    rows = _opened(batch)
    named = dict.fromkeys(name for row in rows for name in row if name not in _OURS)
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, [*named, *_OURS])
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8-sig")


def fetched_by(batch: ImportBatch) -> str:
    """The command that opens them."""
    return f"manage.py not_taken {batch.pk} FILE (kept encrypted for {KEPT.days} days)"


def forget_unmatched() -> int:
    """Destroy rows that were not taken when their time is over; a chore. Returns the number of files.

    Files that an earlier version wrote in clear (`.csv`) go by the same rule.
    """
    limit, done = time.time() - KEPT.total_seconds(), 0
    for path in _folder().glob("unmatched-*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < limit:
                path.unlink()
                done += 1
    return done


def _without_the_erased(row: Refused, site: Site) -> Refused:
    """The row, or its line and reason alone where it is of a patient who withdrew before it came."""
    number_hash = installation().number_hash(site.code, row.get("patient", ""))
    withdrew = Patient.objects.filter(site=site, number_hash=number_hash).exclude(erased_at=None)
    if row["reason"].startswith(WITHDREW) or withdrew.exists():
        return {name: row[name] for name in _OURS}
    return row


def forget_rows_of(patient: Patient, marks: Marks) -> int:
    """Drop the rows that name a patient who withdrew; returns how many."""
    dropped = 0
    for batch in ImportBatch.objects.filter(site=patient.site).exclude(kind="studies").select_related("site"):
        path = unmatched_path(batch.pk)
        if not path.exists():
            continue
        rows = _opened(batch)
        kept = [row for row in rows if not marks.stand_in(row.values())]
        dropped += len(rows) - len(kept)
        if not kept:
            path.unlink(missing_ok=True)
        elif len(kept) < len(rows):
            _seal({row["line"]: row for row in kept}, batch)
    return dropped


def _seal(rows: dict[str, Refused], batch: ImportBatch) -> None:
    written = json.dumps(list(rows.values()), ensure_ascii=False).encode()
    write_atomically(unmatched_path(batch.pk), key_store().encrypt(batch.site.key_id, written, PURPOSE))


def _opened(batch: ImportBatch) -> list[Refused]:
    sealed = unmatched_path(batch.pk).read_bytes()
    rows: list[Refused] = json.loads(key_store().decrypt(batch.site.key_id, sealed, PURPOSE))
    return rows
