"""Rows of a table that were not taken, given back as they came with the reason; the file identifies patients."""

import csv
import io
import uuid
from pathlib import Path

from django.conf import settings

from mammo.archive.tables import Row
from mammo.core.jsonlines import write_atomically


def unmatched_path(batch_id: uuid.UUID) -> Path:
    """Where the refused rows of an import are, if there were any."""
    return Path(settings.MAMMO_HOME) / "imports" / f"unmatched-{batch_id}.csv"


def write_unmatched(refused: list[tuple[Row, str]], batch_id: uuid.UUID) -> Path:
    """Write refused rows with the reason; readable by this account only."""
    columns = [*dict.fromkeys(name for row, _ in refused for name in row.cells), "line", "reason"]
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns)
    writer.writeheader()
    for row, reason in refused:
        writer.writerow({**row.cells, "line": row.number, "reason": reason})
    target = unmatched_path(batch_id)
    write_atomically(target, buffer.getvalue().encode("utf-8-sig"))
    target.chmod(0o600)
    return target
