"""News by e-mail and webhook: off by default, without a word of a patient, sent once."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail

from annotation.models import Notification
from annotation.services.assignments import assign
from annotation.services.delivery import deliver
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.annotation import scene


@pytest.fixture
def news(rita: User, june: User, sena: User) -> Notification:
    """June was assigned a question."""
    campaign = scene.open_campaign_of(rita, [june], [sena])
    (question,) = scene.proposed(campaign, 1)
    assign(question, june, "correct", by_user=rita)
    return Notification.objects.get(user=june)


def test_nothing_leaves_by_default(news: Notification, settings: Any) -> None:
    settings.MAMMO_NEWS_EMAIL, settings.MAMMO_NEWS_WEBHOOK = False, ""
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


def test_a_webhook_gets_number_and_kind(news: Notification, settings: Any) -> None:
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.MAMMO_NEWS_EMAIL = False
    settings.MAMMO_NEWS_WEBHOOK = f"http://127.0.0.1:{server.server_port}/news"
    try:
        assert deliver().by_webhook == 1
    finally:
        server.shutdown()
    assert got == [{"user": "june", "kind": "assigned", "campaign": "Spring", "question": 1}]
    assert deliver().failed == 0
    settings.MAMMO_NEWS_WEBHOOK = "ftp://x"
    with pytest.raises(UserError, match="http or https"):
        deliver()
