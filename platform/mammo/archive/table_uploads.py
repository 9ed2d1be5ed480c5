"""Tables that come by a page: kept encrypted, shown with the mapping of their columns, imported when confirmed.

The import runs as jobs, each a part of the table, so that no transaction is long; their child reads the file in a
limited process and has neither database nor keys.
"""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import ImportBatch, TableUpload
from mammo.archive.pathology_import import import_pathology_rows
from mammo.archive.reports_import import import_reports
from mammo.archive.studies_import import open_batch
from mammo.archive.table_mappings import check, proposed, remember, remembered
from mammo.archive.table_previews import first_rows
from mammo.archive.tables import Mapping, Row
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.jsonlines import write_atomically
from mammo.core.keys import key_store
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.models import ENDED, Job
from mammo.jobs.services import submit

JOB_KIND = "archive.import_table"
MODULE = "mammo.archive.table_child"
PURPOSE = "archive.table"
SUFFIXES = (".csv", ".tsv", ".xlsx", ".jsonl")
LARGEST_TABLE = 60_000_000
ROWS_PER_JOB = 300
# A table that nobody confirmed, or whose import nobody took up again, is destroyed after this time.
KEPT = timedelta(days=14)
# A table that is being sent or written anew has no row yet that names its file.
UNNAMED_SECONDS = 3600.0


@dataclass(frozen=True)
class Preview:
    """What a table looks like before it is imported.

    Attributes:
        mapping: column of the table -> column of ours ('' leaves it out).
        is_remembered: the mapping was confirmed for a table with these columns earlier.
        rows: the first ones, cells in the order of the mapping.
    """

    mapping: Mapping
    is_remembered: bool
    rows: list[list[str]]


def keep_table(file: "UploadedFile[bytes]", *, kind: str, site: Site, by_user: User) -> TableUpload:
    """Keep a table that was sent, encrypted; nothing is imported yet.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        UserError: it is no table, or too large.
    """
    if not by_user.has_role("data_manager", site=site):
        raise NotAllowedError(_("only a data manager of the site imports tables"))
    name = Path(file.name or "table").name[:200]
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(_("%(name)s: tables end in %(known)s") % {"name": name, "known": ", ".join(SUFFIXES)})
    if (file.size or 0) > LARGEST_TABLE:
        raise UserError(_("%(name)s: larger than 60 MB; divide the table") % {"name": name})
    if kind not in TableUpload.Kind.values:
        raise UserError(_("kind: choose reports or pathology"))
    upload = TableUpload(site=site, by_user=by_user, kind=kind, name=name, suffix=suffix)
    sealed = key_store().encrypt(site.key_id, file.read(), PURPOSE)
    write_atomically(path_of(upload), sealed)
    try:
        preview(upload)
        with transaction.atomic():
            upload.save(force_insert=True)
            audit.record("archive.table_kept", by_user=by_user, on=upload, site=site, kind=kind)
    except BaseException:
        path_of(upload).unlink(missing_ok=True)
        raise
    return upload


def preview(upload: TableUpload) -> Preview:
    """The mapping that is proposed or remembered for a kept table, and its first rows.

    Raises:
        UserError: it can't be read as a table, or it is gone.
    """
    with tempfile.TemporaryDirectory(dir=tables_folder()) as folder:
        header, rows = first_rows(lay_out(upload, Path(folder)), upload.name)
    if not header:
        raise UserError(_("%(name)s: holds no rows") % {"name": upload.name})
    known = remembered(upload.site, upload.kind, header)
    mapping = upload.mapping or {**proposed(upload.kind, header), **(known or {})}
    return Preview(mapping, known is not None, rows)


def confirm(upload: TableUpload, mapping: Mapping, *, by_user: User) -> TableUpload:
    """Import a kept table with this mapping, and remember it; runs as jobs.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        WrongStateError: it is imported already, or being imported.
        UserError: the mapping names columns that do not exist.
    """
    with transaction.atomic():
        row = _own(upload, by_user)
        if row.finished_at is not None or (row.job is not None and row.job.state not in ENDED):
            raise WrongStateError(_("this table is imported already"))
        if not row.taken:
            check(row.kind, mapping)
            row.mapping = mapping
            row.save(update_fields=["mapping"])
            remember(row.site, row.kind, mapping, by_user=by_user)
        _submit(row, by_user)
    return row


def discard(upload: TableUpload, *, by_user: User) -> None:
    """Destroy a kept table; what was imported of it stays.

    Raises:
        WrongStateError: it is being imported.
    """
    with transaction.atomic():
        row = _own(upload, by_user)
        if row.job is not None and row.job.state not in ENDED:
            raise WrongStateError(_("this table is being imported"))
        audit.record("archive.table_discarded", by_user=by_user, on=row, site=row.site)
        path = path_of(row)
        row.delete()
        transaction.on_commit(lambda: path.unlink(missing_ok=True))


def forget_stale() -> int:
    """Destroy tables that nobody confirmed or took up again; a chore."""
    stale = TableUpload.objects.filter(finished_at=None, created_at__lt=timezone.now() - KEPT)
    done = 0
    for upload in stale.select_related("job")[:20]:
        if upload.job is None or upload.job.state in ENDED:
            path_of(upload).unlink(missing_ok=True)
            upload.delete()
            done += 1
    return done


def remove_unnamed() -> int:
    """Remove what no table names: files of one that a withdrawal wrote anew, or of a killed process; a chore."""
    limit, done = time.time() - UNNAMED_SECONDS, 0
    found = list(tables_folder().iterdir())
    named = {path_of(upload) for upload in TableUpload.objects.only("file")}
    for path in found:
        with contextlib.suppress(FileNotFoundError):
            if path in named or path.stat().st_mtime > limit:
                continue
            if path.is_dir():  # a table laid out for a reader
                shutil.rmtree(path)
            else:
                path.unlink()
            done += 1
    return done


def build_request(job: Job) -> dict[str, Any]:
    """Lay the table, decrypted, beside the request.

    Raises:
        UserError: it is gone.
    """
    upload = _of(job)
    path = lay_out(upload, AttemptFiles(job).folder)
    return {
        "path": str(path),
        "kind": upload.kind,
        "mapping": upload.mapping,
        "start": upload.taken,
        "limit": ROWS_PER_JOB,
    }


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Import the rows that the child read, in the transaction that ends the job; then the next part, or the end."""
    upload = TableUpload.objects.select_for_update(of=("self",)).get(pk=_of(job).pk)
    answered = list(rows)
    whole = next((row for row in answered if "rows" in row), None)
    if whole is None or int(whole["start"]) != upload.taken:
        return {"rows": 0}  # another job has taken this part
    part = [Row(int(row["number"]), row["cells"]) for row in answered if "cells" in row]
    batch = _batch(upload, job)
    if part:
        with audit.at_the_end():
            _take(upload, part, batch)
    upload.taken += len(part)
    if upload.taken >= int(whole["rows"]):
        upload.finished_at = timezone.now()
        transaction.on_commit(lambda: path_of(upload).unlink(missing_ok=True))
    else:
        _submit(upload, upload.by_user)
    upload.save(update_fields=["taken", "finished_at", "job"])
    return {"rows": len(part)}


def is_last(job: Job) -> bool:
    """Whether no row of its table is left to import."""
    return not TableUpload.objects.filter(pk=job.parameters["upload"], finished_at=None).exists()


def _batch(upload: TableUpload, job: Job) -> ImportBatch:
    batch = open_batch(
        upload.site,
        ImportBatch.Origin.UPLOAD,
        by_user=upload.by_user,
        is_simulated=job.is_simulated,
        batch_id=upload.pk,
    )
    if batch.kind != upload.kind:
        batch.kind = upload.kind
        batch.save(update_fields=["kind"])
    return batch


def _take(upload: TableUpload, rows: list[Row], batch: ImportBatch) -> None:
    path = Path(str(upload.name))
    if upload.kind == TableUpload.Kind.PATHOLOGY:
        import_pathology_rows(
            rows, path, site=upload.site, by_user=upload.by_user, is_simulated=batch.is_simulated, batch=batch
        )
    else:
        import_reports(
            rows, path, site=upload.site, by_user=upload.by_user, is_simulated=batch.is_simulated, batch=batch
        )


def _submit(upload: TableUpload, by_user: User) -> None:
    upload.job = submit(
        JOB_KIND,
        by_user=by_user,
        site=upload.site,
        about=upload,
        title=gettext_lazy("Table of %(kind)s"),
        title_values={"kind": TableUpload.Kind(upload.kind).label},
        parameters={"upload": str(upload.pk)},
        is_simulated=upload.site.is_simulated,
    )
    upload.save(update_fields=["job"])


def _own(upload: TableUpload, user: User) -> TableUpload:
    rows = TableUpload.objects.select_for_update(of=("self",)).select_related("site", "job", "by_user")
    row = rows.get(pk=upload.pk)
    if not user.has_role("data_manager", site=row.site):
        raise NotAllowedError(_("only a data manager of the site imports tables"))
    return row


def _of(job: Job) -> TableUpload:
    found = TableUpload.objects.select_related("site", "by_user").filter(pk=job.parameters["upload"]).first()
    if found is None:
        raise UserError(_("this table was discarded"))
    return found


def tables_folder() -> Path:
    """Where sealed tables lie."""
    folder = Path(settings.MAMMO_HOME) / "imports" / "tables"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def path_of(upload: TableUpload) -> Path:
    """Where the sealed table lies."""
    return tables_folder() / (upload.file or f"{upload.pk}.enc")


def lay_out(upload: TableUpload, folder: Path) -> Path:
    """Write the table, decrypted, into a folder for whoever reads it; returns its path.

    Raises:
        UserError: it is gone.
    """
    sealed = _sealed(upload)
    target = folder / f"table{upload.suffix}"
    target.write_bytes(key_store().decrypt(upload.site.key_id, sealed, PURPOSE))
    target.chmod(0o600)
    return target


def _sealed(upload: TableUpload) -> bytes:
    """The sealed table; a withdrawal may have written it anew under another name since the row was read."""
    for _attempt in range(2):
        try:
            return path_of(upload).read_bytes()
        except FileNotFoundError:
            row = TableUpload.objects.filter(pk=upload.pk).values("file", "suffix").first()
            if row is None or row["file"] == upload.file:
                break
            upload.file, upload.suffix = row["file"], row["suffix"]
    raise UserError(_("this table is not kept any more: send it again"))
