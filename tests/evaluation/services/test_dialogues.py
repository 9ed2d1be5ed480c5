"""Dialogues of a trial: fixed turns of the patient, every arm's own answers, screened, sealed and scored whole."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from annotation.models import Campaign
from annotation.question_table import read_question_table
from annotation.services import proposals
from annotation.services.wordings import correct_wording
from evaluation.answers.dialogue import ROUND_MARK, parts_of
from evaluation.answers.neutral import neutral_text
from evaluation.models import Answer, Slot, Trial, UnfinishedDialogue
from evaluation.reports.leaks import leak_report
from evaluation.reports.study.data import from_trial
from evaluation.reports.unsafe_answers import flagged_answers
from evaluation.services import drafts
from evaluation.services.answer_requests import build_request
from evaluation.services.answers import (
    ingest,
    queue_answers,
    record_human_answer,
    shown_hash,
)
from evaluation.services.arms import add_written_arm
from evaluation.services.dialogues import conversation, raw_answers
from evaluation.services.freezing import design_document, freeze_trial, obstacles, require_unchanged
from evaluation.services.raters import add_rater, consent
from evaluation.services.remarks import Remark, record_form
from evaluation.services.scoring import lock_trial, next_slot, open_scoring
from evaluation.services.screening import blocking_hits, screen_trial, settle
from evaluation.services.trials import add_questions, eligible_questions, sample_questions
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from evaluation.services.writing import answers_waiting, next_to_write, record_turn, said_so_far
from mammo.accounts.models import User
from mammo.core.encryption import ErasedText
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from mammo.core.keys import key_store
from mammo.jobs.models import Job
from tests.annotation import scene as annotation_scene
from tests.evaluation import dialogues, scene


@pytest.fixture
def unanswered(rita: User, june: User, sena: User, sol: User) -> Trial:
    """One single question and two dialogues of three turns."""
    return dialogues.draft(rita, june, [june, sena, sol])


@pytest.fixture
def answered(unanswered: Trial, rita: User, june: User, sena: User, sol: User) -> Trial:
    dialogues.systems_answer(unanswered, rita)
    dialogues.doctor_answers(unanswered, june)
    for rater in (sena, sol):
        add_rater(unanswered, rater, by_user=rita)
    return unanswered


def test_the_patients_turns_are_fixed_and_the_answers_she_got_are_not_asked_about(
    unanswered: Trial, rita: User
) -> None:
    single, *asked = unanswered.trial_questions.order_by("position")
    assert not single.is_dialogue
    assert [row.rounds[1:] for row in asked] == [list(dialogues.ASKED[1:])] * 2
    job = queue_answers(unanswered, by_user=rita)
    assert job is not None
    requests = build_request(job)["questions"]
    assert "following" not in requests[0]
    assert requests[0]["turns"] == list(single.question.turns)
    assert (requests[1]["turns"], requests[1]["following"]) == ([asked[0].rounds[0]], asked[0].rounds[1:])
    assert len(requests[1]["images"]) == 4
    assert "旧的回答" not in json.dumps(requests, ensure_ascii=False)


def test_without_the_choice_the_last_turn_alone_is_answered_as_before(draft: Trial, rita: User) -> None:
    campaign = draft.trial_questions.first().question.campaign
    asked = annotation_scene.ask(
        campaign, annotation_scene.row(turns=dialogues.TURNS, number=70, patient="", accession="")
    )[-1]
    (row,) = add_questions(draft, [asked], by_user=rita)
    assert (row.is_dialogue, row.rounds, row.rounds_sha256) == (False, None, "")
    job = queue_answers(draft, by_user=rita)
    assert job is not None
    (request,) = build_request(job)["questions"]
    assert (request["turns"], "following" in request) == (list(dialogues.TURNS), False)


def test_a_systems_dialogue_is_one_answer_with_all_turns(answered: Trial) -> None:
    answer = answered.arms.filter(kind="system").first().answers.get(question__position=2)
    given = raw_answers(answer)
    assert answer.turns[::2] == answer.question.rounds
    assert [text.endswith("<|user|>") for text in given] == [True, True, True]
    assert str(answer.raw_text) == given[-1]
    shown = parts_of(answer.shown_text)
    assert [text[:4] for text in shown] == ["第1答：", "第2答：", "第3答："]
    assert answer.shown_sha256 == shown_hash(answer.shown_text)
    assert [line.text for line in conversation(answer.question, answer.shown_text)][1::2] == shown
    # Provenance is not encrypted: it holds no text.
    assert len(answer.provenance["rounds"]) == 3
    assert "答" not in json.dumps(answer.provenance, ensure_ascii=False)
    assert ROUND_MARK not in neutral_text(f"a{ROUND_MARK}b")


def test_a_system_that_gave_too_few_turns_is_refused_in_one_line(unanswered: Trial, rita: User) -> None:
    job = queue_answers(unanswered, by_user=rita)
    rows = dialogues.answer_rows(list(unanswered.arms.filter(kind="system")), unanswered)
    rows[1]["rounds"].pop()
    with pytest.raises(UserError, match="has 3 turns, 2 answers came; ask again"):
        ingest(job, rows)
    assert not Answer.objects.exists()


def test_a_doctor_answers_turn_by_turn_and_nothing_stored_changes(
    unanswered: Trial, june: User, jack: User
) -> None:
    arm = unanswered.arms.get(kind="human")
    asked = unanswered.trial_questions.get(position=2)
    with pytest.raises(UserError, match="turn by turn"):
        record_human_answer(arm, asked, "一次说完。", by_user=june)
    assert record_turn(arm, asked, "第一句。", by_user=june, turn=1, seconds=4) is None
    with pytest.raises(StaleVersionError, match="answered already"):
        record_turn(arm, asked, "改了。", by_user=june, turn=1)
    with pytest.raises(UserError, match="empty"):
        record_turn(arm, asked, "  ", by_user=june, turn=2)
    assert said_so_far(arm, asked, by_user=june) == ["第一句。"]
    assert arm.answers.count() == 0
    assert any("lacks" in line for line in obstacles(unanswered))
    assert record_turn(arm, asked, "第二句。", by_user=june, turn=2, seconds=5) is None
    answer = record_turn(arm, asked, "**第三句**。", by_user=june, turn=3, seconds=6)
    assert answer is not None
    answer.refresh_from_db()
    assert raw_answers(answer) == ["第一句。", "第二句。", "**第三句**。"]
    assert parts_of(answer.shown_text)[-1] == "第三句。"
    assert (answer.seconds, answer.author) == (15.0, june)
    assert not UnfinishedDialogue.objects.exists()
    with pytest.raises(WrongStateError, match="stay as they are"):
        record_turn(arm, asked, "再来。", by_user=june, turn=4)
    with pytest.raises(StaleVersionError, match="stay as they are") as late:
        record_turn(arm, asked, "另一个标签页的第三句。", by_user=june, turn=3)
    assert late.value.current == "**第三句**。"
    with pytest.raises(NotAllowedError):
        record_turn(arm, asked, "我也。", by_user=jack, turn=1)


def test_a_dialogue_that_one_author_began_is_theirs(unanswered: Trial, june: User, jack: User) -> None:
    arm = unanswered.arms.get(kind="human")
    arm.spec["authors"].append(str(jack.pk))
    arm.save()
    unanswered.trial_questions.get(position=1).delete()
    first, second = unanswered.trial_questions.order_by("position")
    record_turn(arm, first, "第一句。", by_user=june, turn=1)
    assert (next_to_write(arm, june), next_to_write(arm, jack)) == (first, second)
    assert answers_waiting(jack) == 1
    with pytest.raises(StaleVersionError, match="Another author began") as late:
        record_turn(arm, first, "我的。", by_user=jack, turn=1)
    assert late.value.current == "第一句。"
    with pytest.raises(NotAllowedError, match="Another author began"):
        said_so_far(arm, first, by_user=jack)
    assert UnfinishedDialogue.objects.get().answers == ["第一句。"]


def test_the_screen_reads_every_turn_and_a_rule_holds_in_each(
    answered: Trial, rita: User, june: User
) -> None:
    assert screen_trial(answered) == []
    answer = answered.arms.filter(kind="system").first().answers.get(question__position=2)
    first, second, third = parts_of(answer.shown_text)
    answer.shown_text = ROUND_MARK.join(
        [f"作为AI语言模型，我不能诊断。{first}", f"作为AI语言模型。{second}", third]
    )
    answer.save()
    (hit,) = blocking_hits(answered)
    assert (hit.finding.kind, hit.answers) == ("self_identification", 1)
    with pytest.raises(WrongStateError, match="作为AI语言模型"):
        freeze_trial(answered, by_user=rita)
    settle(answered, hit.finding.matched, "remove_sentence", "gives it away", by_user=rita)
    answer.refresh_from_db()
    assert parts_of(answer.shown_text) == [first, second, third]
    answer.shown_text = ROUND_MARK.join([first, "", third])
    answer.save()
    assert [hit.finding.kind for hit in blocking_hits(answered)] == ["empty"]
    settle(answered, "", "accept", "a turn may stay without an answer", by_user=rita)
    answer.refresh_from_db()
    assert parts_of(answer.shown_text) == [first, "（未作答）", third]


def test_the_length_of_each_answer_is_compared_and_not_that_of_the_whole(answered: Trial) -> None:
    answer = answered.arms.filter(kind="system").first().answers.get(question__position=2)
    first, _second, third = parts_of(answer.shown_text)
    answer.shown_text = ROUND_MARK.join([first, "密度为C类。" * 40, third])
    answer.save()
    assert [(hit.finding.kind, hit.answers) for hit in screen_trial(answered)] == [("length", 1)]


def test_the_frozen_hash_holds_all_turns(answered: Trial, rita: User) -> None:
    freeze_trial(answered, by_user=rita)
    require_unchanged(answered)
    asked = answered.trial_questions.get(position=2)
    assert design_document(answered)["dialogues"] == [
        [row.position, row.rounds_sha256] for row in answered.trial_questions.filter(position__gte=2)
    ]
    answered.trial_questions.filter(pk=asked.pk).update(rounds_sha256="0" * 64)
    with pytest.raises(WrongStateError, match="no longer has the hash"):
        require_unchanged(answered)


def test_a_degraded_control_is_worse_in_every_turn(rita: User, june: User, sena: User, sol: User) -> None:
    trial = dialogues.draft(rita, june, [june, sena, sol], count=6, controls=1)
    dialogues.systems_answer(trial, rita)
    dialogues.doctor_answers(trial, june)
    for rater in (sena, sol):
        add_rater(trial, rater, by_user=rita)
    freeze_trial(trial, by_user=rita)
    require_unchanged(trial)
    control = Slot.objects.filter(kind="control", answer__question__position__gte=2).first()
    whole, worse = parts_of(control.answer.shown_text), parts_of(control.shown_text)
    assert len(worse) == len(whole) == 3
    assert all(len(after) < len(before) for after, before in zip(worse, whole, strict=True))


def test_a_trial_without_dialogues_is_sealed_as_before(draft: Trial, rita: User) -> None:
    freeze_trial(draft, by_user=rita)
    document = design_document(draft)
    assert set(document) == {
        "trial", "screening", "protocol", "aspects", "arms", "questions", "answers", "raters", "slots", "seen", "shown"
    }  # fmt: skip
    for pk, _arm, _question, sha in document["answers"]:
        text = Answer.objects.get(pk=pk).shown_text
        assert (sha, ROUND_MARK in text) == (shown_hash(text), False)
    assert [len(row) for row in document["questions"]] == [3] * 9


def test_answers_of_a_file_are_whole_dialogues(answered: Trial, rita: User) -> None:
    arm = add_written_arm(answered, "Reference", dialogues.answers_file(answered), by_user=rita)
    answer = arm.answers.get(question__position=3)
    assert parts_of(answer.shown_text) == ["参考1。", "参考2。", "参考3。"]
    assert str(arm.answers.get(question__position=1).shown_text) == "参考。"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"turns": ["一", "二"]}, r"3 turns in question 2, 2 answers are given; add the missing answers$"),
        ({"turns": ["一", "二", "三", "四"]}, r"4 answers are given; take out the extra answers$"),
        ({"turns": ["一", " ", "三"]}, r"answer 2 of turns is empty; write it$"),
        ({"turns": "[" * 9000}, r"turns is no list of texts"),
        ({"turns": r'["\ud800", "二", "三"]'}, r"turns is no list of texts"),
        ({"turns": '["一", "二"'}, r'turns is no list of texts; write the answers as \["first", "second"\]$'),
        ({"text": "一"}, r"is a dialogue of 3 turns; give its 3 answers as a list in turns, and no text$"),
    ],
)
def test_a_missing_or_extra_turn_of_a_file_names_file_row_and_mend(
    answered: Trial, rita: User, row: dict, message: str
) -> None:
    rows = dialogues.answers_file(answered)
    rows[1] = {"question": "2"} | row
    with pytest.raises(UserError, match=rf"^answers\.csv, row 2: .*{message}") as caught:
        add_written_arm(answered, "Reference", rows, by_user=rita, source="answers.csv")
    assert "\n" not in str(caught.value)
    assert not answered.arms.filter(name="Reference").exists()


def test_turns_for_a_single_question_are_refused(answered: Trial, rita: User) -> None:
    rows = dialogues.answers_file(answered)
    rows[0] = {"question": "1", "turns": ["一", "二"]}
    with pytest.raises(
        UserError, match=r"a\.jsonl, row 1: question 1 is no dialogue; give one answer in text"
    ):
        add_written_arm(answered, "Reference", rows, by_user=rita, source="a.jsonl")


def test_a_table_of_the_patients_turns_alone_joins_as_dialogues(
    draft: Trial, rita: User, dana: User, tmp_path: Path
) -> None:
    table = tmp_path / "q.jsonl"
    table.write_text(
        json.dumps({"source": "ward", "rounds": ["我有结节吗？", "要手术吗？"]}), encoding="utf-8"
    )
    with pytest.raises(UserError, match="unknown column 'rounds'"):
        read_question_table(table)
    rows = read_question_table(table, dialogues=True)
    assert rows[0].turns == ("我有结节吗？", "", "要手术吗？")
    drafts.upload_questions(draft, rows, table_name="q.jsonl", by_user=rita)
    campaign = Campaign.objects.get(name__contains=draft.name)
    question = campaign.questions.get()
    with pytest.raises(UserError, match="leave none empty"):
        correct_wording(question, ["", "", "要手术吗？"], expected_version=question.version, by_user=dana)
    correct_wording(
        question, ["我有结节吗？", "", "要手术吗 ？"], expected_version=question.version, by_user=dana
    )
    (asked,) = add_questions(draft, eligible_questions(draft, campaign), by_user=rita)
    assert asked.rounds == ["我有结节吗？", "要手术吗 ？"]
    with pytest.raises(UserError, match="only a trial can take it"):
        proposals.build_request(Job(parameters={"campaign": str(campaign.pk)}))
    table.write_text('{"source": "ward", "rounds": ["我有结节吗？"]}', encoding="utf-8")
    with pytest.raises(UserError, match="row 1: rounds holds one turn; give two or more"):
        read_question_table(table, dialogues=True)


def test_a_sample_of_a_campaign_can_be_dialogues(
    rita: User, june: User, sena: User, sol: User, draft: Trial
) -> None:
    campaign = annotation_scene.open_campaign_of(rita, [june], [sena], name="Rounds")
    rows = [
        annotation_scene.row(turns=(f"问{n}？", "答", "再问？"), number=n, patient="", accession="")
        for n in (2, 3)
    ]
    annotation_scene.ask(campaign, *rows)
    (one,) = sample_questions(draft, campaign, 1, by_user=rita, dialogues=True)
    (other,) = sample_questions(draft, campaign, 1, by_user=rita)
    assert (one.is_dialogue, other.is_dialogue) == (True, False)


def test_reports_cover_all_turns(answered: Trial, rita: User, stan: User, sena: User) -> None:
    freeze_trial(answered, by_user=rita)
    open_scoring(answered, by_user=rita)
    for rater in answered.raters.select_related("user"):
        consent(rater, by_user=rater.user)
    scene.score_all(answered)
    slot = Slot.objects.filter(rater__trial=answered, rater__user=sena, kind="scored")
    flagged = slot.filter(answer__question__position=2, answer__arm__kind="human").get()
    record_form(flagged, by_user=sena, values=scene.values(), remark=Remark(is_unsafe=True), active_seconds=1)
    assert next_slot(answered.raters.get(user=sena)) is None
    lock_trial(answered, by_user=rita)
    request_unblinding(answered, by_user=rita, reason="scoring is over")
    answered = confirm_unblinding(answered, by_user=stan)
    report = leak_report(answered)
    human = next(row for row in report.arms if row.label == answered.arms.get(kind="human").name)
    length = len("密度为C类，请复查。") + 2 * (3 * len("写的第1句。请放心。") + 4)
    assert human.shown == human.raw == pytest.approx(length / 3)
    system = next(row for row in report.arms if row.label != human.label)
    assert system.changed == 1.0
    (found,) = flagged_answers(answered, simulated=False)
    assert found.text.split("\n")[2:4] == [f"Patient: {dialogues.ASKED[1]}", "Answer: 写的第2句。请放心。"]
    assert from_trial(answered, simulated=False).facts["dialogues"] == 2


def test_after_a_withdrawal_the_dialogue_reads_as_erased_and_the_seal_holds(
    answered: Trial, rita: User
) -> None:
    freeze_trial(answered, by_user=rita)
    asked = answered.trial_questions.get(position=2)
    key_store().destroy(asked.encryption_key_id())
    answer = Answer.objects.filter(question=asked).first()
    assert isinstance(answer.question.rounds, ErasedText)
    (line,) = conversation(answer.question, answer.shown_text)
    assert line.text == "[erased]"
    assert raw_answers(answer) == ["[erased]"]
    require_unchanged(answered)


@pytest.mark.django_db(transaction=True)
def test_the_command_answers_dialogues_through_the_real_child(unanswered: Trial, tmp_path: Path) -> None:
    lines = [
        {"question": str(q.pk), "turns": ["**一**", "二", "三"]}
        if q.is_dialogue
        else {"question": str(q.pk), "text": "单"}
        for q in unanswered.trial_questions.order_by("position")
    ]
    file, spec = tmp_path / "a.jsonl", tmp_path / "spec.json"
    spec.write_text(json.dumps({"kind": "file", "path": str(file)}))
    whole = lines[1]["turns"]
    lines[1]["turns"] = whole[:2]
    file.write_text("\n".join(map(json.dumps, lines)))
    command = (unanswered.name, "--system", str(spec), "--name", "From a file", "--wait")
    with pytest.raises(CommandError) as caught:
        call_command("answer", *command, stdout=io.StringIO())
    assert f"{file} row 2: question" in str(caught.value)
    assert "2 answers are given; add the missing answers" in str(caught.value)
    lines[1]["turns"] = whole
    file.write_text("\n".join(map(json.dumps, lines)))
    call_command("answer", *command, stdout=io.StringIO())
    arm = unanswered.arms.get(name="From a file")
    shown = [parts_of(row.shown_text) for row in arm.answers.order_by("question__position")]
    assert shown == [["单"], ["一", "二", "三"], ["一", "二", "三"]]


def test_the_command_answers_dialogues_of_a_file(tmp_path: Path, db: None) -> None:
    asked, given, spec = tmp_path / "q.jsonl", tmp_path / "a.jsonl", tmp_path / "s.json"
    asked.write_text(json.dumps({"id": "d1", "rounds": ["Is it dense?", "And now?"]}))
    given.write_text(json.dumps({"question": "d1", "turns": ["Yes.", "Once a year."]}))
    spec.write_text(json.dumps({"kind": "file", "path": str(given)}))
    out = tmp_path / "out.jsonl"
    call_command("answer", str(asked), "--system", str(spec), "--out", str(out), stdout=io.StringIO())
    assert [one["text"] for one in json.loads(out.read_text())["rounds"]] == ["Yes.", "Once a year."]
    asked.write_text(json.dumps({"id": "d1", "rounds": ["Is it dense?", " "]}))
    with pytest.raises(CommandError, match="question 1: `rounds` must be a list of the patient's texts"):
        call_command("answer", str(asked), "--system", str(spec), "--out", str(out), stdout=io.StringIO())
