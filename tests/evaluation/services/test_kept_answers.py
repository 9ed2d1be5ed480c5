"""One bad system of an answering job costs the others nothing: what they answered is kept, the rest is asked again."""

import json
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import Arm, Trial
from evaluation.services.answer_requests import build_request
from evaluation.services.answers import queue_answers
from evaluation.services.arms import add_system_arm
from mammo.accounts.models import User
from mammo.jobs import services as jobs
from mammo.jobs.runner import run_here
from tests.evaluation import scene


def answers_file(path: Path, trial: Trial, text: str, *, without: int = 0) -> Path:
    """A file of answers to all questions, but the last `without` of them."""
    questions = list(trial.trial_questions.order_by("position"))
    rows = [{"question": str(q.pk), "text": f"{text} {q.position}"} for q in questions]
    lines = [json.dumps(row) for row in rows[: len(rows) - without]]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def unanswered(rita: User, june: User, sena: User, sol: User) -> Trial:
    """A draft whose only systems are yet to be added."""
    trial = scene.draft_trial(rita, scene.questions_of(rita, [june, sena, sol], 3), june)
    trial.arms.filter(kind=Arm.Kind.SYSTEM).update(left_out_reason="not of this test")
    return trial


def file_arm(trial: Trial, rita: User, name: str, path: Path) -> Arm:
    return add_system_arm(trial, name, by_user=rita, spec={"kind": "file", "path": str(path)})


@pytest.mark.django_db(transaction=True)
def test_the_good_systems_answers_stay_and_only_the_rest_is_asked_again(
    unanswered: Trial, rita: User, client: Client, tmp_path: Path
) -> None:
    short = answers_file(tmp_path / "short.jsonl", unanswered, "C", without=1)
    bad = file_arm(unanswered, rita, "Short", short)
    gone = file_arm(unanswered, rita, "Gone", tmp_path / "none.jsonl")
    good = file_arm(unanswered, rita, "Whole", answers_file(tmp_path / "whole.jsonl", unanswered, "B"))
    queued = queue_answers(unanswered, by_user=rita)
    assert queued is not None
    job = run_here(queued)
    assert job.state == "failed"
    assert (good.answers.count(), bad.answers.count(), gone.answers.count()) == (3, 0, 0)
    assert job.result["answers"] == 3

    client.force_login(rita)
    page = client.get(reverse("evaluation:trial", args=[unanswered.pk])).content.decode()
    assert "what its other systems answered is kept" in page
    assert "system “Short”" in page
    assert "another system failed too: system “Gone”: answers file" in page

    answers_file(short, unanswered, "C")
    kept = set(good.answers.values_list("pk", flat=True))
    again = jobs.claim(jobs.retry(job, by_user=rita).pk, "test worker")
    assert again is not None
    assert [system["key"] for system in build_request(again)["systems"]] == [str(bad.pk), str(gone.pk)]
    jobs.requeue(again, "its worker was stopped", counts=False)
    job = run_here(jobs.wait(again, timeout=0))
    assert (job.state, bad.answers.count(), gone.answers.count()) == ("failed", 3, 0)

    answers_file(tmp_path / "none.jsonl", unanswered, "D")
    other = queue_answers(unanswered, by_user=rita)
    assert other is not None
    assert other.parameters["arms"] == [str(gone.pk)]
    assert run_here(other).state == "succeeded"
    assert gone.answers.count() == 3
    assert set(good.answers.values_list("pk", flat=True)) == kept
    assert queue_answers(unanswered, by_user=rita) is None


def test_each_system_is_asked_the_questions_that_it_lacks(
    unanswered: Trial, rita: User, tmp_path: Path
) -> None:
    one, two = (file_arm(unanswered, rita, name, tmp_path / "a.jsonl") for name in ("One", "Two"))
    job = queue_answers(unanswered, by_user=rita)
    assert job is not None
    rows = scene.answer_rows([one, two], unanswered)
    from evaluation.services.answers import ingest

    ingest(job, [row for row in rows if row["system"] == str(one.pk)][:2])
    questions = [
        str(pk) for pk in unanswered.trial_questions.order_by("position").values_list("pk", flat=True)
    ]
    request = build_request(job)
    asked = {system["key"]: system["questions"] for system in request["systems"]}
    assert asked == {str(one.pk): questions[2:], str(two.pk): questions}
    ingest(job, rows)
    assert {len(system["questions"]) for system in build_request(job)["systems"]} == {0}
