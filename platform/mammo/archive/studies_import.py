"""Import of images: hash, parse in a child, store the encrypted original and the viewing copy, then the rows.

Results are stored a few at a time: files first, then all their rows in one transaction. A killed import leaves
whole rows and perhaps files without a row, which the next import removes by their note; run again it goes on where it
ended.
"""

import contextlib
import errno
import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive import storage
from mammo.archive.labels import Labels
from mammo.archive.live_imports import is_going_on
from mammo.archive.models import ImportBatch, ImportItem, Patient
from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import Pseudonyms, installation
from mammo.archive.reports_import import import_reports
from mammo.archive.sources import LocalFiles, Sources, cannot_be_read, check_paths
from mammo.archive.study_rows import WITHDREW, Found, PatientAppearedError, StudyRows, Unused
from mammo.archive.tables import LABELS, REPORTS, read_table
from mammo.archive.written_files import WrittenFiles, remove_unnamed
from mammo.core.errors import EndedEarlyError, UserError
from mammo.core.keys import KeyDestroyedError, key_store

Outcome = ImportItem.Outcome
Progress = Callable[[int, int], None]
# The path of a file as it was given, by the number of its item.
GivenNames = dict[uuid.UUID, str]
STORED_TOGETHER = 24
STORE_ATTEMPTS = 4


def import_studies(
    paths: list[Path],
    *,
    site: Site,
    reports: Path | None = None,
    labels: Path | None = None,
    by_user: User | None,
    is_simulated: bool = False,
    progress: Progress | None = None,
    given_names: GivenNames | None = None,
) -> ImportBatch:
    """Import files, folders and zip archives; one ImportItem per file. Running it again imports nothing twice.

    Args:
        reports: table of reports (`tables.REPORTS`), matched to the site's studies after the images.
        labels: table of labels (`tables.LABELS`); PNG and PGM files need it.
        progress: called with (done, total) files.
        given_names: filled with the whole path of each item's file, for whoever gave the paths; kept nowhere.

    Raises:
        UserError: a path, a table or a column is wrong; nothing was changed.
        EndedEarlyError: the disk is full; what was stored before stays whole.
    """
    paths = [Path(path) for path in paths]
    check_paths(paths)
    label_rows = Labels(read_table(labels, LABELS, "--labels"), labels) if labels else Labels([], None)
    report_rows = read_table(reports, REPORTS, "--reports") if reports else []
    files = LocalFiles(paths, frozenset(path.resolve() for path in (reports, labels) if path))
    if not files.count():
        raise UserError(
            _("%(known)s: no file to import; name a folder, file or zip with some")
            % {"known": ", ".join(map(str, paths))}
        )
    try:
        batch = run_import(
            files,
            site=site,
            labels=label_rows,
            by_user=by_user,
            is_simulated=is_simulated,
            progress=progress,
            given_names=given_names,
        )
    except EndedEarlyError as error:
        if reports:
            error.done = _("%(done)s, no report was read") % {"done": error.done}
        raise
    if reports:
        import_reports(report_rows, reports, site=site, by_user=by_user, is_simulated=batch.is_simulated)
    return batch


def run_import(
    sources: Sources,
    *,
    site: Site,
    by_user: User | None,
    origin: str = ImportBatch.Origin.FILES,
    labels: Labels | None = None,
    is_simulated: bool = False,
    progress: Progress | None = None,
    batch_id: uuid.UUID | None = None,
    pool: ParsingPool[Found] | None = None,
    given_names: GivenNames | None = None,
) -> ImportBatch:
    """Import every file of `sources` as one batch; what a killed import left is cleared first.

    Args:
        batch_id: goes on with this batch, or makes it.
        pool: children that stay for the next batch; this one's own when not given.
        given_names: as for `import_studies`.

    Raises:
        EndedEarlyError: the disk is full; what was stored before stays whole, and the batch is closed as interrupted.
        OSError: the same with a `batch_id`; the batch stays open.
    """
    with storage.RunningImport() as running:
        if running.is_alone:
            clear_up()
        running.admit_others()
        batch = open_batch(site, origin, by_user=by_user, is_simulated=is_simulated, batch_id=batch_id)
        run = StudyImport(batch, labels or Labels([], None), progress)
        try:
            with _full_disk_is_an_os_error(), storage.incoming() as folder:
                with contextlib.nullcontext(pool) if pool else ParsingPool[Found](run.pseudonyms) as children:
                    run.take_all(sources, folder, children)
                finish_batch(batch)
        except Exception as error:
            if batch_id is not None:
                raise  # a delivery's files wait in the inbox and go on with the same batch
            _close_as_interrupted(batch)
            if not isinstance(error, OSError):
                raise
            done = _("%(done)s of %(total)s files are taken and stay")
            raise EndedEarlyError(error, done % {"done": batch.items.count(), "total": run.total}) from error
        if given_names is not None:
            given_names.update(run.given_names)
    return batch


def open_batch(
    site: Site, origin: str, *, by_user: User | None, is_simulated: bool, batch_id: uuid.UUID | None
) -> ImportBatch:
    """The batch of this number, open again, or a new one."""
    values = {
        "site": site,
        "origin": origin,
        "by_user": by_user,
        "kind": "studies",
        "is_simulated": is_simulated or site.is_simulated,
    }
    if batch_id is None:
        return ImportBatch.objects.create(**values)
    batch, is_new = ImportBatch.objects.get_or_create(pk=batch_id, site=site, defaults=values)
    if not is_new and batch.finished_at is not None:
        batch.finished_at = None
        batch.save(update_fields=["finished_at"])
    return batch


def clear_up() -> None:
    """End batches that were killed and remove what they noted and no row names; only while no import runs.

    A received delivery that was killed stays open: its files wait in the inbox and go on with the same batch.
    """
    rows = ImportBatch.objects.filter(finished_at=None).select_related("site", "by_user")
    for batch in [batch for batch in rows if not is_going_on(batch)]:
        finish_batch(batch, interrupted=True)
    storage.remove_stale()
    remove_unnamed(older_than_seconds=0)


def finish_batch(batch: ImportBatch, *, interrupted: bool = False) -> None:
    """Count the outcomes of a batch and close it."""
    counts: dict[str, Any] = dict.fromkeys(Outcome.values, 0)
    for outcome in batch.items.values_list("outcome", flat=True):
        counts[outcome] += 1
    if interrupted:
        counts["interrupted"] = True
    with transaction.atomic():
        batch.counts, batch.finished_at = counts, timezone.now()
        batch.save(update_fields=["counts", "finished_at"])
        audit.record(
            "archive.imported",
            by_user=batch.by_user,
            on=batch,
            site=batch.site,
            kind=batch.kind,
            counts=counts,
        )


def _close_as_interrupted(batch: ImportBatch) -> None:
    """Where the database takes no more, the next import closes it."""
    with contextlib.suppress(OSError, DatabaseError):
        finish_batch(batch, interrupted=True)


class _full_disk_is_an_os_error:  # noqa: N801 (reads as a statement)
    """SQLite reports a full disk as an OperationalError; everywhere else it is an OSError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OperationalError) and "disk is full" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device", "the database") from error


class StudyImport:
    """One run over all sources of a batch."""

    def __init__(self, batch: ImportBatch, labels: Labels, progress: Progress | None) -> None:
        self.batch, self.site, self.labels, self.progress = batch, batch.site, labels, progress
        self.pseudonyms: Pseudonyms = installation()
        self.rows = StudyRows(batch, labels, self.pseudonyms)
        self.keys: dict[str, uuid.UUID] = {}
        self.waiting: list[Found] = []
        self.given_names: GivenNames = {}
        self.done = self.total = 0

    def take_all(self, sources: Sources, folder: Path, pool: ParsingPool[Found]) -> None:
        """Import every file of `sources`."""
        self.total = sources.count()
        for found, answer in pool.answers(self._requests(sources, folder)):
            found.answer = answer
            if answer["outcome"] == "failed":
                raise OSError(answer["errno"], answer["reason"], str(folder))
            self._wait(found)
        self._store()

    def _requests(self, sources: Sources, folder: Path) -> Iterator[tuple[Found, dict[str, Any]]]:
        """Requests for the children; files that need none are answered here."""
        for number, source in enumerate(sources.files(folder)):
            found = Found(source)
            if source.path is None:
                found.answer = {"outcome": Outcome.REJECTED, "reason": source.problem}
                self._wait(found)
                continue
            try:
                with source.path.open("rb") as handle:
                    found.sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
            except OSError as error:
                if source.is_temporary or source.spent:
                    raise  # our own copy: the file itself waits and comes again
                found.answer = {"outcome": Outcome.REJECTED, "reason": cannot_be_read(error)}
                self._wait(found)
                continue
            if self.rows.known_image(found.sha256) is not None:
                found.answer = {"outcome": Outcome.DUPLICATE}
                self._wait(found)
                continue
            found.staged, found.label = folder / f"{number}.dcm", self.labels.of_file(source.name)
            yield (
                found,
                {
                    "task": "import",
                    "path": str(source.path.absolute()),
                    "target": str(found.staged),
                    "site": self.site.code,
                    "label": found.label,
                    "judged": source.judged,
                },
            )

    def _wait(self, found: Found) -> None:
        self.waiting.append(found)
        if len(self.waiting) >= STORED_TOGETHER:
            self._store()

    def _store(self) -> None:
        """Store what waits."""
        waiting, self.waiting = self.waiting, []
        self.store(waiting)

    def store(self, waiting: list[Found]) -> None:
        """Store answered files: files first, then all their rows in one transaction."""
        self.rows.written, self.keys = WrittenFiles(), {}
        unused: list[Unused] = []
        for attempt in range(STORE_ATTEMPTS):
            try:
                unused = self._store_once(waiting)
                break
            except (PatientAppearedError, IntegrityError):
                # Another import stored the same patient or file in between: look again.
                if attempt == STORE_ATTEMPTS - 1:
                    self._remove_files(waiting)
                    raise
            except BaseException:
                self._remove_files(waiting)
                raise
        # Of a job's import the rows are there only when the job's own transaction has ended.
        transaction.on_commit(self.rows.written.close)
        for root, name in unused:
            storage.remove(root, name)
        for found in waiting:
            if found.item is not None:
                self.given_names[found.item] = found.source.name
            if found.source.is_temporary and found.source.path is not None:
                found.source.path.unlink(missing_ok=True)
            if found.source.spent is not None:
                found.source.spent.unlink(missing_ok=True)
        self.done += len(waiting)
        if self.progress and waiting:
            self.progress(self.done, max(self.total, self.done))

    def _store_once(self, waiting: list[Found]) -> list[Unused]:
        """Files, then rows; returns files that turned out not to be needed."""
        keys = self._keys(waiting)
        for found in waiting:
            self._write_files(found, keys)
        self.rows.written.sync()
        with transaction.atomic(), audit.at_the_end():
            self.rows.lock_patients(keys)
            unused = [name for found in waiting for name in self.rows.write(found, keys)]
            self._count(waiting)
        return unused

    def _count(self, waiting: list[Found]) -> None:
        """Counts so far, for the page that shows the import while it runs."""
        counts = {**dict.fromkeys(Outcome.values, 0), **self.batch.counts}
        for found in waiting:
            counts[found.outcome] += 1
        ImportBatch.objects.filter(pk=self.batch.pk).update(counts=counts)
        transaction.on_commit(lambda: setattr(self.batch, "counts", counts))

    def _keys(self, waiting: list[Found]) -> dict[str, uuid.UUID]:
        """Key of each patient by hash of her number; new patients get one before their row exists."""
        numbers = {
            self.rows.number_hash(f.header) for f in waiting if f.answer["outcome"] == Outcome.IMPORTED
        }
        known = Patient.objects.filter(site=self.site, number_hash__in=numbers).values_list(
            "number_hash", "key_id"
        )
        self.keys.update(known)
        self.keys.update({number: self.rows.written.new_key() for number in numbers - set(self.keys)})
        return self.keys

    def _write_files(self, found: Found, keys: dict[str, uuid.UUID]) -> None:
        if found.source.path is None:
            return
        if found.answer["outcome"] == Outcome.IMPORTED and found.staged is not None:
            key_id = keys[self.rows.number_hash(found.header)]
            if found.original and found.key_id != key_id:
                storage.remove(storage.originals_root(), found.original)
                found.original = ""
            if not found.original:
                try:
                    found.original, found.key_id = self._kept_original(found, key_id), key_id
                except KeyDestroyedError:
                    found.answer = {"outcome": Outcome.REJECTED, "reason": WITHDREW}
                    return
            if not found.viewing_copy:
                found.viewing_copy_sha256 = hashlib.sha256(found.staged.read_bytes()).hexdigest()
                found.viewing_copy = storage.adopt_viewing_copy(
                    found.staged, named_by=self.rows.written.new_name
                )
        elif found.answer["outcome"] == Outcome.QUARANTINED and not found.quarantine_file:
            found.quarantine_file, found.quarantine_is_new = self.rows.quarantine(found)

    def _kept_original(self, found: Found, key_id: uuid.UUID) -> str:
        """Name of the stored original; "" where the site keeps none.

        Raises:
            KeyDestroyedError: the patient withdrew.
        """
        if settings.ORIGINALS == "keep":
            return storage.store_original(found.read(), key_id, named_by=self.rows.written.new_name)
        key_store().cipher(key_id)
        return ""

    def _remove_files(self, waiting: list[Found]) -> None:
        for found in waiting:
            if found.original:
                storage.remove(storage.originals_root(), found.original)
            if found.viewing_copy:
                storage.remove(storage.viewing_copies_root(), found.viewing_copy)
            if found.quarantine_file and found.quarantine_is_new:
                storage.remove(storage.originals_root(), found.quarantine_file)
        # Where the database answers no more, the note stays for the next import or the chore.
        with contextlib.suppress(DatabaseError):
            self.rows.written.close()
