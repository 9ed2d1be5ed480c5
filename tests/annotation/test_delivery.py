"""News by e-mail and webhook: off by default, without a word of a patient, sent once."""

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.db import connection
from django.utils import timezone

from annotation.models import Notification
from annotation.services.assignments import assign
from annotation.services.delivery import Delivered, deliver
from mammo.accounts.models import User
from mammo.core.errors import UserError
from mammo.jobs.models import Ending, Job
from tests.annotation import scene


@pytest.fixture
def news(rita: User, june: User, sena: User) -> Notification:
    """June was assigned a question."""
    campaign = scene.open_campaign_of(rita, [june], [sena])
    (question,) = scene.proposed(campaign, 1)
    assign(question, june, "correct", by_user=rita)
    return Notification.objects.get(user=june)


def failed_job(person: User) -> Job:
    """A job of this person that ended a moment ago, of which they are to be told."""
    job = Job.objects.create(
        kind="annotation.export", by_user=person, state="failed", finished_at=timezone.now()
    )
    Ending.objects.create(job=job)
    return job


def test_nothing_leaves_by_default(news: Notification, settings: Any, june: User) -> None:
    # As a fresh installation reads them: these tests' own process may have been started with others.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAMMO_NEWS")}
    paths = os.pathsep.join(str(settings.BASE_DIR / part) for part in ("", "platform"))
    asked = "print(json.dumps([settings.MAMMO_NEWS_EMAIL, settings.MAMMO_NEWS_WEBHOOK]))"
    told = subprocess.run(
        [sys.executable, "-c", f"import json; from mammo import settings; {asked}"],
        check=True,
        capture_output=True,
        env={**kept, "PYTHONPATH": paths},
    )
    settings.MAMMO_NEWS_EMAIL, settings.MAMMO_NEWS_WEBHOOK = json.loads(told.stdout)
    User.objects.filter(pk=june.pk).update(email="june@example.org")
    with pytest.raises(UserError, match="neither"):
        deliver()
    assert mail.outbox == []


def test_a_mail_counts_the_news_and_says_nothing_of_them(
    news: Notification, settings: Any, june: User
) -> None:
    settings.MAMMO_NEWS_EMAIL, settings.MAMMO_NEWS_WEBHOOK = True, ""
    User.objects.filter(pk=june.pk).update(email="june@example.org", language="zh-hans")
    assert deliver().by_mail == 1
    (sent,) = mail.outbox
    assert sent.to == ["june@example.org"]
    assert "第1个问题" not in sent.subject + sent.body
    assert deliver().by_mail == 0


@contextmanager
def chat(status: int = 204) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of an in-house chat's webhook that answers with this status, and what it was sent."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/news", got
    finally:
        server.shutdown()
        server.server_close()


def test_a_webhook_gets_number_and_kind_and_the_end_of_a_job(
    news: Notification, settings: Any, june: User
) -> None:
    job = failed_job(june)
    settings.MAMMO_NEWS_EMAIL = False
    with chat() as (address, got):
        settings.MAMMO_NEWS_WEBHOOK = address
        assert deliver().by_webhook == 2
    assert got == [
        {"user": "june", "kind": "assigned", "campaign": "Spring", "question": 1},
        {"user": "june", "kind": "job_failed", "job": str(job.pk)},
    ]
    assert deliver().failed == 0
    settings.MAMMO_NEWS_WEBHOOK = "ftp://x"
    with pytest.raises(UserError, match="http or https"):
        deliver()


def test_what_went_out_by_mail_is_still_to_go_to_a_webhook_that_failed(
    news: Notification, settings: Any, june: User
) -> None:
    User.objects.filter(pk=june.pk).update(email="june@example.org")
    failed_job(june)
    settings.MAMMO_NEWS_EMAIL = True
    with chat(503) as (settings.MAMMO_NEWS_WEBHOOK, _got):
        assert deliver() == Delivered(by_mail=2, by_webhook=0, failed=2)
    with chat() as (settings.MAMMO_NEWS_WEBHOOK, got):
        assert deliver() == Delivered(by_mail=0, by_webhook=2, failed=0)
        assert deliver() == Delivered(0, 0, 0)
    assert [line["kind"] for line in got] == ["assigned", "job_failed"]
    assert len(mail.outbox) == 1


def test_what_went_to_the_webhook_is_still_to_go_by_mail_once_there_is_an_address(
    news: Notification, settings: Any, june: User
) -> None:
    settings.MAMMO_NEWS_EMAIL = True
    with chat() as (settings.MAMMO_NEWS_WEBHOOK, got):
        assert deliver() == Delivered(by_mail=0, by_webhook=1, failed=0)
        User.objects.filter(pk=june.pk).update(email="june@example.org")
        assert deliver() == Delivered(by_mail=1, by_webhook=0, failed=0)
    assert len(got) == 1


def test_an_account_that_is_deactivated_is_sent_nothing(
    news: Notification, settings: Any, june: User
) -> None:
    failed_job(june)
    User.objects.filter(pk=june.pk).update(email="june@example.org", is_active=False)
    settings.MAMMO_NEWS_EMAIL = True
    with chat() as (settings.MAMMO_NEWS_WEBHOOK, got):
        assert deliver() == Delivered(0, 0, 0)
    assert (got, mail.outbox) == ([], [])


def test_what_was_sent_before_the_ways_had_stamps_of_their_own_is_not_sent_again(
    news: Notification, settings: Any, june: User
) -> None:
    failed_job(june)
    for model in (Notification, Ending):
        model.objects.update(sent_at=timezone.now())
    for app in ("annotation.migrations.0009", "mammo.jobs.migrations.0005"):
        migration = importlib.import_module(f"{app}_a_stamp_per_way")
        migration.sent_by_both(apps, SimpleNamespace(connection=connection))
    settings.MAMMO_NEWS_EMAIL = True
    with chat() as (settings.MAMMO_NEWS_WEBHOOK, got):
        assert deliver() == Delivered(0, 0, 0)
    assert got == []
