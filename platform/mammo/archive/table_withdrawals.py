"""What an erasure takes out of tables that were sent by a page and are not, or not wholly, imported yet.

They are sealed under the site's key, which lives on. A row of hers keeps its place: an import goes on by counting
rows, and a job may be at it just now.
"""

import json
import tempfile
import uuid
from pathlib import Path

from django.db import transaction

from mammo.accounts import audit
from mammo.archive.marks import Marks, marks_of
from mammo.archive.models import Patient, TableUpload
from mammo.archive.table_uploads import PURPOSE, lay_out, path_of, tables_folder
from mammo.archive.tables import Row, every_row
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically
from mammo.core.keys import key_store

ERASED = "(erased)"


def forget_in_tables(patient: Patient) -> dict[str, int]:
    """Empty her rows in the unfinished tables of her site; a table in which they can't be told is destroyed whole.

    What stood before goes when the erasure's transaction ends: should it fail, every table stays as it was.
    Returns how many rows and whole tables those were.
    """
    marks, done = marks_of(patient), {"table_rows": 0, "tables": 0}
    uploads = TableUpload.objects.select_for_update(of=("self",)).select_related("site")
    for upload in uploads.filter(site=patient.site, finished_at=None):
        try:
            rows = _rows_of(upload)
        except UserError:
            _destroy(upload)
            done["tables"] += 1
            continue
        kept = [_without(row, marks) for row in rows]
        count = sum(before is not after for before, after in zip(rows, kept, strict=True))
        if count:
            _write(upload, kept)
        done["table_rows"] += count
    return done


def _rows_of(upload: TableUpload) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=tables_folder()) as folder:
        return every_row(lay_out(upload, Path(folder)))


def _without(row: Row, marks: Marks) -> Row:
    if not marks.stand_in(row.cells.values()):
        return row
    # Not empty, or the row would be passed over and those behind it move up.
    return Row(row.number, {name: ERASED if value else "" for name, value in row.cells.items()})


def _write(upload: TableUpload, rows: list[Row]) -> None:
    """Keep the table as JSON lines, each row in the line of its number, by which the import names it."""
    lines = [""] * max(row.number for row in rows)
    for row in rows:
        lines[row.number - 1] = json.dumps(row.cells, ensure_ascii=False)
    _remove_at_end(upload)
    upload.file = f"{upload.pk}.{uuid.uuid4().hex}.enc"
    upload.suffix, upload.name = ".jsonl", f"{ERASED}.jsonl"
    sealed = key_store().encrypt(upload.site.key_id, "\n".join(lines).encode(), PURPOSE)
    write_atomically(path_of(upload), sealed)
    upload.save(update_fields=["file", "suffix", "name"])


def _destroy(upload: TableUpload) -> None:
    audit.record("archive.table_discarded", by_user=None, on=upload, site=upload.site, reason="erasure")
    _remove_at_end(upload)
    upload.delete()


def _remove_at_end(upload: TableUpload) -> None:
    """Remove the file that the row names now, once the transaction is through; a chore does what then fails."""
    path = path_of(upload)
    transaction.on_commit(lambda: path.unlink(missing_ok=True))
