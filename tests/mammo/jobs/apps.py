"""Makes the test kind known in real worker processes (see settings.py)."""

from django.apps import AppConfig


class JobTestsConfig(AppConfig):
    """The test kind."""

    name = "tests.mammo.jobs"
    label = "job_tests"

    def ready(self) -> None:
        from tests.mammo.jobs import counting

        counting.register()
