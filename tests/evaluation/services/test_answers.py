"""Answers of systems: one job, stored once, by the real child process; the screen before freezing."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation.models import Answer, Arm, Trial
from evaluation.services import answers
from evaluation.services.answer_requests import build_request
from evaluation.services.answers import ingest, queue_answers
from evaluation.services.freezing import freeze_trial
from evaluation.services.screening import blocking_hits, screen_trial, settle
from mammo.accounts.models import User
from mammo.core.errors import UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.evaluation import scene


@pytest.fixture
def unanswered(rita: User, june: User, sena: User, sol: User) -> Trial:
    return scene.draft_trial(rita, scene.questions_of(rita, [june, sena, sol], 3), june)


def answer(*arguments: object) -> dict[str, Any]:
    out = io.StringIO()
    call_command("answer", *[str(a) for a in arguments], "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def refusal(*arguments: object) -> str:
    with pytest.raises(CommandError) as caught:
        answer(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_one_job_asks_all_systems_with_images_and_names_no_patient(unanswered: Trial, rita: User) -> None:
    job = queue_answers(unanswered, by_user=rita)
    assert queue_answers(unanswered, by_user=rita) == job
    request = build_request(job)
    assert [system["spec"]["path"] for system in request["systems"]] == ["/models/ours", "/models/glm"]
    assert [len(question["images"]) for question in request["questions"]] == [4, 4, 4]
    assert all(
        Path(image["path"]).is_file() for question in request["questions"] for image in question["images"]
    )
    assert {question["context"] for question in request["questions"]} == {""}
    assert (request["n"], request["distinct"]) == (1, False)
    assert "P-" not in json.dumps(request)


def test_the_trials_page_tells_a_running_and_a_failed_answering_job(
    unanswered: Trial, rita: User, client: Client
) -> None:
    client.force_login(rita)
    address = reverse("evaluation:trial", args=[unanswered.pk])
    job = queue_answers(unanswered, by_user=rita)
    assert job is not None
    link = reverse("jobs:job", args=[job.pk])
    page = client.get(address).content.decode()
    assert "Systems are answering" in page
    assert link in page
    arm = unanswered.arms.get(name="MammoVLM")
    error = f"system {arm.pk}: /models/ours: no such file"
    Job.objects.filter(pk=job.pk).update(state="failed", error=error, finished_at=timezone.now())
    page = client.get(address).content.decode()
    assert "Systems are answering" not in page
    assert "system “MammoVLM”: /models/ours: no such file" in page
    assert link in page
    for kept in unanswered.arms.filter(kind="system"):
        Arm.objects.filter(pk=kept.pk).update(left_out_reason="it failed")
    assert "no such file" not in client.get(address).content.decode()


def test_an_answer_file_that_comes_twice_counts_once(unanswered: Trial, rita: User) -> None:
    job = queue_answers(unanswered, by_user=rita)
    rows = scene.answer_rows(list(unanswered.arms.filter(kind="system")), unanswered)
    assert ingest(job, [*rows, rows[0]]) == {"answers": 6, "skipped": 1, "empty": 0}
    assert ingest(job, rows) == {"answers": 0, "skipped": 6, "empty": 0}
    assert Answer.objects.count() == 6
    jobs.finish(jobs.claim(job.pk, "test worker"), [])
    assert queue_answers(unanswered, by_user=rita) is None


def test_an_answer_of_another_trial_is_refused(unanswered: Trial, rita: User) -> None:
    job = queue_answers(unanswered, by_user=rita)
    rows = scene.answer_rows(list(unanswered.arms.filter(kind="human")), unanswered)
    with pytest.raises(UserError, match="is not of trial"):
        ingest(job, rows)


def test_late_answers_do_not_change_a_frozen_trial(draft: Trial, rita: User) -> None:
    freeze_trial(draft, by_user=rita)
    job = Job(parameters={"trial": str(draft.pk), "arms": []})
    with pytest.raises(WrongStateError):
        ingest(job, [])


@pytest.mark.django_db(transaction=True)
def test_the_command_answers_a_trial_through_the_real_child(unanswered: Trial, tmp_path: Path) -> None:
    lines = [
        json.dumps({"question": str(question.pk), "text": f"**密度**为C类 {question.position}"})
        for question in unanswered.trial_questions.all()
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"kind": "file", "path": str(tmp_path / "a.jsonl")}))
    result = answer(unanswered.name, "--system", spec, "--name", "From a file", "--wait")
    assert (result["state"], result["answers"]) == ("succeeded", 3)
    arm = unanswered.arms.get(name="From a file")
    shown = sorted(row.shown_text for row in arm.answers.all())
    assert shown == ["密度为C类 1", "密度为C类 2", "密度为C类 3"]
    assert answer(unanswered.name, "--system", spec)["job"] is None


def test_the_command_answers_a_file_of_questions(tmp_path: Path, db: None) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"id": "q1", "turns": ["我的密度？"]}\n', encoding="utf-8")
    (tmp_path / "a.csv").write_text("question,text\nq1,C类\n", encoding="utf-8")
    spec = tmp_path / "s.json"
    spec.write_text(json.dumps({"kind": "file", "path": str(tmp_path / "a.csv")}))
    out = tmp_path / "out.jsonl"
    assert answer(questions, "--system", spec, "--out", out)["answers"] == 1
    assert json.loads(out.read_text(encoding="utf-8"))["text"] == "C类"
    (tmp_path / "a.csv").unlink()
    other = tmp_path / "other.jsonl"
    assert "does not exist" in refusal(questions, "--system", spec, "--out", other)
    assert not other.exists()


def test_bad_input_of_the_command_gets_one_clear_line(unanswered: Trial, tmp_path: Path) -> None:
    spec = tmp_path / "s.json"
    assert "cannot be read" in refusal(unanswered.name, "--system", spec)
    spec.write_text("{")
    assert "not JSON" in refusal(unanswered.name, "--system", spec)
    spec.write_text('{"kind": "magic"}')
    assert "one of transformers" in refusal(unanswered.name, "--system", spec)
    spec.write_text('{"kind": "file", "path": "/x"}')
    assert "name the new one" in refusal(unanswered.name, "--system", spec)
    assert "known: First trial" in refusal("Nobody's", "--system", spec)
    assert "no such file" in refusal(tmp_path / "none.jsonl", "--system", spec)
    assert not unanswered.arms.filter(spec__kind="file").exists()


def test_self_identification_blocks_freezing_until_a_rule_for_all_arms_settles_it(
    unanswered: Trial, rita: User, june: User, sena: User, sol: User
) -> None:
    from evaluation.services.raters import add_rater

    scene.answer_all(unanswered, rita, june, text="作为AI语言模型，我不能诊断。密度为C类")
    for rater in (sena, sol):
        add_rater(unanswered, rater, by_user=rita)
    hits = blocking_hits(unanswered)
    assert [(hit.finding.kind, hit.answers) for hit in hits] == [("self_identification", 6)]
    with pytest.raises(WrongStateError, match="作为AI语言模型"):
        freeze_trial(unanswered, by_user=rita)
    with pytest.raises(UserError, match="reason"):
        settle(unanswered, hits[0].finding.matched, "remove_sentence", "", by_user=rita)
    before = dict(Answer.objects.values_list("pk", "shown_sha256"))
    assert settle(unanswered, hits[0].finding.matched, "remove_sentence", "gives it away", by_user=rita) == 6
    assert not blocking_hits(unanswered)
    systems = Answer.objects.filter(arm__kind="system")
    assert all(row.shown_text.startswith("密度为C类") for row in systems)
    assert all(row.raw_text.startswith("作为AI") for row in systems)
    assert all(row.shown_sha256 != before[row.pk] for row in systems)
    assert freeze_trial(unanswered, by_user=rita).state == "frozen"


def test_empty_answers_block_until_they_are_accepted_for_every_arm(
    unanswered: Trial, rita: User, june: User
) -> None:
    job = queue_answers(unanswered, by_user=rita)
    rows = scene.answer_rows(list(unanswered.arms.filter(kind="system")), unanswered)
    ingest(job, [row | {"text": "", "raw": "<|user|>"} if i % 2 else row for i, row in enumerate(rows)])
    assert [hit.finding.kind for hit in blocking_hits(unanswered)] == ["empty"]
    settle(unanswered, "", "accept", "a system may be silent", by_user=rita)
    assert not blocking_hits(unanswered)
    assert (
        Answer.objects.filter(arm__kind="system", shown_sha256=answers.shown_hash("（未作答）")).count() == 3
    )


def test_a_rule_that_would_empty_an_answer_changes_nothing(draft: Trial, rita: User) -> None:
    with pytest.raises(WrongStateError, match="without any text"):
        settle(draft, "密度为C类", "remove_sentence", "r", by_user=rita)
    draft.refresh_from_db()
    assert draft.screening == []
    assert screen_trial(draft) == []


def test_a_trials_answers_see_the_gpus_that_the_site_sets_aside(
    unanswered: Trial, rita: User, settings: Any
) -> None:
    settings.MAMMO_ANSWERING_GPUS = 1
    job = queue_answers(unanswered, by_user=rita)
    assert job is not None
    assert job.gpus == 1
