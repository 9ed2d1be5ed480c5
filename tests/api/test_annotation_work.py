"""A whole campaign by the programming interface: made, filled, shared out, corrected, picked, decided, exported."""

import base64
import io
import uuid
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation.models import (
    Campaign,
    Comment,
    Correction,
    EndpointApproval,
    Flag,
    Notification,
    Phrase,
    Pick,
    Question,
    QuestionUpload,
    Skip,
    TabletLink,
    TrainingExport,
)
from mammo.accounts.models import AuditEvent, User
from tests.annotation import scene
from tests.annotation.conftest import run_child  # noqa: F401  (a fixture)
from tests.api.conftest import Caller

V1 = "/api/v1"
TABLE = "text,source,consent\n我要复查吗？,ward,IC-1\n密度C是什么？,ward,IC-2\n,ward,IC-3\n"
SPEC = {"kind": "transformers", "path": "/models/tiny-glm", "name": "tiny GLM"}


def post(client: Client, path: str, body: Any = None, key: uuid.UUID | None = None) -> Any:
    """POST JSON with an Idempotency-Key."""
    return client.post(
        f"{V1}/{path}/",
        body if body is not None else {},
        content_type="application/json",
        headers={"Idempotency-Key": str(key or uuid.uuid4())},
    )


def made(client: Client, path: str, body: Any = None, status: int = 201) -> Any:
    """The answer's JSON, when it has this status."""
    answer = post(client, path, body)
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.fixture
def desk(rita: User, caller: Caller) -> Client:
    """Rita's token."""
    return caller(rita)


@pytest.fixture
def spring(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """An open campaign with one question to correct."""
    campaign = scene.open_campaign_of(rita, [june, jack], [sena, sol])
    scene.proposed(campaign, 1)
    return campaign


def new_campaign(desk: Client, site: Any, **more: Any) -> dict[str, Any]:
    """A draft made by the interface."""
    body = {"site": site.code, "name": "By interface", "proposer": SPEC, **more}
    row: dict[str, Any] = made(desk, "campaigns", body)
    return row


def test_a_campaign_goes_from_a_table_to_a_training_set(
    desk: Client,
    site: Any,
    june: User,
    jack: User,
    sena: User,
    caller: Caller,
    run_child: Any,  # noqa: F811
) -> None:
    row = new_campaign(desk, site, due_on="2099-01-31")
    at = f"campaigns/{row['id']}"
    settings = made(desk, f"{at}/settings", {"version": row["version"], "overlap": 1, "rank_all": False}, 200)
    texts = made(
        desk,
        f"{at}/texts/guideline",
        {"text": "# Dates\nSay when.", "edition": "Dept 2", "version": settings["version"]},
        200,
    )
    assert [one["title"] for one in texts["sections"]] == ["Dates"]
    for name, purpose in (("june", "correct"), ("jack", "correct"), ("sena", "pick")):
        made(desk, f"{at}/members", {"user": name, "purpose": purpose}, 200)
    rest = made(desk, f"{at}/members/remove", {"user": "jack", "purpose": "correct"}, 200)
    assert {one["user"] for one in rest["members"]} == {"june", "sena"}
    table = base64.b64encode(TABLE.replace(",ward,IC-3\n", "新问题？,ward,IC-3\n").encode()).decode()
    upload = made(desk, f"{at}/uploads", {"name": "questions.csv", "content": table})
    assert upload["count"] == 3
    assert made(desk, f"uploads/{upload['id']}/confirm")["counts"]["imported"] == 3
    one = {"turns": ["第一句？", "回答。", "再问一句？"], "source": "letter"}
    assert made(desk, f"{at}/questions", one)["turns"] == [], "nobody has read the cleaned wording yet"
    assert post(desk, f"{at}/questions", one).json()["code"] == "wrong_state", "the same question twice"
    assert made(desk, f"{at}/move", {"to": "open"}, 200)["state"] == "open"
    campaign = Campaign.objects.get(pk=row["id"])
    assert post(desk, f"{at}/propose").status_code == 409, "nobody has read the cleaned wordings yet"
    scene.confirm_all(campaign)
    assert made(desk, f"{at}/propose")["kind"] == "annotation.propose"
    scene.propose(campaign, list(campaign.questions.order_by("position")))
    shares = made(desk, f"{at}/share-out", {"purpose": "correct", "people": ["june"], "most": 2}, 200)
    assert shares == {"assigned": {"june": 2}}
    _correct_and_pick_all(caller(june), caller(sena), campaign)
    assert made(desk, f"{at}/exports", {"format": "trl", "preferences": True})["kind"] == "annotation.export"
    run_child("annotation.export")
    export = TrainingExport.objects.get()
    answer = desk.get(f"{V1}/exports/{export.pk}/download/")
    names = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).namelist()  # type: ignore[arg-type]
    assert {"README.md", "manifest.json", "lineage.jsonl"} <= set(names)
    assert AuditEvent.objects.filter(action="annotation.export_downloaded").count() == 1
    progress = desk.get(f"{V1}/{at}/progress/").json()
    assert progress["stages"]["picked"] == 4
    assert {one["user"]: one["picked"] for one in progress["people"]}["sena"] == 4
    quality = desk.get(f"{V1}/{at}/quality/").json()
    assert quality["systems"][0]["proposals"] == 12
    assert sum(quality["picks_by_place"].values()) == 4
    history = desk.get(f"{V1}/questions/{campaign.questions.first().pk}/history/").json()["events"]  # type: ignore[union-attr]
    assert {"asked", "proposed", "corrected", "picked"} <= {event["kind"] for event in history}


def _correct_and_pick_all(junior: Client, senior: Client, campaign: Campaign) -> None:
    """Everything is taken with `questions/next`, corrected with a citation, and picked."""
    while taken := made(junior, "questions/next", {"purpose": "correct"}, 200)["question"]:
        at = f"questions/{taken['id']}/correct"
        task = junior.get(f"{V1}/{at}/").json()
        items = [
            {
                "proposal": item["proposal"],
                "text": f"{item['proposed']}请按时复查。",
                "error_tags": ["unsupported"],
                "citations": {"unsupported": "g-dates"},
            }
            for item in task["items"]
        ]
        made(junior, at, {"items": items, "revision": task["revision"]})
    assert set(Correction.objects.values_list("citations__unsupported", flat=True)) == {"g-dates"}
    while taken := made(senior, "questions/next", {"purpose": "pick"}, 200)["question"]:
        at = f"questions/{taken['id']}/pick"
        (first, *_others) = senior.get(f"{V1}/{at}/").json()["candidates"]
        made(senior, at, {"correction": first["correction"]})
    assert campaign.questions.filter(stage="picked").count() == 4


def test_a_draft_is_kept_and_never_overwritten(spring: Campaign, june: User, caller: Caller) -> None:
    client, question = caller(june), spring.questions.get()
    at = f"questions/{question.pk}/correct/draft"
    assert client.get(f"{V1}/{at}/").json() == {"version": 0, "content": None}
    key = str(question.proposals.first().pk)  # type: ignore[union-attr]
    body = {"version": 0, "items": {key: {"text": "第一稿"}}}
    assert made(client, at, body, 200)["version"] == 1
    stale = post(client, at, body | {"items": {key: {"text": "旧页面"}}})
    assert (stale.status_code, stale.json()["version"]) == (409, 1)
    assert stale.json()["current"]["draft"]["items"][key]["text"] == "第一稿"
    page = Client()
    page.force_login(june)
    assert "第一稿" in page.get(f"/annotation/correct/{question.pk}/").content.decode()


def test_what_another_person_wrote_comes_back_with_409(
    spring: Campaign, june: User, jack: User, caller: Caller
) -> None:
    question = spring.questions.get()
    scene.settle(question, jack)
    client = caller(june)
    items = [{"proposal": str(one.pk), "text": "我的回答"} for one in question.proposals.all()]
    lost = post(client, f"questions/{question.pk}/correct", {"items": items, "revision": 0})
    assert (lost.status_code, lost.json()["code"]) == (409, "stale_version")
    theirs = {row["text"] for row in lost.json()["current"]["corrections"]}
    assert theirs == set(Correction.objects.values_list("text", flat=True))


def test_skips_flags_remarks_phrases_and_news(
    spring: Campaign, june: User, rita: User, desk: Client, caller: Caller
) -> None:
    client, question = caller(june), spring.questions.get()
    at = f"questions/{question.pk}"
    made(client, f"{at}/remarks", {"text": "图像缺一张"})
    assert desk.get(f"{V1}/{at}/remarks/").json()["remarks"][0]["who"] == str(june)
    assert Comment.objects.get().text == "图像缺一张"
    flag = made(client, f"{at}/flags", {"kind": "unclear"})
    assert post(client, f"flags/{flag['id']}/settle", {"settlement": "x"}).status_code == 404
    assert made(desk, f"flags/{flag['id']}/settle", {"settlement": "asked again"}, 200)["settled_at"]
    assert Flag.objects.get().settled_by == rita
    skip = made(client, f"{at}/skip", {"purpose": "correct", "code": "known"})
    assert made(client, "questions/next", {"purpose": "correct"}, 200) == {"question": None}
    assert made(client, f"skips/{skip['id']}/lift", None, 200)["lifted_at"]
    assert not Skip.objects.filter(lifted_at__isnull=True).exists()
    phrase = made(client, f"campaigns/{spring.pk}/phrases", {"text": "请按时复查。"})
    assert [row["id"] for row in client.get(f"{V1}/phrases/").json()["results"]] == [phrase["id"]]
    assert post(client, f"phrases/{phrase['id']}/remove").status_code == 204
    assert not Phrase.objects.exists()
    kinds = {row["kind"] for row in desk.get(f"{V1}/news/").json()["results"]}
    assert kinds == {"comment", "flagged", "skipped"}
    assert made(desk, "news/read", None, 200) == {"unread": 0}
    assert not Notification.objects.unread(rita).exists()


def test_a_question_goes_from_hand_to_hand(spring: Campaign, june: User, jack: User, desk: Client) -> None:
    at = f"questions/{spring.questions.get().pk}/holders"
    assert made(desk, at, {"purpose": "correct", "to": "june"}, 200)["holders"][0]["user"] == "june"
    moved = made(desk, at, {"purpose": "correct", "from": "june", "to": "jack"}, 200)["holders"]
    assert [(one["user"], one["expires_at"]) for one in moved] == [("jack", None)]
    assert made(desk, at, {"purpose": "correct", "from": "jack"}, 200) == {"holders": []}
    assert post(desk, at, {"purpose": "correct"}).status_code == 400


def test_two_seniors_differ_and_a_third_decides(
    site: Any, rita: User, june: User, sena: User, sol: User, caller: Caller, desk: Client
) -> None:
    from tests.evaluation.scene import person

    third = person(site, "Tess", "senior")
    row = new_campaign(desk, site, senior_overlap=2, adjudication=True)
    at = f"campaigns/{row['id']}"
    people = (("june", "correct"), ("sena", "pick"), ("sol", "pick"), ("tess", "adjudicate"))
    for name, purpose in people:
        made(desk, f"{at}/members", {"user": name, "purpose": purpose}, 200)
    made(desk, f"{at}/move", {"to": "open"}, 200)
    (question,) = scene.proposed(Campaign.objects.get(pk=row["id"]), 1)
    scene.settle(question, june)
    candidates = list(Correction.objects.candidates(question))
    where = f"questions/{question.pk}"
    made(caller(sena), f"{where}/pick", {"correction": str(candidates[0].pk)})
    written = {"text": "我自己写的回答。", "reason": "三个都不完整", "reason_codes": ["incomplete"]}
    made(caller(sol), f"{where}/pick/write", written)
    client = caller(third)
    task = client.get(f"{V1}/{where}/adjudicate/").json()
    assert {one["is_written"] for one in task["disputed"]} == {True, False}
    assert "sol" not in str(task)
    chosen = next(one["id"] for one in task["disputed"] if one["is_written"])
    made(client, f"{where}/adjudicate", {"chosen": chosen, "reason": "更完整"})
    question.refresh_from_db()
    assert question.stage == Question.Stage.PICKED
    assert Pick.objects.get(is_adjudication=True).text == "我自己写的回答。"


def test_none_acceptable_goes_back(spring: Campaign, june: User, sena: User, caller: Caller) -> None:
    question = spring.questions.get()
    scene.settle(question, june)
    at = f"questions/{question.pk}/pick/return"
    back = made(caller(sena), at, {"reason": "没有说明复查时间", "reason_codes": ["incomplete"]})
    assert (back["stage"], back["round"]) == ("proposed", 2)
    waiting = caller(june).get(f"{V1}/questions/", {"is_returned": "true"}).json()["results"]
    assert [row["id"] for row in waiting] == [str(question.pk)]


def test_practice_comes_first_and_shows_its_solution_afterwards(
    site: Any, june: User, sena: User, desk: Client, caller: Caller
) -> None:
    row = new_campaign(desk, site, practice_required=True)
    at = f"campaigns/{row['id']}"
    for name, purpose in (("june", "correct"), ("sena", "pick")):
        made(desk, f"{at}/members", {"user": name, "purpose": purpose}, 200)
    answers = [
        {"text": "肯定不是癌。", "tags": ["unsafe_advice"], "reference": "需要活检。"},
        {"text": "请活检。"},
    ]
    item = {"language": "zh", "question": "是癌吗？", "answers": answers, "best": 1}
    made(desk, f"{at}/practice", item)
    made(desk, f"{at}/move", {"to": "open"}, 200)
    junior, senior = caller(june), caller(sena)
    shown = junior.get(f"{V1}/{at}/practise/correct/").json()
    assert shown["example"]["answers"] == ["肯定不是癌。", "请活检。"]
    assert "unsafe_advice" not in str(shown)
    sent = {"item": shown["example"]["id"], "tags": {"0": ["unsafe_advice"]}}
    done = made(junior, f"{at}/practise/correct", sent)
    assert (done["right"], done["possible"], done["expected"]["best"]) == (2, 2, 1)
    assert post(junior, f"{at}/practise/correct", sent).status_code == 409, "the first try stands"
    assert senior.get(f"{V1}/{at}/practise/pick/").json()["example"]["answers"][0] == "需要活检。"
    assert post(junior, f"{at}/practice", item).status_code == 404
    assert post(desk, f"{at}/practice", item).status_code == 409


def test_an_endpoint_is_approved_by_another_person(
    site: Any, rita: User, dana: User, desk: Client, caller: Caller
) -> None:
    later = (timezone.localdate() + timedelta(days=30)).isoformat()
    asked = {"site": site.code, "host": "llm.example.org", "country": "CN", "reason": "contract 7"}
    row = made(desk, "endpoints", asked | {"expires_on": later})
    assert row["state"] == "asked"
    assert post(desk, f"endpoints/{row['id']}/decide", {"do": "approve"}).status_code == 404
    assert made(caller(dana), f"endpoints/{row['id']}/decide", {"do": "approve"}, 200)["decided_by"] == "dana"
    assert made(desk, f"endpoints/{row['id']}/decide", {"do": "revoke"}, 200)["state"] == "revoked"
    assert EndpointApproval.objects.get().state == "revoked"


def test_an_invitation_is_told_once_and_a_table_can_be_thrown_away(desk: Client, site: Any) -> None:
    row = new_campaign(desk, site, consent_text={"zh": "我同意。"})
    at, key = f"campaigns/{row['id']}", uuid.uuid4()
    first = post(desk, f"{at}/invitations", {"language": "zh"}, key).json()
    assert "/annotation/ask/" in first["address"]
    again = post(desk, f"{at}/invitations", {"language": "zh"}, key).json()
    assert (again["id"], again["address"]) == (first["id"], None)
    assert TabletLink.objects.count() == 1
    assert Client().get(first["address"].split("testserver")[1]).status_code == 200
    table = base64.b64encode(b"text,source\nwhy?,ward\n").decode()
    upload = made(desk, f"{at}/uploads", {"name": "q.csv", "content": table})
    key = uuid.uuid4()
    for _time in range(2):
        assert post(desk, f"uploads/{upload['id']}/discard", None, key).status_code == 204
    assert not QuestionUpload.objects.exists()


def test_only_researchers_run_a_campaign(
    spring: Campaign, june: User, otto: User, caller: Caller, desk: Client
) -> None:
    at = f"campaigns/{spring.pk}"
    bodies: dict[str, Any] = {
        f"{at}/move": {"to": "closed"},
        f"{at}/members": {"user": "june", "purpose": "correct"},
        f"{at}/propose": None,
        f"{at}/exports": {"format": "trl"},
        f"{at}/settings": {"version": 1},
        f"{at}/questions": {"turns": ["?"], "source": "x"},
        f"{at}/invitations": {"language": "zh"},
    }
    for client in (caller(june), caller(otto)):
        for path, body in bodies.items():
            assert post(client, path, body).status_code == 404, path
        for path in ("quality", "progress", "stuck", "practice", "members", "settings"):
            assert client.get(f"{V1}/{at}/{path}/").status_code == 404, path
    without = caller(spring.by_user, "read:annotation")
    assert post(without, f"{at}/move", {"to": "closed"}).json()["code"] == "missing_scope"
    assert desk.get(f"{V1}/{at}/stuck/").json() == {"stuck": []}
