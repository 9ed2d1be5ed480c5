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
    Draft,
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
from annotation.services.campaigns import change_instructions
from annotation.services.withdrawals import withdraw
from mammo.accounts.models import AuditEvent, User
from tests.annotation import scene
from tests.annotation.conftest import run_child  # noqa: F401  (a fixture)
from tests.api.conftest import Caller

V1 = "/api/v1"
TABLE = "text,source,consent\n我要复查吗？,ward,IC-1\n密度C是什么？,ward,IC-2\n,ward,IC-3\n"
SPEC = {"kind": "transformers", "path": "owner/tiny-glm", "name": "tiny GLM"}


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
    dana: User,
    caller: Caller,
    run_child: Any,  # noqa: F811
) -> None:
    row = new_campaign(desk, site, due_on="2099-01-31", parameters={"top_p": 0.9, "most_draws": 3}, seed=11)
    at = f"campaigns/{row['id']}"
    design = made(desk, f"{at}/proposer", {"proposer": SPEC, "seed": 12}, 200)
    assert (design["parameters"], design["seed"]) == ({"top_p": 0.9, "most_draws": 3}, 12)
    for wrong in ({"most_draws": 0}, {"warmth": 1}, {"top_p": 0}):
        refused = post(desk, f"{at}/proposer", {"proposer": SPEC, "parameters": wrong})
        assert refused.status_code == 400, wrong
        assert next(iter(wrong)) in refused.content.decode()
    version = desk.get(f"{V1}/{at}/settings/").json()["version"]
    settings = made(desk, f"{at}/settings", {"version": version, "overlap": 1, "rank_all": False}, 200)
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
    one = {"turns": ["第一句？", "回答。", "再问一句？"], "source": "letter", "pool": "night"}
    asked = made(desk, f"{at}/questions", one)
    assert asked["turns"] == [], "nobody has read the cleaned wording yet"
    assert desk.get(f"{V1}/questions/{asked['id']}/holders/").json()["pool"] == "night"
    assert made(desk, f"questions/{asked['id']}/pool", {"pool": ""}, 200)["pool"] == ""
    assert post(desk, f"{at}/questions", one).json()["code"] == "wrong_state", "the same question twice"
    assert made(desk, f"{at}/move", {"to": "open"}, 200)["state"] == "open"
    campaign = Campaign.objects.get(pk=row["id"])
    assert post(desk, f"{at}/propose").status_code == 409, "nobody has read the cleaned wordings yet"
    keeper = caller(dana)
    unread = keeper.get(f"{V1}/wordings/", {"campaign": row["id"], "is_unconfirmed": "true"}).json()[
        "results"
    ]
    assert sorted(len(one["turns"]) for one in unread) == [1, 1, 1, 3]
    mended, *others = unread
    new = {"turns": [f"{turn}（已改）" for turn in mended["turns"]], "version": mended["version"]}
    assert made(keeper, f"wordings/{mended['id']}/correct", new, 200)["confirmed_by"] == "dana"
    seen = [{"question": one["id"], "version": one["version"]} for one in others]
    body = {"site": site.code, "wordings": seen}
    assert post(desk, "wordings/confirm", body).status_code == 404
    stale = [*seen, {"question": mended["id"], "version": mended["version"]}]
    assert post(keeper, "wordings/confirm", {**body, "wordings": stale}).status_code == 409
    assert made(keeper, "wordings/confirm", body, 200) == {"confirmed": 3}
    assert made(desk, f"{at}/propose")["kind"] == "annotation.propose"
    scene.propose(campaign, list(campaign.questions.order_by("position")))
    shares = made(desk, f"{at}/share-out", {"purpose": "correct", "people": ["june"], "most": 2}, 200)
    assert shares == {"assigned": {"june": 2}}
    _correct_and_pick_all(caller(june), caller(sena), campaign)
    refused = post(desk, f"{at}/exports", {"format": "trl", "images": "packed"})
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["images"])
    assert "--" not in refused.content.decode()
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
    assert quality["systems"][0]["repeated"] == 0
    for rates in (quality["picks_by_index"], quality["picks_by_place"]):
        assert [rate["position"] for rate in rates] == [1, 2, 3]
        assert sum(rate["picked"] for rate in rates) == 4
        assert all(rate["low"] <= rate["share"] == rate["picked"] / 4 <= rate["high"] for rate in rates)
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


def test_a_repeated_draft_of_a_withdrawn_question_is_answered_as_the_first(
    spring: Campaign, rita: User, june: User, caller: Caller
) -> None:
    client, question, key = caller(june), spring.questions.get(), uuid.uuid4()
    at = f"questions/{question.pk}/correct/draft"
    item = str(question.proposals.first().pk)  # type: ignore[union-attr]
    withdraw(question, "拼写", by_user=rita)
    body = {"version": 0, "items": {item: {"text": "第一稿"}}}
    first, second = (post(client, at, body, key) for _repeated in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert first.status_code == 409
    assert "kept as your draft" in first.content.decode()
    assert Draft.objects.get(question=question).content["items"][item]["text"] == "第一稿"


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
    assert made(desk, at, {"purpose": "correct", "from": "jack"}, 200)["holders"] == []
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
    draft = {"version": 0, "chosen": chosen, "reason": "更完整"}
    assert made(client, f"{where}/adjudicate/draft", draft, 200)["version"] == 1
    older = draft | {"reason": "更短"}
    assert post(client, f"{where}/adjudicate/draft", older).status_code == 409, "an older page"
    assert made(client, f"{where}/adjudicate/draft", draft, 200)["version"] == 1, "the same words again"
    assert client.get(f"{V1}/{where}/adjudicate/draft/").json()["content"]["reason"] == "更完整"
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
    task = caller(june).get(f"{V1}/questions/{question.pk}/correct/").json()
    reason = {"round": 1, "reason_codes": ["incomplete"], "reason": "没有说明复查时间"}
    assert task["returns"] == [reason]
    assert "sena" not in str(task).lower()


def test_practice_comes_first_and_shows_its_solution_afterwards(
    site: Any, june: User, sena: User, desk: Client, caller: Caller
) -> None:
    row = new_campaign(desk, site, practice_required=True)
    at = f"campaigns/{row['id']}"
    for name, purpose in (("june", "correct"), ("sena", "pick"), ("sena", "adjudicate")):
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
    nowhere = "9" * 5000
    sent = {
        "item": shown["example"]["id"],
        "tags": {"0": ["unsafe_advice"], nowhere: ["language"]},
        "texts": {nowhere: "x"},
    }
    done = made(junior, f"{at}/practise/correct", sent)
    assert (done["right"], done["possible"], done["expected"]["best"]) == (2, 2, 1)
    assert post(junior, f"{at}/practise/correct", sent).status_code == 409, "the first try stands"
    assert senior.get(f"{V1}/{at}/practise/pick/").json()["example"]["answers"][0] == "需要活检。"
    assert post(junior, f"{at}/practice", item).status_code == 404
    assert post(desk, f"{at}/practice", item).status_code == 409
    practice = desk.get(f"{V1}/{at}/practice/").json()
    assert [one["question"] for one in practice["items"]] == ["是癌吗？"]
    scores = {(one["user"], one["purpose"]): one for one in practice["scores"]}
    assert set(scores) == {("june", "correct"), ("sena", "pick")}
    assert [scores["june", "correct"][name] for name in ("done", "right", "possible")] == [1, 2, 2]
    assert [scores["sena", "pick"][name] for name in ("done", "right", "possible")] == [0, 0, 0]
    assert junior.get(f"{V1}/{at}/practice/").status_code == 404


def test_an_endpoint_is_approved_by_another_person(
    site: Any, rita: User, dana: User, desk: Client, caller: Caller
) -> None:
    later = (timezone.localdate() + timedelta(days=30)).isoformat()
    asked = {"site": site.code, "host": "llm.example.org", "country": "CN", "reason": "contract 7"}
    assert post(desk, "endpoints", asked | {"expires_on": later, "most_tokens": 0}).status_code == 400
    row = made(desk, "endpoints", asked | {"expires_on": later, "most_requests": 900})
    assert row["state"] == "asked"
    budget = ("most_requests", "most_tokens", "spent_requests", "spent_tokens")
    assert [row[name] for name in budget] == [900, None, 0, 0]
    assert post(desk, f"endpoints/{row['id']}/decide", {"do": "approve"}).status_code == 404
    assert made(caller(dana), f"endpoints/{row['id']}/decide", {"do": "approve"}, 200)["decided_by"] == "dana"
    assert made(desk, f"endpoints/{row['id']}/decide", {"do": "revoke"}, 200)["state"] == "revoked"
    assert EndpointApproval.objects.get().state == "revoked"


def test_a_question_is_taken_out_of_its_campaign_once_and_by_its_researchers_alone(
    spring: Campaign, june: User, otto: User, caller: Caller, desk: Client
) -> None:
    question, key = spring.questions.get(), uuid.uuid4()
    path = f"questions/{question.pk}/withdraw"
    for person in (june, otto):
        assert post(caller(person), path, {"reason": "x"}).status_code == 404
    assert post(desk, path, {"reason": " "}).status_code == 400
    for _time in range(2):
        assert post(desk, path, {"reason": "不属于本研究"}, key).json()["stage"] == "withdrawn"
    assert post(desk, path, {"reason": "again"}).json()["code"] == "wrong_state"
    assert Comment.objects.get(question=question).text == "不属于本研究"
    assert AuditEvent.objects.filter(action="annotation.withdrawn").count() == 1
    assert post(caller(june), "questions/next", {"purpose": "correct"}).json() == {"question": None}


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
    assert desk.get(f"{V1}/{at}/stuck/").json() == {"stuck": [], "total": 0}


def test_seconds_of_a_draft_and_the_instructions_that_were_shown_are_kept(
    spring: Campaign, rita: User, june: User, caller: Caller
) -> None:
    client, question = caller(june), spring.questions.get()
    numbers = []
    for text in ("建议要写明时间。", "建议要写明时间和方法。"):
        spring.refresh_from_db()
        numbers.append(
            change_instructions(spring, text, by_user=rita, expected_version=spring.version).number
        )
    at = f"questions/{question.pk}/correct"
    keys = [str(pk) for pk in question.proposals.values_list("pk", flat=True)]
    draft = {"version": 0, "items": {keys[0]: {"text": "第一稿"}}, "active_seconds": 40}
    assert made(client, f"{at}/draft", draft, 200)["content"]["active_seconds"] == 40
    task = client.get(f"{V1}/{at}/").json()
    body = {
        "items": [{"proposal": item["proposal"], "text": "核对过了。"} for item in task["items"]],
        "revision": task["revision"],
        "instruction_version": numbers[0],
    }
    refused = post(client, at, body | {"instruction_version": 9})
    assert (refused.status_code, "instruction_version" in refused.content.decode()) == (400, True)
    assert {row["text"] for row in made(client, at, body)} == {"核对过了。"}
    assert {row.instruction_version for row in Correction.objects.all()} == {numbers[0]}
