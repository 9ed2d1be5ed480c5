"""Jobs: rows, tasks, child processes, reaper, supervisor."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Long work, done once in effect."""

    name = "mammo.jobs"
    label = "jobs"
