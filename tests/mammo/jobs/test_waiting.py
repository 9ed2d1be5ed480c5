"""The queue page: a waiting job's place, what it waits for, and about when it begins."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mammo.accounts.models import Site, User
from mammo.jobs.models import Job
from mammo.jobs.services import report_progress
from mammo.jobs.waiting import Wait, waits_of

NOW = timezone.now()


def job(
    site: Site | None, state: str, *, title: str = "", queue: str = "gpu", age: int = 0, **more: Any
) -> Job:
    """A job made `age` seconds ago."""
    if state == "running":
        more = {"lease_until": NOW + timedelta(minutes=5), "started_at": NOW - timedelta(seconds=60), **more}
    made = Job.objects.create(kind="tests.waiting", site=site, state=state, title=title, queue=queue, **more)
    Job.objects.filter(pk=made.pk).update(created_at=NOW - timedelta(seconds=age))
    return Job.objects.get(pk=made.pk)


def succeeded(site: Site, seconds: int) -> None:
    job(
        site,
        "succeeded",
        started_at=NOW - timedelta(seconds=seconds + 500),
        finished_at=NOW - timedelta(seconds=500),
    )


def wait_of(waiting: Job, user: User) -> Wait:
    return waits_of([waiting], user=user, now=NOW)[str(waiting.pk)]


def test_it_counts_those_that_waited_longer_in_the_same_queue_and_names_what_is_at_work(
    site: Site, rita: User
) -> None:
    job(site, "running", title="Training: spring", age=100)
    job(site, "queued", age=50)
    job(site, "queued", queue="cpu", age=60)
    job(site, "queued", age=5)
    found = wait_of(job(site, "queued", age=10, gpus=1), rita)
    assert (found.ahead, found.behind, found.hidden, found.begins_in) == (1, ("Training: spring",), 0, None)
    assert str(found) == "behind 1 waiting job · waits for 1 GPU beside “Training: spring”"


def test_the_title_of_anothers_job_stays_hidden(site: Site, rita: User, otto: User) -> None:
    elsewhere = otto.sites_as("researcher").get()
    job(elsewhere, "running", title="Their secret", age=100)
    found = wait_of(job(site, "queued"), rita)
    assert (found.behind, found.hidden) == ((), 1)
    assert "secret" not in str(found)
    assert str(found) == "waits for 1 other job"


def test_when_it_begins_is_told_by_progress_and_by_how_long_its_kind_took(site: Site, rita: User) -> None:
    for seconds in (100, 300, 200):
        succeeded(site, seconds)
    job(site, "running", age=100, progress={"done": 25, "total": 100})  # 60 s for a quarter: 180 s left
    job(site, "queued", age=50)  # 200 s, the median
    assert wait_of(job(site, "queued", age=10), rita).begins_in == 180 + 200
    assert str(
        wait_of(Job.objects.get(state="queued", title="", created_at=NOW - timedelta(seconds=10)), rita)
    ).endswith("begins in about 6 minutes")


def test_without_progress_the_usual_length_counts_from_its_start(site: Site, rita: User) -> None:
    succeeded(site, 90)
    job(site, "running", age=100)
    assert wait_of(job(site, "queued"), rita).begins_in == 30


def test_two_at_work_halve_the_wait(site: Site, rita: User) -> None:
    succeeded(site, 90)
    job(site, "running", age=100)
    job(site, "running", age=100)
    assert wait_of(job(site, "queued"), rita).begins_in == 30


def test_nothing_before_it_means_it_is_next_and_running_jobs_wait_for_nothing(site: Site, rita: User) -> None:
    alone = job(site, "queued")
    assert str(wait_of(alone, rita)) == "next"
    assert waits_of([job(site, "running")], user=rita, now=NOW) == {}


def test_the_list_says_who_waits_for_what_and_what_is_left(site: Site, rita: User) -> None:
    started = timezone.now() - timedelta(minutes=3)
    job(
        site,
        "running",
        title="Training: spring",
        age=100,
        progress={"done": 1, "total": 4},
        started_at=started,
    )
    waiting = job(site, "queued", age=10)
    client = Client()
    client.force_login(rita)
    body = client.get(reverse("jobs:list")).content.decode()
    assert "waits for “Training: spring”" in body
    assert "about 9 minutes left" in body
    assert (
        "waits for “Training: spring”" in client.get(reverse("jobs:job", args=[waiting.pk])).content.decode()
    )


def test_what_is_left_is_told_from_where_this_attempt_and_this_phase_began(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt goes on at a checkpoint: its first word is that more than half is done."""
    at_work = job(site, "running", attempt=2)
    clock = [NOW]
    monkeypatch.setattr("mammo.jobs.services.timezone.now", lambda: clock[0])

    def told(seconds: float, done: int, total: int) -> float | None:
        clock[0] = NOW + timedelta(seconds=seconds)
        report_progress(at_work, {"done": done, "total": total, "message": "density"})
        return Job.objects.get(pk=at_work.pk).seconds_left(clock[0])

    assert told(0, 40, 40) is None  # images are read: that it is at its end says nothing of the training
    assert told(10, 6_000, 10_000) is None
    assert told(20, 6_100, 10_000) is None
    assert told(110, 7_000, 10_000) == pytest.approx(300)  # 100 s for 1,000 steps
    assert told(210, 8_000, 10_000) == pytest.approx(200)
    assert told(220, 0, 50) is None
    assert told(230, 10, 50) == pytest.approx(40)
