"""Fixtures of the jobs' tests: the test kind, and an installation of its own with real processes."""

from collections.abc import Iterator

import pytest

from mammo.jobs import kinds
from tests.mammo.jobs import counting
from tests.mammo.jobs.deployments import deployed
from tests.mammo.jobs.installation import Installation


@pytest.fixture(autouse=True)
def _test_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_KINDS", {})
    counting.register()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation on a SQLite file and the filesystem broker; its processes end with the module."""
    with deployed("embedded", tmp_path_factory.mktemp("installation")) as deployment:
        yield deployment.installation
