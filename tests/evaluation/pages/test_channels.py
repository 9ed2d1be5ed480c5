"""The 31 channels of docs/blinding.md: each names a test that is there, and those that no other test holds."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation.models import Slot, Trial
from evaluation.services.raters import consent
from evaluation.services.scoring import next_slot, record_scores
from mammo.accounts.models import User
from mammo.api.tokens import create_token
from tests.evaluation import scene
from tests.evaluation.pages.test_blinding import plant

ROOT = Path(__file__).resolve().parents[3]
WRITTEN = {"B13", "B29", "B31"}


@pytest.fixture
def opened(rita: User, june: User, sena: User, site: Any) -> Trial:
    """A trial with canaries and hidden repeats, open for one rater who has agreed."""
    trial = plant(rita, june, [sena], site, 8, repeats=1)
    consent(trial.raters.get(), by_user=sena)
    return trial


def test_every_channel_names_a_test_that_is_there() -> None:
    text = (ROOT / "docs" / "blinding.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (B\d+) \|(.*)\|$", text, re.MULTILINE))
    assert list(rows) == [f"B{number}" for number in range(1, 32)]
    for channel, row in rows.items():
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named or channel in WRITTEN, channel
        assert ("written procedure" in row) == (channel in WRITTEN), channel
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), (channel, file, test)


def test_forms_carry_no_date_no_overlay_no_stream_and_no_hint_of_a_repeat(opened: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    rater, shapes = opened.raters.get(), {}
    while (slot := next_slot(rater)) is not None:
        address = reverse("evaluation:form", args=[slot.pk])
        page, viewer = client.get(address), client.get(reverse("evaluation:form-viewer", args=[slot.pk]))
        text = page.content.decode() + viewer.content.decode()
        # No time of a row, of whatever form: 2026-11-29, 2026-11-29T10:00, seconds since 1970.
        assert not re.search(r"20\d\d-\d\d-\d\d|\b1[6-9]\d{8}\b", text)
        assert not re.search(r"EventSource|WebSocket|hx-ext|sse-|ws-connect|wss?://", text)
        assert not re.search(r"repeat|control_|kind|overlay|heatmap|attention|segment", text, re.IGNORECASE)
        assert '"historyCacheSize":0' in text
        for answer in (page, viewer):
            assert "no-store" in answer.headers["Cache-Control"]
            assert answer.headers["Referrer-Policy"] == "same-origin"
        assert not [found for found in re.findall(r'(?:href|src|action)="([^"]*)"', text) if "?" in found]
        # What stands around the texts is the same for every kind of slot.
        fields = set(re.findall(r'(?:name|id|class|data-[\w-]+)(?==")', text))
        fields.discard("data-prefetch")  # the last form has none after it to fetch ahead
        shapes.setdefault(slot.kind, fields)
        assert fields == shapes[slot.kind]
        record_scores(slot, by_user=sena, values=scene.values(), active_seconds=9)
    assert set(shapes) == {Slot.Kind.SCORED, Slot.Kind.REPEAT}
    assert shapes[Slot.Kind.SCORED] == shapes[Slot.Kind.REPEAT]


def test_the_server_does_the_same_work_for_every_arm(opened: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    rater, work = opened.raters.get(), {}
    while (slot := next_slot(rater)) is not None:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert client.get(reverse("evaluation:form", args=[slot.pk])).status_code == 200
        asked = tuple(re.sub(r"'[^']*'|\b\d+\b", "?", query["sql"]) for query in found)
        # The first form has no neighbour before it, the last none after it.
        if 2 < slot.position < rater.slots.count() - 2:
            work.setdefault(slot.answer.arm_id, set()).add(asked)
        record_scores(slot, by_user=sena, values=scene.values(), active_seconds=9)
    assert len(work) == 3
    # Read from rows that were stored before: no job, no file, no query that one arm has and another has not.
    assert len({frozenset(kinds) for kinds in work.values()}) == 1, {k: len(v) for k, v in work.items()}


def test_the_interface_takes_no_parameter_that_would_order_or_widen_it(opened: Trial, sena: User) -> None:
    _token, secret = create_token(sena, "test", scopes=["read:scores"], days=1, by_user=sena)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    form = client.get("/api/v1/forms/").json()["results"][0]["id"]
    for address in ("/api/v1/forms/", f"/api/v1/forms/{form}/", "/api/v1/scores/"):
        for name in ("expand", "fields", "format", "ordering", "order_by", "arm", "answer", "search"):
            answer = client.get(address, {name: "arm"})
            assert answer.status_code in (400, 404), (address, name)
        assert "arm" not in client.options(address).content.decode()
        assert client.get(address, headers={"Accept": "text/html"}).headers["Content-Type"] != "text/html"
