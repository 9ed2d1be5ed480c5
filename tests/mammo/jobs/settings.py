"""Settings of the real processes in these tests: those of the platform, and the test kind."""

from mammo.settings import *  # noqa: F403
from mammo.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.mammo.jobs.apps.JobTestsConfig"]
