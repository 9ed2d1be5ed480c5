"""Writing: corrections, picks and jobs through the pages' own services, once per key, 409 when stale."""

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation.models import Correction, Pick, Proposal, Purpose, Question
from annotation.services import drafts
from mammo.accounts.models import AuditEvent, User
from mammo.jobs.models import Job, JobState
from tests.annotation import scene
from tests.api.conftest import Caller

V1 = "/api/v1"


@pytest.fixture
def question(rita: User, june: User, jack: User, sena: User, sol: User) -> Question:
    """A question about study A001 with three proposals, to be corrected by June or Jack."""
    scene.patient_with_study(rita.sites_as().get())
    campaign = scene.open_campaign_of(rita, [june, jack], [sena, sol])
    found = scene.ask(campaign)
    scene.propose(campaign, found)
    return found[0]


def send(client: Client, address: str, body: Any = None, key: uuid.UUID | None = None) -> Any:
    return client.post(
        f"{V1}/{address}/",
        body,
        content_type="application/json",
        headers={"Idempotency-Key": str(key or uuid.uuid4())},
    )


def settled(task: dict[str, Any]) -> list[dict[str, Any]]:
    """All items changed but the last, which is positively unchanged."""
    changed = [
        {"proposal": item["proposal"], "text": item["text"] + "（已核对）", "error_tags": ["wrong_fact"]}
        for item in task["items"][:-1]
    ]
    last = task["items"][-1]
    return [*changed, {"proposal": last["proposal"], "text": last["text"], "no_change": True}]


def test_a_junior_corrects_through_the_interface(question: Question, june: User, caller: Caller) -> None:
    client = caller(june)
    waiting = client.get(f"{V1}/questions/", {"waiting_for": "correct"}).json()["results"]
    assert [row["id"] for row in waiting] == [str(question.pk)]
    task = client.get(f"{V1}/questions/{question.pk}/correct/").json()
    told = {
        "question", "study", "prior", "report", "report_waits", "items", "returns", "revision", "draft_version",
    }  # fmt: skip
    assert (set(task), task["returns"]) == (told, [])
    assert {*task["items"][0]} == {"letter", "proposal", "proposed", "text", "no_change", "error_tags"}
    assert "GLM" not in str(task)
    stored = send(client, f"questions/{question.pk}/correct", {"items": settled(task), "revision": 0})
    assert stored.status_code == 201, stored.content
    assert sorted(row["no_change"] for row in stored.json()) == [False, False, True]
    question.refresh_from_db()
    assert question.stage == Question.Stage.CORRECTED
    assert AuditEvent.objects.filter(action="annotation.corrected", actor=june).count() == 1


def test_a_repeated_post_makes_one_set_of_rows(question: Question, june: User, caller: Caller) -> None:
    client, key = caller(june), uuid.uuid4()
    task = client.get(f"{V1}/questions/{question.pk}/correct/").json()
    body = {"items": settled(task), "revision": 0}
    answers = [send(client, f"questions/{question.pk}/correct", body, key) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert Correction.objects.count() == 3


def test_a_refused_post_frees_its_key(question: Question, june: User, caller: Caller) -> None:
    client, key = caller(june), uuid.uuid4()
    task = client.get(f"{V1}/questions/{question.pk}/correct/").json()
    body = {"items": settled(task), "revision": 0}
    refused = send(client, f"questions/{question.pk}/correct", body | {"items": body["items"][:1]}, key)
    assert refused.status_code == 400
    assert not Correction.objects.exists()
    assert send(client, f"questions/{question.pk}/correct", body, key).status_code == 201


def test_a_stale_revision_is_answered_with_what_stands(
    question: Question, june: User, caller: Caller
) -> None:
    client = caller(june)
    task = client.get(f"{V1}/questions/{question.pk}/correct/").json()
    body = {"items": settled(task), "revision": 0}
    assert send(client, f"questions/{question.pk}/correct", body).status_code == 201
    stale = send(client, f"questions/{question.pk}/correct", body)
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (409, "stale_version", 1)
    assert {row["text"] for row in stale.json()["current"]["corrections"]} == {
        item["text"] for item in body["items"]
    }
    anew = send(client, f"questions/{question.pk}/correct", body | {"revision": 1})
    assert anew.status_code == 201
    assert {row["revision"] for row in anew.json()} == {2}


def test_a_stale_draft_is_answered_with_the_draft(question: Question, june: User, caller: Caller) -> None:
    client = caller(june)
    task = client.get(f"{V1}/questions/{question.pk}/correct/").json()
    drafts.save_draft(
        question, by_user=june, purpose=Purpose.CORRECT, content={"items": {}}, expected_version=0
    )
    drafts.save_draft(
        question, by_user=june, purpose=Purpose.CORRECT, content={"items": {}}, expected_version=1
    )
    body = {"items": settled(task), "revision": 0, "draft_version": 1}
    stale = send(client, f"questions/{question.pk}/correct", body)
    assert (stale.status_code, stale.json()["version"]) == (409, 2)
    assert stale.json()["current"] == {"draft": {"items": {}}}
    assert not Correction.objects.exists()


def test_a_senior_picks_what_they_did_not_correct(
    question: Question, june: User, sena: User, rita: User, caller: Caller
) -> None:
    scene.settle(question, june)
    client = caller(sena)
    task = client.get(f"{V1}/questions/{question.pk}/pick/").json()
    assert {*task["candidates"][0]} == {"letter", "correction", "text"}
    assert "june" not in str(task).lower()
    body = {"correction": task["candidates"][1]["correction"], "reason_codes": ["clarity"]}
    for outsider in (june, rita):
        assert send(caller(outsider), f"questions/{question.pk}/pick", body).status_code == 404
    picked = send(client, f"questions/{question.pk}/pick", body)
    assert picked.status_code == 201, picked.content
    assert picked.json()["correction"] == body["correction"]
    assert Pick.objects.get().by_user == sena
    late = send(client, f"questions/{question.pk}/pick", body)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")


def test_what_was_hidden_opens_after_ones_own_choice_and_to_nobody_else(
    question: Question, june: User, sena: User, sol: User, rita: User, otto: User, caller: Caller
) -> None:
    scene.settle(question, june)
    address = f"{V1}/questions/{question.pk}/opened/"
    client = caller(sena)
    closed = client.get(address)
    assert (closed.status_code, closed.json()["code"]) == (409, "wrong_state")
    assert "GLM" not in closed.content.decode()
    shown = client.get(f"{V1}/questions/{question.pk}/pick/").json()["candidates"]
    chosen = shown[1]["correction"]
    assert send(client, f"questions/{question.pk}/pick", {"correction": chosen}).status_code == 201
    answers = client.get(address).json()["answers"]
    assert [(one["letter"], one["text"]) for one in answers] == [
        (one["letter"], one["text"]) for one in shown
    ]
    assert [one["is_picked"] for one in answers] == [False, True, False]
    rows = {row.text: row for row in Correction.objects.select_related("proposal")}
    assert {(one["text"], one["proposed"], one["no_change"]) for one in answers} == {
        (text, row.proposal.text, row.no_change) for text, row in rows.items()
    }
    assert {tuple(one["tags"]) for one in answers if not one["no_change"]} == {("Wrong fact",)}
    assert {one["system"] for one in answers} == {"tiny GLM"}
    assert "june" not in str(answers).lower()
    assert caller(sol).get(address).status_code == 409, "who did not choose reads no origin"
    for person in (june, rita, otto):
        assert caller(person).get(address).status_code == 404


def test_tasks_of_others_do_not_exist(
    question: Question, june: User, sena: User, otto: User, rita: User, caller: Caller
) -> None:
    unknown = caller(june).get(f"{V1}/questions/{uuid.uuid4()}/correct/")
    assert unknown.status_code == 404
    for person, verb in ((june, "pick"), (sena, "correct"), (otto, "correct"), (rita, "correct")):
        answer = caller(person).get(f"{V1}/questions/{question.pk}/{verb}/")
        assert (answer.status_code, answer.content) == (404, unknown.content)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"items": []}, "items"),
        ({"items": [{"proposal": "x", "text": "y"}]}, "items.0.proposal"),
        ({"items": [{"proposal": str(uuid.uuid4()), "text": "y", "by": "rita"}]}, "items.0.by"),
        ({"by_user": "rita"}, "by_user"),
        ({"revision": None}, "revision"),
    ],
)
def test_a_wrong_body_names_its_field(
    question: Question, june: User, caller: Caller, change: dict[str, Any], field: str
) -> None:
    proposal = Proposal.objects.current(question)[0]
    body = {"items": [{"proposal": str(proposal.pk), "text": "y"}], "revision": 0} | change
    answer = send(caller(june), f"questions/{question.pk}/correct", body)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {field}


def test_only_json_is_taken(question: Question, june: User, caller: Caller) -> None:
    answer = caller(june).post(
        f"{V1}/questions/{question.pk}/correct/",
        {"revision": 0},
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert answer.status_code == 415


def test_jobs_are_cancelled_and_tried_again(
    question: Question, rita: User, june: User, caller: Caller
) -> None:
    job = Job.objects.create(kind="annotation.propose", site=rita.sites_as().get(), by_user=rita)
    client, key = caller(rita), uuid.uuid4()
    assert send(caller(june), f"jobs/{job.pk}/cancel").status_code == 404
    cancelled = [send(client, f"jobs/{job.pk}/cancel", key=key) for _ in range(2)]
    assert [(answer.status_code, answer.json()["state"]) for answer in cancelled] == [(200, "cancelled")] * 2
    assert send(client, f"jobs/{job.pk}/retry").json()["state"] == "queued"
    again = send(client, f"jobs/{job.pk}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
