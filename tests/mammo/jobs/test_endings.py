"""Who asked for a job is told of its end, once, in their language, wherever they look."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from mammo.accounts.models import Site, User
from mammo.jobs import doorbell, endings, kinds, services
from mammo.jobs.models import Ending, Job
from tests.mammo.jobs.counting import KIND, build_request, ingest

pytestmark = pytest.mark.django_db
ROWS = [{"value": 1, "environment": {}}]


@pytest.fixture(autouse=True)
def _silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)


def at_work(user: User | None, site: Site | None, title: str, kind: str = KIND, minutes: int = 0) -> Job:
    """A running job that was asked for some minutes ago."""
    job = services.submit(kind, by_user=user, site=site, parameters={"mode": "count"}, title=title)
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(minutes=minutes))
    claimed = services.claim(job.pk, "host:1")
    assert claimed is not None
    return claimed


def cancelled(job: Job, by_user: User | None) -> None:
    services.cancel(job, by_user=by_user)
    services.confirm_cancelled(job)


def told(user: User) -> set[str]:
    with translation.override("en"):
        return {line.text for line in endings.lines_for(user, most=20)}


def test_each_kind_of_end_is_told_to_who_asked_and_to_nobody_else(rita: User, dana: User, site: Site) -> None:
    watched = kinds.JobKind("tests.watched", "tests.mammo.jobs.child", build_request, ingest, tells=False)
    kinds.register(watched)
    services.finish(at_work(rita, site, "night training", minutes=90), ROWS)
    services.fail(at_work(rita, site, "broken"), "no such file")
    cancelled(at_work(rita, site, "given up"), dana)
    cancelled(at_work(rita, site, "withdrawn"), None)
    queued = services.submit(KIND, by_user=rita, site=site, parameters={"mode": "count"}, title="never begun")
    services.cancel(queued, by_user=dana)
    # Nothing of these: done at once, her own cancelling, watched while it is written, asked for by nobody, going on.
    services.finish(at_work(rita, site, "a moment"), ROWS)
    cancelled(at_work(rita, site, "her own"), rita)
    services.finish(at_work(rita, site, "watched", kind="tests.watched", minutes=9), ROWS)
    services.fail(at_work(None, site, "nobody's"), "no such file")
    services.requeue(at_work(rita, site, "tried again"), "its worker fell silent")
    assert told(rita) == {
        "“night training” is done",
        "“broken” failed",
        f"“given up” was cancelled by {dana}",
        f"“never begun” was cancelled by {dana}",
        "“withdrawn” was stopped by the platform",
    }
    assert told(dana) == set()


def test_the_last_failed_attempt_is_told_and_forgotten_when_the_job_is_tried_again(
    rita: User, site: Site
) -> None:
    job = at_work(rita, site, "poison")
    for _ in range(job.max_attempts - 1):
        services.requeue(job, "its worker fell silent")
        assert told(rita) == set()
        again = services.claim(job.pk, "host:1")
        assert again is not None
        job = again
    services.requeue(job, "its worker fell silent")
    assert told(rita) == {"“poison” failed"}
    services.retry(job, by_user=rita)
    assert told(rita) == set()


def test_it_stands_on_the_home_page_and_among_the_news_until_the_job_or_seen_was_opened(
    rita: User, dana: User, site: Site
) -> None:
    def client_of(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    def body(client: Client, address: str) -> str:
        return client.get(address).content.decode()

    job, other = at_work(rita, site, "first"), at_work(rita, site, "second")
    cancelled(job, dana)
    services.fail(other, "no such file")
    hers, page, seen = client_of(rita), reverse("jobs:job", args=[job.pk]), reverse("jobs:seen")
    for address in (reverse("home"), reverse("home_progress"), reverse("annotation:news")):
        assert f"“first” was cancelled by {dana}" in body(hers, address)
    assert f"“first”已被{dana}取消" in body_in_chinese(hers, reverse("home"))
    assert "“first”" not in body(client_of(dana), reverse("home"))
    assert f'hx-post="{seen}"' in body(hers, page)
    # Another person who sees the job settles nothing of hers.
    assert f'hx-post="{seen}"' not in body(client_of(dana), page)
    assert client_of(dana).post(seen, {"job": str(job.pk)}).status_code == 204
    assert len(told(rita)) == 2
    assert hers.get(seen).status_code == 405
    assert hers.post(seen, {"job": str(job.pk)}).status_code == 204
    assert f'hx-post="{seen}"' not in body(hers, page)
    assert str(dana) in body(hers, page)
    assert told(rita) == {"“second” failed"}
    assert hers.post(seen, headers={"HX-Request": "true"}).status_code == 200
    assert "Your jobs that have ended" not in body(hers, reverse("home"))
    assert "“second” failed" in body(hers, reverse("annotation:news"))
    assert hers.post(seen, {"job": "no number"}).status_code == 404
    assert not Ending.objects.filter(seen_at__isnull=True).exists()


def body_in_chinese(client: Client, address: str) -> Any:
    client.cookies["django_language"] = "zh-hans"
    shown = client.get(address).content.decode()
    client.cookies["django_language"] = "en"
    return shown
