"""Bodies that can't be gone through or kept are answered 400 in the interface's words, never 500."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from rest_framework import serializers

from annotation.api_campaign_serializers import PlainObjectField
from annotation.models import Campaign, PracticeItem, Question
from mammo.accounts.models import User
from tests.annotation import scene
from tests.api.conftest import Caller

V1 = "/api/v1"
ASKED = {"turns": ["要复查吗？"], "source": "phone", "language": "zh"}


@pytest.fixture
def campaign(rita: User, june: User, sena: User) -> Campaign:
    """An open campaign whose questions need no study."""
    return scene.open_campaign_of(rita, [june], [sena])


@pytest.fixture
def client(rita: User, caller: Caller) -> Client:
    """Rita's program; a fault of ours is its answer, no exception."""
    found = caller(rita)
    found.raise_request_exception = False
    return found


def sent(client: Client, address: str, body: bytes, charset: str = "") -> Any:
    return client.generic(
        "POST",
        f"{V1}/{address}/",
        body,
        content_type="application/json" + (f"; charset={charset}" if charset else ""),
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [200, 700, 5000, 100_000])
def test_a_body_of_many_brackets(client: Client, campaign: Campaign, levels: int) -> None:
    bodies = (
        deep(levels),
        "[" * levels,
        json.dumps(ASKED | {"source": "@"}).replace('"@"', deep(levels)),
        '{"a":' * levels + "1" + "}" * levels,
    )
    for body in bodies:
        answer = sent(client, f"campaigns/{campaign.pk}/questions", body.encode())
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
        assert answer.json()["code"] == "parse_error"
        assert answer.json()["detail"].startswith(("not JSON (", "JSON parse error"))
    assert not Question.objects.exists()


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (json.dumps(ASKED | {"turns": ["要复查吗？\ud800"]}).encode(), ""),
        (json.dumps(ASKED | {"source": "\udfff"}).replace("\\ud", "\\uD").encode(), ""),
        (json.dumps(ASKED | {"\ud800": 1}).encode(), "utf-8"),
        (json.dumps(ASKED | {"source": "\ud800"}).encode("utf-16"), "utf-16"),
        (b'{"turns": ["a?"], "language": "en", "source": "+2AA-"}', "utf-7"),
    ],
)
def test_half_of_a_character(client: Client, campaign: Campaign, body: bytes, charset: str) -> None:
    answer = sent(client, f"campaigns/{campaign.pk}/questions", body, charset)
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] == "parse_error"
    assert "lone surrogate" in answer.json()["detail"]
    assert not Question.objects.exists()


def test_whole_characters_and_usual_depths_are_taken(client: Client, campaign: Campaign) -> None:
    body = json.dumps(ASKED | {"turns": ["要复查吗？😀 \\ud800"]}).encode()
    assert b"\\ud83d" in body, "a pair of surrogates is one character"
    answer = sent(client, f"campaigns/{campaign.pk}/questions", body)
    assert answer.status_code == 201, answer.content
    assert Question.objects.get().turns == ["要复查吗？😀 \\ud800"]
    wide = {
        "question": "哪一侧？",
        "language": "zh",
        "best": 0,
        "answers": [{"text": "左。"}, {"text": "右。"}],
    }
    assert sent(client, f"campaigns/{campaign.pk}/practice", json.dumps(wide).encode()).status_code == 201
    assert PracticeItem.objects.count() == 1
    many = json.dumps(ASKED | {"turns": [["x"]] * 500}).encode()
    assert sent(client, f"campaigns/{campaign.pk}/questions", many).json()["code"] == "invalid", (
        "not too deep"
    )


@pytest.mark.parametrize("values", [{"a": "\ud800"}, {"\udfff": 1}, {"a": ["\0"]}, {"a": "x" * 20_001}])
def test_a_plain_object_holds_only_what_can_be_stored(values: dict[str, Any]) -> None:
    with pytest.raises(serializers.ValidationError):
        PlainObjectField().run_validation(values)
    assert PlainObjectField().run_validation({"kind": "file", "名": ["😀", 1.5]}) == {
        "kind": "file",
        "名": ["😀", 1.5],
    }


def test_what_the_viewer_sends_is_read_as_carefully(rita: User) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(rita)
    for body in (deep(9000), '{"theme": ' + deep(9000) + "}", '{"\\ud800": 1}'):
        answer = client.post("/archive/viewer/preferences/", body, content_type="application/json")
        assert (answer.status_code, set(answer.json())) == (400, {"refusal"})
