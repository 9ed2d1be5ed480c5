"""The job that imports what waits in the inbox: it takes a few files, its child reads them, their rows end the job.

Each job takes few files, so that the transaction that stores them is short; when more wait it is followed by
another. The child has neither database nor keys: it gets decrypted files in the attempt's folder, which is shredded.
"""

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import transaction

from mammo.accounts.models import Site, User
from mammo.archive import inbox, storage
from mammo.archive.inbox import Entry
from mammo.archive.labels import Labels
from mammo.archive.live_imports import IMPORT_JOB, RECEIVED, is_going_on
from mammo.archive.models import Image, ImportBatch, PacsFetch
from mammo.archive.pseudonyms import installation
from mammo.archive.received_import import claim_files, delivery, digest, unpacked
from mammo.archive.sources import Source
from mammo.archive.studies_import import StudyImport, finish_batch, open_batch
from mammo.archive.study_rows import Found
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.kinds import SECRETS
from mammo.jobs.models import ACTIVE, Job, JobState
from mammo.jobs.services import submit
from mammo.jobs.transitions import write

JOB_KIND = IMPORT_JOB
MODULE = "mammo.archive.received_child"
FILES_PER_JOB = 24
_TAKEN_BY_JOB = "taken-job-"
# Whoever puts files into the inbox queues their job within moments.
OVERLOOKED_SECONDS = 600.0


def import_soon(site: Site, *, by_user: User | None) -> Job | None:
    """See to it that what waits at a site is imported; None when a queued job will do it anyway."""
    if Job.objects.filter(kind=JOB_KIND, site=site, state=JobState.QUEUED).exists():
        return None
    return submit(
        JOB_KIND,
        by_user=by_user,
        parameters={"site": str(site.pk)},
        site=site,
        is_simulated=site.is_simulated,
    )


def build_request(job: Job) -> dict[str, Any]:
    """Take files from the inbox and lay them, decrypted, beside the request."""
    site = Site.objects.get(pk=job.parameters["site"])
    _return_leftovers(site, job)
    entries = claim_files(site, f"job-{job.pk.hex}", FILES_PER_JOB)
    if entries:
        # On its page from now on, before a file of it is read.
        batch = _batch(site, entries[0], job)
        write(job, fence=job.attempt, about_type=batch._meta.label_lower, about_id=str(batch.pk), progress={})
    folder = AttemptFiles(job).folder
    return {
        SECRETS: {"pseudonyms": installation().secret.hex()},
        "site": site.code,
        "folder": str(folder),
        "files": [
            file
            for number, entry in enumerate(entries)
            if (file := _file(site, entry, folder / f"received-{number}")) is not None
        ],
    }


def _batch(site: Site, entry: Entry, job: Job) -> ImportBatch:
    """The batch of an entry's delivery, open."""
    origin, by_user = delivery(site, entry)
    return open_batch(site, origin, by_user=by_user, is_simulated=job.is_simulated, batch_id=entry.batch_id)


def _file(site: Site, entry: Entry, target: Path) -> dict[str, Any] | None:
    source = unpacked(site, entry, target)
    if source is None:
        return None
    sha256 = digest(source.path) if source.path else ""
    return {
        "entry": str(entry.path),
        "name": source.name,
        "problem": source.problem,
        "path": str(source.path or ""),
        "sha256": sha256,
        "is_known": bool(sha256) and Image.objects.filter(study__site=site, sha256=sha256).exists(),
    }


def _return_leftovers(site: Site, job: Job) -> None:
    """What jobs took that ended without storing it (failed, cancelled) is taken again."""
    for taken in inbox.folder(site).glob(f"{_TAKEN_BY_JOB}*"):
        number = taken.name.removeprefix(_TAKEN_BY_JOB)
        if number != job.pk.hex and not Job.objects.filter(pk=uuid.UUID(number), state__in=ACTIVE).exists():
            inbox.give_back(site, f"job-{number}")


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Store what the child read, in the transaction that ends the job."""
    site = Site.objects.get(pk=job.parameters["site"])
    answered = list(rows)
    stored = 0
    if answered:
        running = storage.RunningImport()
        running.admit_others()
        # No sweep may take these files for leftovers before their rows are there for everyone.
        transaction.on_commit(running.close)
        stored = _store(site, answered, job)
    transaction.on_commit(lambda: _go_on(site, job))
    return {"files": stored}


def _store(site: Site, answered: list[dict[str, Any]], job: Job) -> int:
    first = Path(answered[0]["entry"])
    entry = Entry(first, uuid.UUID(first.name.split(".", 1)[0]))
    batch = _batch(site, entry, job)
    StudyImport(batch, Labels([], None), None).store([_found(row) for row in answered])
    for row in answered:
        transaction.on_commit(lambda spent=Path(row["entry"]): spent.unlink(missing_ok=True))  # type: ignore[misc]
    return len(answered)


def _found(row: dict[str, Any]) -> Found:
    source = Source(row["name"], Path(row["path"]) if row["path"] else None, problem=row["problem"])
    found = Found(source, sha256=row["sha256"])
    found.staged = Path(row["staged"]) if row["staged"] else None
    found.answer = row["answer"]
    return found


def _go_on(site: Site, job: Job) -> None:
    inbox.give_back(site, f"job-{job.pk.hex}")
    close_done(site)
    waiting = inbox.entries(inbox.folder(site))
    if waiting:
        import_soon(site, by_user=delivery(site, waiting[0])[1])  # who sent it is told of its end


def is_last(job: Job) -> bool:
    """Whether nothing more of its delivery waits or is on its way; a job that found nothing to take ends none."""
    if not job.about_id:
        return False
    site, batch_id = Site.objects.get(pk=job.parameters["site"]), uuid.UUID(job.about_id)
    own = inbox.folder(site) / f"{_TAKEN_BY_JOB}{job.pk.hex}"
    if inbox.count_of(site, batch_id) > len(list(own.glob("*.enc"))):
        return False
    if PacsFetch.objects.filter(pk=batch_id, job__state__in=ACTIVE).exists():
        return False
    return not inbox.is_being_sent(site, str(job.by_user_id), OVERLOOKED_SECONDS)


def go_on_with_received() -> int:
    """Import what waits and no job was queued for: its process was killed between two steps; a chore.

    A site whose last import failed is left alone: a person has to look at that job.

    Returns:
        how many sites are gone on with.
    """
    going_on = 0
    for site in Site.objects.all():
        close_done(site)
        last = Job.objects.filter(kind=JOB_KIND, site=site).order_by("-created_at").first()
        if last is not None and last.state != JobState.SUCCEEDED:
            continue
        if inbox.waits_longer_than(site, OVERLOOKED_SECONDS):
            going_on += import_soon(site, by_user=None) is not None
    return going_on


def close_done(site: Site) -> None:
    """Close the batches of received deliveries of which no file waits any more."""
    rows = ImportBatch.objects.filter(site=site, finished_at=None, origin__in=RECEIVED)
    for batch in rows.select_related("site", "by_user"):
        with transaction.atomic():
            locked = ImportBatch.objects.select_for_update(of=("self",)).filter(pk=batch.pk, finished_at=None)
            if locked.exists() and not is_going_on(batch):
                finish_batch(batch)
