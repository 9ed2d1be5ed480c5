"""What the home page tells of jobs: those that run, those that failed, and a machinery that stands still."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mammo.accounts.models import User
from mammo.core.attention import Notice
from mammo.core.panels import Panel
from mammo.jobs import reaper
from mammo.jobs.models import JOB_ROLES, Job

MOST = 5


def running_jobs(user: User) -> Panel | None:
    """The unfinished jobs that an account of the right role sees; None when there are none."""
    if not user.has_role(*JOB_ROLES):
        return None
    jobs = list(Job.objects.visible_to(user).unfinished().order_by("created_at")[: MOST + 1])
    if not jobs:
        return None
    context = {"jobs": jobs[:MOST], "has_more": len(jobs) > MOST}
    return Panel("jobs/_home_panel.html", context, running=True)


def notices(user: User) -> Iterator[Notice]:
    """Failed jobs, and jobs that wait while no worker lives."""
    if not user.has_role(*JOB_ROLES):
        return
    jobs, address = Job.objects.visible_to(user), reverse("jobs:list")
    failed = jobs.failed_lately(timezone.now()).count()
    if failed:
        text = ngettext(
            "%(n)s job failed in the last two weeks", "%(n)s jobs failed in the last two weeks", failed
        )
        yield Notice(
            text=text % {"n": failed}, url=f"{address}?state=failed", label=_("Failed"), tone="failed"
        )
    if jobs.unfinished().exists() and reaper.is_silent():
        text = _("Jobs wait, and no worker has been heard of lately: the platform has to be started")
        yield Notice(text=text, url=f"{address}?state=unfinished", label=_("Standing still"), tone="failed")
