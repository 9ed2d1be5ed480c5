"""Everything that changes a job: submitting, claiming, progress, the end, and what a person asks for.

A worker's writes carry its attempt (the fencing token): a worker that was silent for too long writes nothing.
"""

import socket
import time
import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.keys import key_store
from mammo.jobs import devices, kinds
from mammo.jobs.doorbell import ring
from mammo.jobs.models import ACTIVE, ENDED, Job, JobState
from mammo.jobs.timing import timing
from mammo.jobs.transitions import StaleAttemptError, move, write

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise

POLL_SECONDS = 0.25
# How many waiting jobs a worker tries to take before it goes back to sleep: others may be faster.
LOOK_AHEAD = 20


def submit(
    kind: str,
    *,
    by_user: User | None,
    parameters: dict[str, Any],
    site: Site | None = None,
    about: models.Model | None = None,
    title: "StrOrPromise" = "",
    title_values: Mapping[str, object] | None = None,
    gpus: int = 0,
    idempotency_key: uuid.UUID | None = None,
    is_simulated: bool = False,
) -> Job:
    """Queue a job: the row and its audit event stand together; a worker is told after the commit.

    Args:
        parameters: ids and settings for the kind's `build_request`; never a patient's text.
        about: the row the job works for; pages of that row can find its jobs.
        title: what people see of it; text by gettext_lazy is shown to each in their own language.
        title_values: what is put into the title; lazy ones (labels of choices) are translated as well.
        gpus: how many the child sees; 0 hides them all.
        idempotency_key: the same key of the same account returns the first job.

    Raises:
        UserError: no app registered this kind.
    """
    registered = kinds.get(kind)
    if gpus < 0:
        raise UserError(_("gpus: %(gpus)s is below zero") % {"gpus": gpus})
    values: dict[str, Any] = {
        "kind": kind,
        "queue": registered.queue,
        "site": site,
        "about_type": about._meta.label_lower if about is not None else "",
        "about_id": str(about.pk) if about is not None else "",
        **_title(title, title_values or {}),
        "parameters": parameters,
        "gpus": gpus,
        "is_simulated": is_simulated,
        "key_id": None if site is not None else key_store().create(),
    }
    with transaction.atomic():
        if idempotency_key is None:
            job, is_first = Job.objects.create(by_user=by_user, **values), True
        else:
            job, is_first = Job.objects.get_or_create(
                by_user=by_user, idempotency_key=idempotency_key, defaults=values
            )
        if is_first:
            transaction.on_commit(partial(ring, job.pk))
            audit.record("jobs.submitted", by_user=by_user, on=job, site=site, kind=kind)
    return job


def _title(text: "StrOrPromise", values: Mapping[str, object]) -> dict[str, Any]:
    """The title's columns: whole in English, and its parts for other languages."""
    with translation.override("en"):
        labels = {name: str(value) for name, value in values.items() if isinstance(value, Promise)}
        plain = {name: str(value) for name, value in values.items() if name not in labels}
        whole = str(text) % {**plain, **labels} if values else str(text)
        parts = {"text": str(text), "values": plain, "labels": labels} if values else {}
    if not values and isinstance(text, Promise):
        parts = {"text": whole.replace("%", "%%"), "values": {}, "labels": {}}
    return {"title": whole[:200], "title_parts": parts}


def worker_name(pid: int) -> str:
    """How a job row names the process that works on it."""
    return f"{socket.gethostname()}:{pid}"[:120]


def claim(job_id: uuid.UUID | str, worker: str) -> Job | None:
    """Take a queued job, and the GPUs it asks for, for this worker.

    Returns None when the job is not queued any more (someone else has it), or when GPUs that it needs are in use,
    on another host only, or not known just now: it stays queued then.
    """
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return None
    visible = devices.visible_gpus() if job.gpus else []
    if visible is None:
        return None
    if job.gpus:
        devices.tell(visible)
    now = timezone.now()
    with transaction.atomic():
        try:
            claimed = move(
                job,
                JobState.RUNNING,
                where=Q(cancel_requested_at__isnull=True),
                attempt=F("attempt") + 1,
                worker=worker,
                lease_until=now + timing().lease_time,
                heartbeat_at=now,
                started_at=now,
                progress={},
                error="",
            )
        except WrongStateError:
            return None
        if claimed.gpus and not devices.hold(claimed, visible):
            transaction.set_rollback(True)
            return None
    return claimed


def claim_next(queue: str, worker: str) -> Job | None:
    """Take the job of a queue that has waited longest; None when none waits."""
    waiting = Job.objects.filter(state=JobState.QUEUED, queue=queue).order_by("created_at")
    for pk in waiting.values_list("pk", flat=True)[:LOOK_AHEAD]:
        job = claim(pk, worker)
        if job is not None:
            return job
    return None


def heartbeat(job: Job, *, child_pid: int | None = None) -> bool:
    """Tell that the worker of this attempt lives, and extend its lease; whether a person asked to cancel.

    Raises:
        StaleAttemptError: the lease was lost; the worker must end its child at once.
    """
    now = timezone.now()
    changes: dict[str, Any] = {"heartbeat_at": now, "lease_until": now + timing().lease_time}
    if child_pid is not None:
        changes["child_pid"] = child_pid
    write(job, fence=job.attempt, **changes)
    return is_cancel_requested(job)


def is_cancel_requested(job: Job) -> bool:
    """Whether a person asked to cancel this attempt.

    Raises:
        StaleAttemptError: the job went to another attempt.
    """
    row = Job.objects.filter(pk=job.pk, attempt=job.attempt, state__in=ACTIVE).values("cancel_requested_at")
    found = row.first()
    if found is None:
        raise StaleAttemptError(f"job {job.pk}: attempt {job.attempt} is over")
    return found["cancel_requested_at"] is not None


def report_progress(job: Job, progress: dict[str, Any]) -> None:
    """Show how far the child is.

    Args:
        progress: `{"done": int, "total": int, "message": str, ...measures}`.

    Raises:
        StaleAttemptError: the job went to another attempt; nothing is written.
    """
    job.progress = {**progress, "began": _phase(job.progress.get("began"), progress)}
    write(job, fence=job.attempt, progress=job.progress)


def _phase(before: dict[str, Any] | None, progress: dict[str, Any]) -> dict[str, Any]:
    """Where this attempt's phase began, from which its pace is told: an attempt goes on at the checkpoint of the one
    before, and measures other things before and after its main work."""
    done, total = progress.get("done"), progress.get("total")
    goes_on = before is not None and before["total"] == total and (before["done"] or 0) <= (done or 0)
    if before is not None and goes_on:
        return before
    return {"done": done, "total": total, "at": timezone.now().isoformat()}


def finish(job: Job, rows: Iterable[dict[str, Any]]) -> Job:
    """Store the child's answer and end the job, in one transaction: the rows exist exactly once.

    Raises:
        StaleAttemptError: the job went to another attempt; nothing is stored.
    """
    kind = kinds.get(job.kind)
    move(job, JobState.INGESTING, fence=job.attempt, lease_until=timezone.now() + timing().lease_time)
    with transaction.atomic():
        # Takes the row's lock first: the reaper and a person's cancelling wait until the rows stand or fall.
        write(job, fence=job.attempt, heartbeat_at=timezone.now())
        result = kind.ingest(job, rows) or {}
        move(job, JobState.SUCCEEDED, fence=job.attempt, result=result)
        audit.record("jobs.succeeded", by_user=None, on=job, site=job.site, attempt=job.attempt)
    return job


def keep(job: Job, rows: Iterable[dict[str, Any]]) -> None:
    """Store what a child kept of an attempt that does not succeed; the job's state is told afterwards.

    Raises:
        StaleAttemptError: the job went to another attempt; nothing is stored.
    """
    with transaction.atomic():
        write(job, fence=job.attempt, heartbeat_at=timezone.now())
        result = kinds.get(job.kind).ingest(job, rows) or {}
        write(job, fence=job.attempt, result=result)
        audit.record("jobs.kept", by_user=None, on=job, site=job.site, attempt=job.attempt)


def fail(job: Job, error: str) -> Job:
    """End the job as failed, for a reason that another attempt would meet again.

    Raises:
        StaleAttemptError: the job went to another attempt.
    """
    with transaction.atomic():
        move(job, JobState.FAILED, fence=job.attempt, error=error, failed_attempts=F("failed_attempts") + 1)
        audit.record("jobs.failed", by_user=None, on=job, site=job.site, attempt=job.attempt)
    return job


def requeue(job: Job, reason: str, *, counts: bool = True, where: Q | None = None) -> Job:
    """End an attempt that did not succeed: queued again, cancelled if asked, failed after the last one.

    Args:
        reason: one line without a patient's text; shown on the job's page.
        counts: whether this was an attempt of `max_attempts` (a stop of the machine is none).
        where: further conditions on the row (the reaper's: the lease has lapsed).

    Raises:
        StaleAttemptError: the job went to another attempt.
    """
    with transaction.atomic():
        row = Job.objects.select_for_update().filter(pk=job.pk, attempt=job.attempt).first()
        if row is None:
            raise StaleAttemptError(f"job {job.pk}: attempt {job.attempt} is over")
        if row.cancel_requested_at is not None:
            return confirm_cancelled(job, where=where)
        failed = row.failed_attempts + counts
        is_last = counts and failed >= row.max_attempts
        changes: dict[str, Any] = {"failed_attempts": failed, "error": reason}
        if is_last:
            move(job, JobState.FAILED, fence=job.attempt, where=where, **changes)
        else:
            move(job, JobState.QUEUED, fence=job.attempt, where=where, rung_at=None, rings=0, **changes)
            transaction.on_commit(partial(ring, job.pk))
        action = "jobs.failed" if is_last else "jobs.requeued"
        audit.record(action, by_user=None, on=job, site=job.site, reason=reason[:500], attempt=job.attempt)
    return job


def confirm_cancelled(job: Job, *, where: Q | None = None) -> Job:
    """The worker (or the reaper in its place) tells that the cancelled job has stopped.

    Raises:
        StaleAttemptError: the job went to another attempt.
    """
    with transaction.atomic():
        move(job, JobState.CANCELLED, fence=job.attempt, where=where)
        audit.record("jobs.stopped", by_user=None, on=job, site=job.site, attempt=job.attempt)
    return job


def cancel(job: Job, *, by_user: User | None) -> Job:
    """Cancel: a queued job at once; a running one is asked to stop, and killed after a grace time.

    Asking twice changes nothing.

    Raises:
        NotAllowedError: the account does not see this job.
        WrongStateError: it has ended already.
    """
    _require_visible(job, by_user)
    asked: dict[str, Any] = {"cancel_requested_at": timezone.now(), "cancel_requested_by": by_user}
    with transaction.atomic():
        current = Job.objects.select_for_update().get(pk=job.pk)
        if current.state == JobState.CANCELLED or current.is_stopping:
            return current
        if current.state == JobState.QUEUED:
            move(current, JobState.CANCELLED, fence=current.attempt, **asked)
        elif Job.objects.filter(pk=job.pk, state__in=ACTIVE).update(**asked) != 1:
            raise WrongStateError(_("The job has ended already; there is nothing to cancel."))
        audit.record("jobs.cancel_requested", by_user=by_user, on=current, site=current.site)
    current.refresh_from_db()
    return current


def retry(job: Job, *, by_user: User | None) -> Job:
    """Queue a failed or cancelled job again, with all its attempts.

    Raises:
        NotAllowedError: the account does not see this job.
        WrongStateError: it has not ended, or it succeeded.
    """
    _require_visible(job, by_user)
    with transaction.atomic():
        current = Job.objects.select_for_update().get(pk=job.pk)
        ended = Q(state__in=(JobState.FAILED, JobState.CANCELLED))
        fresh: dict[str, Any] = {"failed_attempts": 0, "rings": 0, "error": "", "progress": {}}
        uncancelled: dict[str, Any] = {"cancel_requested_at": None, "cancel_requested_by": None}
        move(current, JobState.QUEUED, where=ended, rung_at=None, **uncancelled, **fresh)
        transaction.on_commit(partial(ring, current.pk))
        audit.record("jobs.retried", by_user=by_user, on=current, site=current.site)
    return current


def wait(job: Job, *, timeout: float | None = None) -> Job:
    """Wait until a job has ended, or `timeout` seconds; return it as it stands then (see `is_ended`)."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        current = Job.objects.get(pk=job.pk)
        if current.state in ENDED or (deadline is not None and time.monotonic() >= deadline):
            return current
        time.sleep(POLL_SECONDS)


def _require_visible(job: Job, user: User | None) -> None:
    if user is not None and not Job.objects.visible_to(user).filter(pk=job.pk).exists():
        raise NotAllowedError(_("This account may not change this job."))
