"""Logs of jobs, which may hold patients' texts: who read one is put on record, and old ones are destroyed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent, Site, User
from mammo.core.errors import NotAllowedError
from mammo.core.keys import KeyDestroyedError
from mammo.jobs.attempt_files import AttemptFiles, job_of, shred
from mammo.jobs.models import ARCHIVE_KINDS, Job

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
    files = AttemptFiles(job)
    try:
        text = "" if files.erased_mark.exists() else files.tail(lines)
    except KeyDestroyedError:
        return _("The log was erased.")
    if files.erased_mark.exists():
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


def erase_logs(site: Site, *, since: datetime) -> int:
    """Destroy the logs that may quote a patient of the site whose first row is of `since`; returns how many.

    Those are all of the site's jobs, and of jobs of no site, that had not ended by then, whatever their kind: a
    traceback may quote any text that a child was given, and which one can't be told without reading all. Of the
    archive's jobs the earlier ones go too: a row or file of hers may have been refused before she had a row. Jobs at
    work go on; their log goes when their attempt is closed.
    """
    jobs = Job.objects.filter(Q(site=site) | Q(site=None)).filter(
        Q(kind__startswith=ARCHIVE_KINDS) | Q(finished_at=None) | Q(finished_at__gte=since)
    )
    erased = 0
    for job in jobs.select_related("site").iterator():
        for folder in job.folder.glob("attempt-*"):
            erased += AttemptFiles(job, int(folder.name.removeprefix("attempt-"))).erase_log()
    return erased


def _is_old(path: Path, before: datetime) -> bool:
    """Counted from the job's end; from the attempt's, for a job that was queued again or is not known any more."""
    job = job_of(path.parent)
    if job is not None and job.finished_at is not None:
        return job.finished_at < before
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
