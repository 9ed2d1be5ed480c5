"""Rows of a table that were not taken, given back as they came with the reason; the file identifies patients."""

import csv
import io
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from mammo.archive.tables import MAX_FIELD, Row
from mammo.core.jsonlines import write_atomically

_OURS = ("line", "reason")


def unmatched_path(batch_id: uuid.UUID) -> Path:
    """Where the refused rows of an import are, if there were any."""
    return Path(settings.MAMMO_HOME) / "imports" / f"unmatched-{batch_id}.csv"


def write_unmatched(refused: list[tuple[Row, str]], batch_id: uuid.UUID) -> Path:
    """Write refused rows with the reason, behind those of this batch that are there; this account alone reads it."""
    target = unmatched_path(batch_id)
    fresh = [{**row.cells, "line": str(row.number), "reason": reason} for row, reason in refused]
    # By line: a part that is stored a second time replaces its rows.
    rows = {row["line"]: row for row in (*_earlier(target), *fresh)}
    named = dict.fromkeys(name for row in rows.values() for name in row if name not in _OURS)
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, [*named, *_OURS])
    writer.writeheader()
    writer.writerows(rows.values())
    write_atomically(target, buffer.getvalue().encode("utf-8-sig"))
    target.chmod(0o600)
    return target


def _earlier(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        csv.field_size_limit(MAX_FIELD)
        yield from csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
