"""Jobs: rows, tasks, child processes, reaper, supervisor."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    """Long work, done once in effect."""

    name = "mammo.jobs"
    label = "jobs"

    def ready(self) -> None:
        from mammo.accounts.acts import register_acts
        from mammo.core import private_database, raw_files
        from mammo.core.attention import register_notices
        from mammo.core.navigation import Entry, register_entry
        from mammo.core.panels import register_panel
        from mammo.jobs.acts import ACTS
        from mammo.jobs.chores import register_chore
        from mammo.jobs.endings import ended_jobs
        from mammo.jobs.logs import destroy_old_logs
        from mammo.jobs.models import JOB_ROLES
        from mammo.jobs.panel import notices, running_jobs
        from mammo.jobs.trigger_watch import watch_triggers

        register_acts(ACTS)
        register_entry(
            Entry(
                label=_("Jobs"),
                url_name="jobs:list",
                roles=frozenset(JOB_ROLES),
                order=800,
                description=_(
                    "Imports, proposals, trainings and answers: what runs, how far it is, what failed."
                ),
            )
        )
        register_panel("jobs.ended", ended_jobs)
        register_panel("jobs", running_jobs)
        register_notices("jobs", notices)
        register_chore("jobs.logs", destroy_old_logs)
        register_chore("core.log_of_pages", private_database.keep_log_empty)
        register_chore("core.raw_files", raw_files.remove_stale)
        register_chore("jobs.triggers", watch_triggers)
