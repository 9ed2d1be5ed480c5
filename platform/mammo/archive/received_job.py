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
from mammo.archive.pseudonyms import installation
from mammo.archive.received_import import claim_files, delivery, digest, unpacked
from mammo.archive.sources import Source
from mammo.archive.studies_import import StudyImport, finish_batch, open_batch
from mammo.archive.study_rows import Found
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.models import ACTIVE, Job, JobState
from mammo.jobs.services import submit

JOB_KIND = "archive.import_received"
MODULE = "mammo.archive.received_child"
FILES_PER_JOB = 24
_TAKEN_BY_JOB = "taken-job-"


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
    folder = AttemptFiles(job).folder
    return {
        "secret": installation().secret.hex(),
        "site": site.code,
        "folder": str(folder),
        "files": [_file(site, entry, folder / f"received-{n}") for n, entry in enumerate(entries)],
    }


def _file(site: Site, entry: Entry, target: Path) -> dict[str, str]:
    source = unpacked(site, entry, target)
    return {
        "entry": str(entry.path),
        "name": source.name,
        "problem": source.problem,
        "path": str(source.path or ""),
        "sha256": digest(source.path) if source.path else "",
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
    origin, by_user = delivery(site, entry)
    batch = open_batch(site, origin, by_user=by_user, is_simulated=job.is_simulated, batch_id=entry.batch_id)
    run = StudyImport(batch, Labels([], None), None)
    run.store([_found(row) for row in answered])
    finish_batch(batch)
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
    if inbox.entries(inbox.folder(site)):
        import_soon(site, by_user=job.by_user)
