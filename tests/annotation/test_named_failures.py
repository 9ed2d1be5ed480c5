"""Failures that other annotation systems are known for, named by where they were reported; none happens here."""

import json
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Correction, Draft, Lease, Notification, Pick, Question
from annotation.services import leases
from annotation.services.assignments import assign, reassign
from annotation.services.corrections import submit_corrections
from annotation.services.drafts import save_draft
from annotation.services.export import export_training
from annotation.services.picks import pick, return_to_juniors
from mammo.accounts.models import User
from mammo.core.errors import StaleVersionError, WrongStateError
from tests.annotation import scene


@pytest.fixture
def light(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """An open campaign whose questions need no study."""
    return scene.open_campaign_of(rita, [june, jack], [sena, sol])


def test_label_studio_795_two_people_never_get_one_task(light: Campaign, june: User, jack: User) -> None:
    scene.proposed(light, 4)
    got = [leases.next_question(by_user=person, purpose="correct") for person in (june, jack)]
    assert None not in got
    assert got[0] != got[1]
    # Neither list shows what the other one holds.
    assert got[1] not in Question.objects.waiting_for(june, "correct")
    with pytest.raises(WrongStateError, match="Someone else"):
        leases.hold(got[1], by_user=june, purpose="correct")  # type: ignore[arg-type]


def test_label_studio_4190_a_lapsed_lock_never_keeps_a_queue_empty(
    light: Campaign, june: User, jack: User
) -> None:
    (question,) = scene.proposed(light, 1)
    leases.next_question(by_user=june, purpose="correct")
    assert leases.next_question(by_user=jack, purpose="correct") is None
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert leases.next_question(by_user=jack, purpose="correct") == question
    assert Lease.objects.count() == 1


def test_cvat_7996_a_draft_outlives_lease_reassignment_and_return(
    light: Campaign, june: User, jack: User, sena: User, rita: User
) -> None:
    (question,) = scene.proposed(light, 1)
    assign(question, june, "correct", by_user=rita)
    save_draft(
        question,
        by_user=june,
        purpose="correct",
        content={"items": {"a": "三小时的工作"}},
        expected_version=0,
    )
    Lease.objects.update(expires_at=timezone.now() - timedelta(days=3))
    assign(question, june, "correct", by_user=rita)
    reassign(question, june, jack, "correct", by_user=rita)
    assert Draft.objects.get(user=june).content == {"items": {"a": "三小时的工作"}}
    assert Lease.objects.get().user == jack
    scene.settle(question, jack)
    return_to_juniors(question, by_user=sena, reason="没有说明复查时间")
    assert Draft.objects.get(user=june).content == {"items": {"a": "三小时的工作"}}


def test_cvat_7996_small_edits_of_a_senior_outlive_the_return_by_another(
    rita: User, june: User, sena: User, sol: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    client = Client()
    client.force_login(sol)
    page = reverse("annotation:pick", args=[question.pk])
    assert client.get(page).status_code == 200
    first, *others = Correction.objects.candidates(question)
    edited = f"{first.text}（三小时的工作）"
    texts = {f"text-{first.pk}": edited, **{f"text-{row.pk}": row.text for row in others}}
    draft = reverse("annotation:pick-draft", args=[question.pk])
    assert (
        client.post(draft, {"round": 1, "draft_version": "0", **texts}, HTTP_HX_REQUEST="true").status_code
        == 200
    )
    assert "What you had edited" not in client.get(page).content.decode()
    return_to_juniors(question, by_user=sena, reason="没有说明复查时间")
    question.refresh_from_db()
    scene.settle(question, june)
    # The new round has other answers: each save of its page brings their texts alone.
    texts = {f"text-{row.pk}": row.text for row in Correction.objects.candidates(question)}
    for version in ("1", "2"):
        shown = client.get(page).content.decode()
        assert "What you had edited" in shown
        assert edited in shown
        sent = {"round": 2, "draft_version": version, "reason": f"第{version}次", **texts}
        assert client.post(draft, sent, HTTP_HX_REQUEST="true").status_code == 200
    assert Draft.objects.get(user=sol).content["earlier"] == [edited]


def test_rse_grand_challenge_4289_half_saved_is_never_counted_as_done(light: Campaign, june: User) -> None:
    (question,) = scene.proposed(light, 1)
    items = scene.items_for(question)
    leases.hold(question, by_user=june, purpose="correct")
    save_draft(
        question,
        by_user=june,
        purpose="correct",
        content={"items": {str(item.proposal): item.text for item in items}},
        expected_version=0,
    )
    with pytest.raises(Exception, match="not settled"):
        submit_corrections(question, by_user=june, items=items[:2])
    question.refresh_from_db()
    assert question.stage == Question.Stage.PROPOSED
    assert not Correction.objects.exists()
    assert not Question.objects.all().done_by(june, "correct").exists()
    assert question in Question.objects.held_by(june, "correct")


def test_appraise_39_a_refused_submission_keeps_every_letter(light: Campaign, june: User) -> None:
    (question,) = scene.proposed(light, 1)
    client = Client()
    client.force_login(june)
    sent = {"idempotency_key": str(uuid.uuid4()), "revision": "0", "round": 1, "draft_version": "0"}
    for item in scene.items_for(question):
        sent[f"text-{item.proposal}"] = item.text
    first = scene.items_for(question)[0]
    url = reverse("annotation:correct-draft", args=[question.pk])
    assert client.post(url, sent, HTTP_HX_REQUEST="true").status_code == 200
    refused = client.post(
        reverse("annotation:correct-submit", args=[question.pk]),
        sent | {"round": 1, "draft_version": "1"},
        HTTP_HX_REQUEST="true",
    )
    assert refused.status_code == 400
    again = client.get(reverse("annotation:correct", args=[question.pk])).content.decode()
    assert first.text in again


def test_label_studio_pr_6306_rejected_work_returns_to_the_one_who_did_it(
    light: Campaign, june: User, jack: User, sena: User
) -> None:
    first, second = scene.proposed(light, 2)
    scene.settle(second, june)
    return_to_juniors(second, by_user=sena, reason="没有说明复查时间")
    second.refresh_from_db()
    assert list(Question.objects.returned_to(june)) == [second]
    assert second not in Question.objects.waiting_for(jack, "correct")
    assert leases.next_question(by_user=june, purpose="correct") == second, "returned work comes first"
    assert Notification.objects.unread(june).filter(kind="returned", question=second).exists()
    assert first in Question.objects.waiting_for(june, "correct")


def test_doccano_1422_what_was_approved_is_what_is_exported(
    light: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    first, second, third = scene.proposed(light, 3)
    for question in (first, second):
        scene.settle(question, june)
    picked = [
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
        for question in (first, second)
    ]
    scene.settle(third, june)
    made = export_training(light, tmp_path / "out", format="trl", by_user=rita)
    lines = [
        json.loads(line) for line in (tmp_path / "out" / "lineage.jsonl").read_text("utf-8").splitlines()
    ]
    assert made.counts["samples"] == 2
    assert {line["pick"] for line in lines} == {str(row.pk) for row in picked}
    assert {line["picked_by"] for line in lines} == {str(sena.pk)}


def test_cvat_10361_nothing_is_edited_after_it_was_completed(light: Campaign, june: User, sena: User) -> None:
    (question,) = scene.proposed(light, 1)
    scene.settle(question, june)
    done = pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    items = scene.items_for(question)
    for act in (
        lambda: submit_corrections(question, by_user=june, items=items),
        lambda: save_draft(question, by_user=june, purpose="correct", content={}, expected_version=0),
        lambda: pick(question, by_user=sena, correction=done.correction_id),  # type: ignore[arg-type]
        lambda: return_to_juniors(question, by_user=sena, reason="doch nicht"),
    ):
        with pytest.raises((WrongStateError, StaleVersionError)):
            act()
    assert Correction.objects.count() == 3
    assert Pick.objects.get() == done
