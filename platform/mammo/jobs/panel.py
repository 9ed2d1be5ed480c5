"""The home page's panel of what is running."""

from mammo.accounts.models import User
from mammo.core.panels import Panel
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
