"""Every arm answers beside the report that raters read: who read another one, answers again before the freezing."""

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Question
from evaluation.models import Arm, Trial, UnfinishedDialogue
from evaluation.services.answer_requests import build_request
from evaluation.services.answers import queue_answers, record_human_answer, written_version
from evaluation.services.drafts import change_trial
from evaluation.services.freezing import freeze_trial, obstacles
from evaluation.services.raters import add_rater
from evaluation.services.writing import answers_waiting, next_to_write, record_turn, said_so_far
from mammo.accounts.models import User
from mammo.archive.models import Study
from mammo.core.errors import StaleVersionError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.evaluation import dialogues, scene
from tests.evaluation.pages.test_designing import client_of, post
from tests.evaluation.pages.test_two_tabs import hidden

FIRST, SECOND = "A mass on the left, as it was read first.", "A mass on the right, as it was corrected."


@pytest.fixture
def questions(rita: User, june: User, sena: User) -> list[Question]:
    return scene.questions_of(rita, [june, sena], 2)


@pytest.fixture
def asked(rita: User, june: User, questions: list[Question]) -> Trial:
    """A draft that shows reports, with no answer yet."""
    for question in questions:
        scene.report_of(question.study, FIRST)
    return scene.draft_trial(rita, questions, june, show_report=True)


def corrected(study: Study) -> None:
    scene.report_of(study, SECOND, replaces=study.reports.get())


def claimed(trial: Trial, rita: User) -> Job:
    """The answering job as a worker has it when it writes the request."""
    job = jobs.claim(queue_answers(trial, by_user=rita).pk, "test worker")
    assert job is not None
    return job


def answered(trial: Trial, rita: User, job: Job | None = None) -> None:
    job = job or claimed(trial, rita)
    request = build_request(job)
    wanted = {question["id"] for question in request["questions"]}
    systems = list(trial.arms.filter(kind="system").order_by("position"))
    rows = [row for row in scene.answer_rows(systems, trial) if row["question"] in wanted]
    jobs.finish(Job.objects.get(pk=job.pk), rows)


def written(trial: Trial, june: User) -> None:
    arm = trial.arms.get(kind="human")
    for question in trial.trial_questions.order_by("position"):
        record_human_answer(arm, question, f"每年复查，第{question.position}问。", by_user=june)


def changed(trial: Trial) -> list[str]:
    """The obstacles about reports."""
    return [line for line in obstacles(Trial.objects.get(pk=trial.pk)) if "The report of question" in line]


def test_systems_that_read_another_report_answer_again(
    asked: Trial, questions: list[Question], rita: User, june: User, sena: User
) -> None:
    answered(asked, rita)
    assert queue_answers(asked, by_user=rita) is None
    corrected(questions[1].study)
    written(asked, june)
    add_rater(asked, sena, by_user=rita)
    said = "The report of question 2 changed after arm “%s” answered it: let the systems answer again."
    assert changed(asked) == [said % "MammoVLM", said % "Untuned model"]
    with pytest.raises(WrongStateError, match="let the systems answer again"):
        freeze_trial(asked, by_user=rita)
    before = set(asked.arms.get(name="MammoVLM").answers.values_list("pk", flat=True))
    job = claimed(asked, rita)
    assert [question["context"] for question in build_request(job)["questions"]] == [SECOND]
    answered(asked, rita, job)
    assert changed(asked) == []
    after = set(asked.arms.get(name="MammoVLM").answers.values_list("pk", flat=True))
    assert (len(after), len(before & after)) == (2, 1)
    assert freeze_trial(asked, by_user=rita).state == Trial.State.FROZEN


def test_a_report_that_changes_while_systems_answer_is_told(
    asked: Trial, questions: list[Question], rita: User
) -> None:
    job = claimed(asked, rita)
    build_request(job)
    systems = list(asked.arms.filter(kind="system").order_by("position"))
    corrected(questions[0].study)
    jobs.finish(Job.objects.get(pk=job.pk), scene.answer_rows(systems, asked))
    assert len(changed(asked)) == 2


def test_an_author_whose_page_showed_another_report_writes_again(
    asked: Trial, questions: list[Question], june: User
) -> None:
    written(asked, june)
    arm, first = asked.arms.get(kind="human"), asked.trial_questions.get(position=1)
    client = client_of(june)
    opened = hidden(client, "write", first.pk)
    corrected(questions[0].study)
    # The text is sent after the correction; its author read the report before it.
    assert post(client, "write", first.pk, **opened, text=" ").status_code == 400
    assert post(client, "write", first.pk, **opened, text="看了旧报告的回答。").status_code == 302
    assert changed(asked) == [
        "The report of question 1 changed after arm “Junior doctor” answered it: write the answer again."
    ]
    assert (next_to_write(arm, june), answers_waiting(june)) == (first, 1)
    assert SECOND in client.get(reverse("evaluation:write", args=[first.pk])).content.decode()
    again = hidden(client, "write", first.pk)
    assert post(client, "write", first.pk, **again, text="看了新报告的回答。").status_code == 302
    assert (changed(asked), answers_waiting(june)) == ([], 0)


def test_a_page_that_was_refused_is_still_the_one_beside_the_earlier_report(
    asked: Trial, questions: list[Question], june: User
) -> None:
    client, first = client_of(june), asked.trial_questions.get(position=1)
    opened = hidden(client, "write", first.pk)
    corrected(questions[0].study)
    refused = post(client, "write", first.pk, **opened, text=" \n ").content.decode()
    assert f'name="report_read" value="{opened["report_read"]}"' in refused
    assert hidden(client, "write", first.pk)["report_read"] != opened["report_read"]


def test_a_dialogue_is_begun_anew_where_one_turn_was_answered_beside_another_report(
    rita: User, june: User, sena: User
) -> None:
    draft = dialogues.draft(rita, june, [june, sena], show_report=True)
    arm = draft.arms.get(kind="human")
    asked = draft.trial_questions.get(position=2)
    scene.report_of(asked.question.study, FIRST)
    record_turn(arm, asked, "第一句。", by_user=june, turn=1)
    corrected(asked.question.study)
    for turn in (2, 3):
        record_turn(arm, asked, f"第{turn}句。", by_user=june, turn=turn)
    assert changed(draft) == [
        f"The report of question 2 changed after arm “{arm.name}” answered it: write the answer again."
    ]
    assert said_so_far(arm, asked, by_user=june) == []
    page = Client()
    page.force_login(june)
    assert (
        "<textarea"
        in page.get(reverse("evaluation:write", args=[asked.pk]) + f"?arm={arm.pk}").content.decode()
    )
    # A late turn takes nothing away.
    with pytest.raises(StaleVersionError, match="go on with the next"):
        record_turn(arm, asked, "晚到的。", by_user=june, turn=3)
    assert arm.answers.count() == 1
    for turn in (1, 2, 3):
        record_turn(arm, asked, f"新的第{turn}句。", by_user=june, turn=turn)
    assert changed(draft) == []
    assert arm.answers.get().turns[1::2] == ["新的第1句。", "新的第2句。", "新的第3句。"]
    assert not UnfinishedDialogue.objects.exists()


def test_a_report_that_is_shown_only_after_the_answers_were_given_is_told_too(
    rita: User, june: User, questions: list[Question]
) -> None:
    scene.report_of(questions[0].study, FIRST)
    draft = scene.draft_trial(rita, questions, june)
    answered(draft, rita)
    written(draft, june)
    assert changed(draft) == []
    change_trial(draft, {"show_report": True}, by_user=rita, expected_version=draft.version)
    assert len(changed(draft)) == 3
    arm, first = draft.arms.get(kind="human"), draft.trial_questions.get(position=1)
    seen = written_version(arm.answers.get(question=first))
    record_human_answer(Arm.objects.get(pk=arm.pk), first, "看了报告。", by_user=june, opened_on=seen)
    assert len(changed(draft)) == 2


def test_answers_of_files_do_not_say_what_was_read(
    asked: Trial, questions: list[Question], rita: User
) -> None:
    job = claimed(asked, rita)
    jobs.finish(job, scene.answer_rows(list(asked.arms.filter(kind="system")), asked))
    corrected(questions[0].study)
    assert changed(asked) == []
