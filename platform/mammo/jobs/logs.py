"""Logs of jobs, which may hold patients' texts: who read one is put on record, and old ones are destroyed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent, User
from mammo.core.errors import NotAllowedError
from mammo.core.keys import KeyDestroyedError
from mammo.jobs.attempt_files import AttemptFiles, job_of, shred
from mammo.jobs.models import Job

READ = "jobs.log_read"


def read_log(job: Job, *, by_user: User, lines: int) -> str:
    """The log's last lines, or one that says why there are none.

    The first look of each person at each job is an audit event, and not the many that a page makes while the job
    runs.

    Raises:
        NotAllowedError: the account sees the job, and may not read its log.
    """
    if not job.log_is_readable_by(by_user):
        raise NotAllowedError(_("This account does not read this log."))
    try:
        text = AttemptFiles(job).tail(lines)
    except KeyDestroyedError:
        return _("The log was erased.")
    if not text:
        return _old_log(job)
    seen = AuditEvent.objects.filter(
        actor=by_user, action=READ, object_type=job._meta.label_lower, object_id=str(job.pk)
    )
    if not seen.exists():
        audit.record(READ, by_user=by_user, on=job, site=job.site, kind=job.kind)
    return text


def _old_log(job: Job) -> str:
    days = settings.MAMMO_JOB_LOG_DAYS
    if days and job.finished_at is not None and job.finished_at < timezone.now() - timedelta(days=days):
        return _("The log was destroyed %(days)s days after the job's end.") % {"days": days}
    return ""


def destroy_old_logs() -> int:
    """Destroy the logs of jobs that ended, and of attempts that were closed, more than `MAMMO_JOB_LOG_DAYS` ago.

    Returns how many; the chore of the reaper. 0 days: logs are kept.
    """
    if not settings.MAMMO_JOB_LOG_DAYS:
        return 0
    before = timezone.now() - timedelta(days=settings.MAMMO_JOB_LOG_DAYS)
    old = [
        path
        for path in (Path(settings.MAMMO_HOME) / "jobs").glob("*/attempt-*/log.sealed")
        if _is_old(path, before)
    ]
    for path in old:
        shred(path)
    if old:
        audit.record("jobs.logs_destroyed", by_user=None, logs=len(old), days=settings.MAMMO_JOB_LOG_DAYS)
    return len(old)


def _is_old(path: Path, before: datetime) -> bool:
    """Counted from the job's end; from the attempt's, for a job that was queued again or is not known any more."""
    job = job_of(path.parent)
    if job is not None and job.finished_at is not None:
        return job.finished_at < before
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
