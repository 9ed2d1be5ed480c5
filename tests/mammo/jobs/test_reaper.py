"""The reaper's round: jobs first, and no failing piece of housekeeping ends it."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from mammo.jobs import doorbell, reaper, services
from mammo.jobs.models import Job
from tests.mammo.jobs.counting import KIND

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)


def lapsed() -> Job:
    """A job whose worker is silent for longer than its lease."""
    job = services.claim(services.submit(KIND, by_user=None, parameters={"mode": "count"}).pk, "gone:1")
    assert job is not None
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    return job


def test_lapsed_jobs_are_released_though_housekeeping_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[str] = []
    stop = threading.Event()

    def fails() -> int:
        rounds.append("house")
        if len(rounds) == 2:
            stop.set()
        raise OSError("the disk is away")

    monkeypatch.setattr(reaper, "keep_house", fails)
    monkeypatch.setattr(reaper, "HOUSEKEEPING_SECONDS", 0.0)
    monkeypatch.setattr(reaper, "close_old_connections", lambda: None)
    monkeypatch.setattr(reaper, "timing", lambda: type("Fast", (), {"reap": 0.01})())
    job = lapsed()
    reaper.reap_forever(stop)
    job.refresh_from_db()
    assert (job.state, rounds) == ("queued", ["house", "house"])


def test_a_folder_that_cannot_be_read_keeps_no_other_from_being_closed(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [Path(settings.MAMMO_HOME) / "jobs" / name / "attempt-1" for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "request.json").write_text("{}")
    real = reaper.shred

    def refuses(folder: Path) -> None:
        if folder == folders[0]:
            raise PermissionError(13, "Permission denied")
        real(folder)

    monkeypatch.setattr(reaper, "shred", refuses)
    assert reaper.keep_house() == 2
    assert [folder.exists() for folder in folders] == [True, False, False]
