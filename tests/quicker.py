"""What every test would do again for nothing (a pytest plugin named in conftest.py): measured, each in seconds of a run.

- Every test client lists and stats all static files when it is first asked (WhiteNoise's table, 50 ms and more); the
  table is made once for each set of settings that goes into it.
- No test's file needs to survive a power cut, only killed processes: `fsync` in the tests' own process returns at once.
  Children that tests start sync as ever.
"""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware

# What WhiteNoise reads while it makes its table.
READ = ("CONTENT_SECURITY_POLICY", "STATICFILES_DIRS", "STATICFILES_FINDERS", "STATIC_URL", "STORAGES")


@pytest.fixture(autouse=True, scope="session")
def _static_files_are_listed_once() -> Iterator[None]:
    tables: dict[str, dict[str, object]] = {}
    really = WhiteNoiseMiddleware.add_files_from_finders

    def once(self: WhiteNoiseMiddleware) -> None:
        key = repr([self.static_prefix, self.max_age, *(getattr(settings, name, None) for name in READ)])
        if key not in tables:
            before = dict(self.files)
            really(self)
            tables[key] = {url: file for url, file in self.files.items() if url not in before}
        self.files.update(tables[key])

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", once)
        yield


@pytest.fixture(autouse=True, scope="session")
def _nothing_waits_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)
        yield
