"""What this room's acts are called in the audit trail."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTS: dict[str, str | Promise] = {
    "jobs.cancel_requested": _("cancelling of a job asked"),
    "jobs.failed": _("job failed"),
    "jobs.kept": _("job's result kept"),
    "jobs.log_read": _("log of a job read"),
    "jobs.logs_destroyed": _("logs of jobs destroyed"),
    "jobs.requeued": _("job queued again"),
    "jobs.retried": _("job tried again by a person"),
    "jobs.stopped": _("job cancelled"),
    "jobs.submitted": _("job submitted"),
    "jobs.succeeded": _("job done"),
    "jobs.triggers_missing": _("triggers of the database found missing"),
}
