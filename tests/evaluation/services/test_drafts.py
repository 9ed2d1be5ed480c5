"""Drafts: settings, aspects, uploaded questions and answers, practice, endpoints, amendments."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Campaign, Transmission
from annotation.services.endpoints import ask_approval, decide
from evaluation.aspects import AspectDefinition
from evaluation.models import Arm, Score, Slot, Trial
from evaluation.services import drafts
from evaluation.services.amendments import amend
from evaluation.services.answers import build_request, queue_answers
from evaluation.services.arms import add_system_arm, add_written_arm
from evaluation.services.freezing import freeze_trial
from evaluation.services.guesses import guess_sample, next_guess, record_guess
from evaluation.services.practice import next_practice, record_practice
from evaluation.services.remarks import Remark, record_form, standing_remark
from evaluation.services.scoring import next_slot, record_scores
from evaluation.services.trials import add_questions, create_trial, eligible_questions
from evaluation.services.writing import answers_waiting, next_to_write
from mammo.accounts.models import AuditEvent, User
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from tests.annotation import scene as annotation_scene
from tests.evaluation import scene


def test_a_stale_change_of_a_draft_is_refused(draft: Trial, rita: User) -> None:
    drafts.change_trial(draft, {"scale_max": 10}, by_user=rita, expected_version=draft.version)
    assert draft.scale_max == 10
    with pytest.raises(StaleVersionError):
        drafts.change_trial(draft, {"scale_max": 7}, by_user=rita, expected_version=draft.version - 1)
    with pytest.raises(UserError, match="can't be changed"):
        drafts.change_trial(draft, {"seed": 1}, by_user=rita, expected_version=draft.version)
    with pytest.raises(UserError, match="no room"):
        drafts.change_trial(draft, {"scale_min": 10}, by_user=rita, expected_version=draft.version)


def test_aspects_are_replaced_while_the_trial_is_a_draft(draft: Trial, rita: User) -> None:
    drafts.set_aspects(draft, [AspectDefinition("safety", "Safety", "No harm.")], by_user=rita)
    assert [a.key for a in draft.aspects.all()] == ["safety"]
    with pytest.raises(UserError, match="key of its own"):
        drafts.set_aspects(
            draft, [AspectDefinition("a", "A", ""), AspectDefinition("a", "B", "")], by_user=rita
        )


def test_an_uploaded_table_joins_and_says_what_did_not(draft: Trial, rita: User) -> None:
    known = annotation_scene.row("这是什么？", number=2, patient="", accession="")
    unknown = annotation_scene.row("她的结果如何？", number=3, patient="NOBODY", accession="A999")
    joined, said = drafts.upload_questions(draft, [known, unknown], table_name="t.csv", by_user=rita)
    # Nobody has looked at the cleaned wording yet: raters must not meet it.
    assert joined == 0
    assert len(said) == 2
    assert "row 3" in said[0]
    assert "confirm its wording" in said[1]
    campaign = Campaign.objects.get(name__contains=draft.name)
    annotation_scene.confirm_all(campaign)
    add_questions(draft, eligible_questions(draft, campaign), by_user=rita)
    assert draft.trial_questions.count() == 10
    assert draft.trial_questions.order_by("position").last().question.study is None


def test_a_file_of_answers_is_an_arm(draft: Trial, rita: User) -> None:
    rows = [
        {"question": q.position, "text": f"第{q.position}个参考回答。"} for q in draft.trial_questions.all()
    ]
    arm = add_written_arm(draft, "Reference", rows, by_user=rita, source="reference.csv")
    assert arm.kind == Arm.Kind.REFERENCE
    assert arm.answers.count() == 9
    assert len(arm.spec["sha256"]) == 64
    for bad, why in (
        (rows[:-1], "without an answer"),
        ([*rows, rows[0]], "second answer"),
        ([{"question": 99, "text": "x"}, *rows], "no question"),
    ):
        with pytest.raises(UserError, match=why):
            add_written_arm(draft, f"Other {why}", bad, by_user=rita)
    assert draft.arms.count() == 4


def test_an_endpoint_arm_answers_only_under_an_approval_and_on_record(draft: Trial, rita: User, site) -> None:
    adam = scene.person(site, "Adam", "admin")
    spec = {"kind": "openai", "base_url": "https://llm.example.org/v1", "model": "m"}
    arm = add_system_arm(draft, "Endpoint", by_user=rita, spec=spec)
    with pytest.raises(UserError, match="no approval stands"):
        queue_answers(draft, by_user=rita, arms=[arm])
    day = timezone.localdate() + timedelta(days=3)
    asked = ask_approval(
        draft.site, by_user=rita, host="llm.example.org", country="CN", reason="contract", expires_on=day
    )
    decide(asked, by_user=adam, approve=True)
    job = queue_answers(draft, by_user=rita, arms=[arm])
    build_request(job)
    sent = Transmission.objects.filter(job=job)
    assert sent.count() == 9
    # The spec takes no images: none is on record as sent.
    assert {row.images for row in sent} == {0}


def test_amendments_are_events_of_a_sealed_trial(draft: Trial, rita: User, sena: User) -> None:
    with pytest.raises(WrongStateError):
        amend(draft, "two sittings more", by_user=rita, reason="holidays")
    freeze_trial(draft, by_user=rita)
    event = amend(draft, "two sittings more", by_user=rita, reason="holidays")
    assert (event.kind, event.details["text"]) == ("amended", "two sittings more")
    assert event.sha256 == draft.design_sha256
    assert AuditEvent.objects.filter(action="evaluation.trial_amended").exists()
    with pytest.raises(UserError, match="say what"):
        amend(draft, "x", by_user=rita, reason=" ")
    with pytest.raises(NotAllowedError):
        amend(draft, "x", by_user=sena, reason="y")


def test_remarks_are_rows_of_their_own_and_change_by_new_rows(trial: Trial, sena: User) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    record_form(slot, by_user=sena, values=scene.values(), remark=Remark())
    assert standing_remark(slot) is None
    flagged = Remark(comment="Dose is wrong.", is_unsafe=True, is_typed=True)
    record_form(slot, by_user=sena, values=scene.values(), remark=flagged)
    row = standing_remark(slot)
    assert (str(row.comment), row.is_unsafe, row.is_typed) == ("Dose is wrong.", True, True)
    record_form(slot, by_user=sena, values=scene.values(), remark=Remark())
    assert standing_remark(slot).revision == 2
    assert slot.remarks.count() == 2
    assert Score.objects.count() == 5


def test_a_form_with_a_missing_value_stores_no_remark(trial: Trial, sena: User) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    values = scene.values()
    del values["helpfulness"]
    with pytest.raises(UserError):
        record_form(slot, by_user=sena, values=values, remark=Remark(is_unsafe=True))
    assert not slot.remarks.exists()


def test_practice_comes_first_and_is_in_no_analysis(rita: User, june: User, sena: User, sol: User) -> None:
    questions = scene.questions_of(rita, [june, sena, sol], 4)
    trial = scene.draft_trial(rita, questions[:3], june)
    item = drafts.add_practice_item(trial, questions[3], "建议每年复查。", by_user=rita)
    with pytest.raises(UserError, match="practise with another"):
        drafts.add_practice_item(trial, questions[0], "建议每年复查。", by_user=rita)
    scene.answer_all(trial, rita, june)
    trial = scene.opened(trial, rita, [sena])
    rater = trial.raters.get(user=sena)
    assert next_practice(rater) == item
    first = next_slot(rater)
    with pytest.raises(WrongStateError, match="practice"):
        record_scores(first, by_user=sena, values=scene.values())
    record_practice(rater, item, by_user=sena, values=scene.values())
    assert next_practice(rater) is None
    record_scores(first, by_user=sena, values=scene.values())
    assert Score.objects.count() == 5


def test_guesses_are_asked_once_after_the_last_form(rita: User, june: User, sena: User, sol: User) -> None:
    trial = scene.open_trial(rita, june, [sena, sol], count=3, guesses=2)
    rater = trial.raters.get(user=sena)
    assert next_guess(rater) is None
    scene.score_forms(rater)
    sample = guess_sample(rater)
    assert len(sample) == 2
    assert sample == guess_sample(rater)
    outside = rater.slots.exclude(pk__in=sample).first()
    with pytest.raises(NotAllowedError):
        record_guess(outside, "ai", by_user=sena)
    slot = next_guess(rater)
    record_guess(slot, "ai", by_user=sena)
    with pytest.raises(WrongStateError, match="already"):
        record_guess(slot, "doctor", by_user=sena)
    record_guess(next_guess(rater), "unknown", by_user=sena)
    assert next_guess(rater) is None
    with pytest.raises(UserError, match="unknown"):
        record_guess(Slot.objects.first(), "chatbot", by_user=sena)


def test_authors_find_their_questions_and_nobody_elses(draft: Trial, june: User, jack: User) -> None:
    assert answers_waiting(june) == 0
    arm = draft.arms.get(kind="human")
    arm.answers.all()[0].delete()
    assert answers_waiting(june) == 1
    assert next_to_write(arm, june) is not None
    assert answers_waiting(jack) == 0


def test_settings_that_no_trial_can_have_are_refused(rita: User) -> None:
    protocol = scene.frozen_protocol(rita)
    for name, value in (("input_mode", "voice"), ("order", "random"), ("raters_per_answer", 0)):
        with pytest.raises(UserError, match=name):
            create_trial(f"T {name}", protocol=protocol, by_user=rita, **{name: value})
