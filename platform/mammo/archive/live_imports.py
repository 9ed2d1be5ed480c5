"""Imports while they run: what is stored so far, and what the job at work has read and not stored yet."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mammo.archive import inbox
from mammo.archive.models import ImportBatch, ImportItem
from mammo.jobs.models import ACTIVE, Job, JobState

# Deliveries that lie in the inbox until they are imported.
RECEIVED = (
    ImportBatch.Origin.UPLOAD, ImportBatch.Origin.C_STORE, ImportBatch.Origin.STOW_RS, ImportBatch.Origin.DICOMWEB,
)  # fmt: skip
IMPORT_JOB = "archive.import_received"
Outcome = ImportItem.Outcome


@dataclass(frozen=True)
class LiveImport:
    """One import as it stands now.

    Attributes:
        counts: files by outcome; of files that are read and not stored yet what their reader said.
        waiting: its files in the inbox that nobody has read yet.
        is_broken_off: the job that was to go on with it failed or was cancelled: a person has to look.
    """

    batch: ImportBatch
    counts: dict[str, int]
    waiting: int
    is_broken_off: bool


def live(batches: Iterable[ImportBatch]) -> list[LiveImport]:
    """These batches as they stand now; the site of each is needed."""
    listed = list(batches)
    broken = {site for site in {batch.site_id for batch in listed} if _is_broken_off(site)}
    return [_live(batch, broken) for batch in listed]


def _is_broken_off(site: uuid.UUID) -> bool:
    jobs = Job.objects.filter(site=site, kind=IMPORT_JOB)
    last = jobs.order_by("-created_at").first()
    return last is not None and last.state in (JobState.FAILED, JobState.CANCELLED)


def _live(batch: ImportBatch, broken: set[uuid.UUID]) -> LiveImport:
    counts = {outcome: int(batch.counts.get(outcome, 0)) for outcome in Outcome.values}
    waiting = inbox.count_of(batch.site, batch.pk) if batch.origin in RECEIVED else 0
    for job in Job.objects.about(batch).filter(state__in=ACTIVE):
        progress: dict[str, Any] = job.progress
        for outcome in Outcome.values:
            counts[outcome] += int(progress.get(outcome, 0))
        waiting -= int(progress.get("done", 0))
    waiting = max(0, waiting)
    return LiveImport(batch, counts, waiting, waiting > 0 and batch.site_id in broken)


def is_going_on(batch: ImportBatch) -> bool:
    """Whether files of a received delivery wait for a job, which will close its batch."""
    return batch.origin in RECEIVED and inbox.count_of(batch.site, batch.pk) > 0
