"""A worker that hears no message although it should: told from one that is busy, unasked, or without a broker."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mammo.jobs import deafness, doorbell, services
from mammo.jobs.deafness import Ears
from mammo.jobs.models import Job
from mammo.jobs.timing import timing
from tests.mammo.jobs.counting import KIND

pytestmark = pytest.mark.django_db
POOL = "host:7"


class Worker:
    """The worker's side of `Ears`: its pool process and whether its broker answers."""

    def __init__(self) -> None:
        self.reachable = True
        self.ears = Ears({"cpu"}, lambda: [POOL], lambda: self.reachable)

    def is_deaf_after(self, seconds: float) -> bool:
        """Looked at now and again later, as the thread does."""
        now = timezone.now()
        self.ears.are_deaf(now)
        return self.ears.are_deaf(now + timedelta(seconds=seconds))


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)


def queued(**changes: Any) -> Job:
    job = services.submit(KIND, by_user=None, parameters={"mode": "count"})
    assert doorbell.ring(job.pk)
    Job.objects.filter(pk=job.pk).update(**changes)
    return job


def test_a_doorbell_that_an_idle_worker_never_heard_makes_it_deaf_after_a_while(worker: Worker) -> None:
    queued()
    assert not worker.is_deaf_after(timing().deaf - 1)
    assert worker.is_deaf_after(timing().deaf)


def test_who_hears_a_message_is_not_deaf_though_the_job_must_wait(worker: Worker) -> None:
    queued()
    worker.ears.hear()  # and could not take it: its GPU is in use
    assert not worker.is_deaf_after(10 * timing().deaf)
    queued()
    assert worker.is_deaf_after(timing().deaf)


def test_a_busy_worker_is_not_deaf(worker: Worker) -> None:
    busy = services.claim(queued().pk, POOL)
    assert busy is not None
    queued()
    assert not worker.is_deaf_after(10 * timing().deaf)
    Job.objects.filter(pk=busy.pk).update(worker="another:7")
    assert worker.is_deaf_after(timing().deaf)


@pytest.mark.parametrize("changes", [{"queue": "gpu"}, {"rung_at": None}], ids=["other queue", "not sent"])
def test_what_was_never_sent_to_it_is_not_heard(worker: Worker, changes: dict[str, Any]) -> None:
    queued(**changes)
    assert not worker.is_deaf_after(10 * timing().deaf)


def test_the_time_does_not_count_while_its_broker_is_away(worker: Worker) -> None:
    queued()
    assert not worker.is_deaf_after(timing().deaf - 1)
    worker.reachable = False
    assert not worker.is_deaf_after(10 * timing().deaf)
    worker.reachable = True
    assert not worker.is_deaf_after(timing().deaf - 1)


def test_pool_processes_are_named_as_the_rows_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Process:
        pid = 7

        def children(self) -> list["Process"]:
            return [self]

    monkeypatch.setattr(deafness.psutil, "Process", Process)
    job = services.claim(queued().pk, services.worker_name(7))
    assert job is not None
    assert deafness._pool() == [job.worker]
