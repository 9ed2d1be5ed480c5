"""A trial from draft to unblinding: what each state allows, and what it refuses."""

import uuid

import pytest
from django.db import DatabaseError, transaction

from evaluation.models import Answer, Arm, Score, Slot, Trial
from evaluation.services.answers import record_human_answer
from evaluation.services.arms import add_system_arm, leave_out
from evaluation.services.drafts import add_practice_item
from evaluation.services.freezing import design_document, design_hash, freeze_trial, require_unchanged
from evaluation.services.protocols import change_protocol
from evaluation.services.raters import add_rater, consent, withdraw
from evaluation.services.scoring import form_of, lock_trial, next_slot, open_scoring, record_scores
from evaluation.services.screening import settle
from evaluation.services.trials import add_questions
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts import audit
from mammo.accounts.models import AuditEvent, User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from tests.evaluation import scene


def rater_of(trial: Trial, user: User):
    return trial.raters.get(user=user)


def test_freezing_stores_every_raters_slots_and_seals_the_design(draft: Trial, rita: User) -> None:
    freeze_trial(draft, by_user=rita)
    assert (draft.state, len(draft.design_sha256)) == ("frozen", 64)
    for rater in draft.raters.all():
        slots = list(rater.slots.select_related("answer"))
        assert len(slots) == 27
        assert len({slot.answer_id for slot in slots}) == 27
        assert sorted(rater.aspect_order) == sorted(scene.ASPECTS)
    orders = [list(rater.slots.values_list("answer_id", flat=True)) for rater in draft.raters.all()]
    assert orders[0] != orders[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda t, rita, june, sena: add_system_arm(
            t, "Late", by_user=rita, spec={"kind": "file", "path": "/x"}
        ),
        lambda t, rita, june, sena: leave_out(t.arms.first(), "slow", by_user=rita),
        lambda t, rita, june, sena: add_questions(t, [], by_user=rita),
        lambda t, rita, june, sena: add_rater(t, sena, by_user=rita),
        lambda t, rita, june, sena: settle(t, "x", "remove", "style", by_user=rita),
        lambda t, rita, june, sena: freeze_trial(t, by_user=rita),
        lambda t, rita, june, sena: record_human_answer(
            t.arms.get(kind="human"), t.trial_questions.first(), "anders", by_user=june
        ),
        lambda t, rita, june, sena: change_protocol(
            t.protocol, {"title": "Other"}, by_user=rita, expected_version=t.protocol.version
        ),
    ],
)
def test_nothing_of_the_design_changes_after_freezing(
    draft: Trial, rita: User, june: User, sena: User, change
):
    freeze_trial(draft, by_user=rita)
    before = AuditEvent.objects.count()
    with pytest.raises(WrongStateError):
        change(draft, rita, june, sena)
    assert AuditEvent.objects.count() == before


def test_a_design_changed_behind_the_services_stops_the_trial(draft: Trial, rita: User) -> None:
    freeze_trial(draft, by_user=rita)
    Arm.objects.filter(trial=draft, kind="human").update(name="Somebody else")
    with pytest.raises(WrongStateError, match="hash"):
        open_scoring(draft, by_user=rita)


def _another_answer(trial: Trial) -> None:
    answer = Answer.objects.filter(arm__trial=trial).select_related("question__question__patient").first()
    # The row's own hash stays what it was.
    answer.shown_text = "Another text"
    answer.save(update_fields=["shown_text"])


def _another_question(trial: Trial) -> None:
    question = trial.trial_questions.select_related("question__patient").first().question
    question.turns = ["Something else?"]
    question.save(update_fields=["turns"])


def _another_practice_answer(trial: Trial) -> None:
    item = trial.practice_items.select_related("question__patient").get()
    item.text = "Another text"
    item.save(update_fields=["text"])


def _another_blanking(trial: Trial) -> None:
    study = trial.trial_questions.order_by("position").first().question.study
    report = study.reports.select_related("study__patient").get()
    report.blanked = "Blanked by another rule"
    report.save(update_fields=["blanked"])


def _another_picture(trial: Trial) -> None:
    study = trial.trial_questions.order_by("position").first().question.study
    study.images.filter(laterality="R", view="CC").update(viewing_copy_sha256="9" * 64)


def _a_picture_less(trial: Trial) -> None:
    study = trial.trial_questions.order_by("position").first().question.study
    study.images.filter(laterality="R", view="CC").delete()


def _another_fixed_report(trial: Trial) -> None:
    row = trial.trial_questions.order_by("position").first()
    row.shown["report_sha256"] = "9" * 64
    row.save(update_fields=["shown"])


@pytest.mark.parametrize(
    "change",
    [
        _another_blanking,
        _another_picture,
        _a_picture_less,
        _another_fixed_report,
        _another_answer,
        _another_question,
        _another_practice_answer,
        lambda trial: trial.aspects.filter(key="correctness").update(name_zh="别的"),
        lambda trial: trial.aspects.filter(key="correctness").update(name="Other"),
        lambda trial: trial.aspects.filter(key="correctness").update(definition_zh="别的"),
        lambda trial: trial.aspects.filter(key="correctness").update(anchors={"low": "worst"}),
        lambda trial: Trial.objects.filter(pk=trial.pk).update(instructions="other"),
        lambda trial: Trial.objects.filter(pk=trial.pk).update(rater_title="other"),
    ],
)
def test_nothing_that_raters_read_changes_behind_the_services(
    rita: User, june: User, sena: User, change
) -> None:
    questions = scene.questions_of(rita, [june, sena], 3)
    scene.report_of(questions[0].study)
    draft = scene.draft_trial(rita, questions[:2], june, show_report=True)
    add_practice_item(draft, questions[2], "建议每年复查。", by_user=rita)
    scene.answer_all(draft, rita, june)
    add_rater(draft, sena, by_user=rita)
    freeze_trial(draft, by_user=rita)
    require_unchanged(Trial.objects.get(pk=draft.pk))
    change(draft)
    with pytest.raises(WrongStateError, match=r"hash|is not the frozen one"):
        open_scoring(draft, by_user=rita)
    assert Trial.objects.get(pk=draft.pk).state == "frozen"


def test_a_trial_that_was_frozen_before_its_texts_were_kept_still_has_its_hash(
    draft: Trial, rita: User
) -> None:
    digest = design_hash(draft, seen={})
    assert "seen" not in design_document(draft, seen={})
    Trial.objects.filter(pk=draft.pk).update(state="frozen", design_sha256=digest)
    require_unchanged(Trial.objects.get(pk=draft.pk))


def test_an_incomplete_draft_is_not_frozen_and_is_told_what_is_missing(
    rita: User, june: User, sena: User
) -> None:
    trial = scene.draft_trial(rita, scene.questions_of(rita, [june, sena], 2), june)
    with pytest.raises(WrongStateError) as caught:
        freeze_trial(trial, by_user=rita)
    assert "There are no raters." in str(caught.value)
    assert "lacks 2 answers" in str(caught.value)
    assert not Slot.objects.exists()


def test_a_whole_form_is_stored_and_a_change_is_a_new_row(trial: Trial, sena: User) -> None:
    slot = next_slot(rater_of(trial, sena))
    first = record_scores(slot, by_user=sena, values=scene.values(70), active_seconds=12.5)
    assert [score.value for score in first] == [70, 71, 72, 73, 74]
    assert not record_scores(slot, by_user=sena, values=scene.values(70))
    changed = record_scores(slot, by_user=sena, values=scene.values(70) | {"correctness": 90})
    assert len(changed) == 1
    assert (changed[0].value, changed[0].revision) == (90, 2)
    assert changed[0].replaces in first
    assert Score.objects.filter(slot=slot).count() == 6
    assert Score.objects.filter(slot=slot).standing().count() == 5


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"correctness": 0}, "outside 1 to 100"),
        ({"correctness": 101}, "outside 1 to 100"),
        ({"correctness": 50.5}, "whole number"),
        ({"correctness": True}, "whole number"),
        ({"kindness": 50}, "no such aspect"),
        ({"correctness": None}, "whole number"),
    ],
)
def test_a_form_with_a_bad_value_stores_nothing(trial: Trial, sena: User, values: dict, told: str) -> None:
    slot = next_slot(rater_of(trial, sena))
    with pytest.raises(UserError, match=told):
        record_scores(slot, by_user=sena, values=scene.values() | values)
    assert not Score.objects.exists()


def test_a_form_that_lacks_an_aspect_stores_nothing(trial: Trial, sena: User) -> None:
    values = scene.values()
    del values["helpfulness"]
    with pytest.raises(UserError, match="helpfulness"):
        record_scores(next_slot(rater_of(trial, sena)), by_user=sena, values=values)
    assert not Score.objects.exists()


def test_only_its_rater_scores_a_form(trial: Trial, sena: User, sol: User, rita: User) -> None:
    slot = next_slot(rater_of(trial, sena))
    for stranger in (sol, rita):
        with pytest.raises(NotAllowedError):
            record_scores(slot, by_user=stranger, values=scene.values())
    assert form_of(sol, slot.pk) is None
    assert form_of(sena, slot.pk) == slot


def test_forms_are_scored_in_their_order_and_only_after_consent(trial: Trial, sena: User) -> None:
    rater = rater_of(trial, sena)
    second = rater.slots.get(position=2)
    with pytest.raises(WrongStateError, match="earlier form"):
        record_scores(second, by_user=sena, values=scene.values())
    assert form_of(sena, second.pk) is None
    trial.raters.filter(user=sena).update(consented_at=None)
    with pytest.raises(WrongStateError, match="conditions"):
        record_scores(next_slot(rater), by_user=sena, values=scene.values())


def test_scores_are_refused_before_opening_and_after_locking(draft: Trial, rita: User, sena: User) -> None:
    freeze_trial(draft, by_user=rita)
    slot = next_slot(rater_of(draft, sena))
    with pytest.raises(WrongStateError):
        record_scores(slot, by_user=sena, values=scene.values())
    open_scoring(draft, by_user=rita)
    consent(rater_of(draft, sena), by_user=sena)
    record_scores(slot, by_user=sena, values=scene.values())
    with pytest.raises(WrongStateError, match="53 forms"):
        lock_trial(draft, by_user=rita)
    lock_trial(draft, by_user=rita, reason="the raters left")
    with pytest.raises(WrongStateError):
        record_scores(slot, by_user=sena, values=scene.values(10))
    assert form_of(sena, slot.pk) is None


def test_a_withdrawn_rater_scores_no_more_and_holds_up_no_lock(
    trial: Trial, rita: User, sena: User, sol: User
) -> None:
    scene.score_forms(rater_of(trial, sena))
    withdraw(rater_of(trial, sol), "parental leave", by_user=rita)
    with pytest.raises(NotAllowedError):
        record_scores(next_slot(rater_of(trial, sol)), by_user=sol, values=scene.values())
    assert lock_trial(trial, by_user=rita).state == "locked"


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_to_change_or_delete_a_score(trial: Trial, sena: User) -> None:
    record_scores(next_slot(rater_of(trial, sena)), by_user=sena, values=scene.values())
    with pytest.raises(DatabaseError), transaction.atomic():
        Score.objects.update(value=100)
    with pytest.raises(DatabaseError), transaction.atomic():
        Score.objects.filter(value__gt=0)._raw_delete("default")
    assert Score.objects.count() == 5


def test_unblinding_takes_a_lock_a_reason_and_two_persons(
    trial: Trial, rita: User, stan: User, sena: User, otto: User
) -> None:
    with pytest.raises(WrongStateError):
        request_unblinding(trial, by_user=rita, reason="the end")
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    with pytest.raises(WrongStateError, match="Nobody has asked"):
        confirm_unblinding(trial, by_user=stan)
    for stranger in (sena, otto):
        with pytest.raises(NotAllowedError):
            request_unblinding(trial, by_user=stranger, reason="curious")
    with pytest.raises(UserError, match="reason"):
        request_unblinding(trial, by_user=rita, reason=" ")
    request_unblinding(trial, by_user=rita, reason="scoring is over")
    with pytest.raises(WrongStateError, match="Another person"):
        confirm_unblinding(trial, by_user=rita)
    assert confirm_unblinding(trial, by_user=stan).state == "unblinded"
    kinds = list(trial.events.order_by("created_at").values_list("kind", flat=True))
    assert kinds == ["frozen", "opened", "locked", "unblind_requested", "unblinded"]
    assert len(trial.events.get(kind="unblinded").sha256) == 64
    assert audit.verify().ok


def test_codes_say_nothing_of_arms_and_differ(draft: Trial) -> None:
    codes = [arm.code for arm in draft.arms.all()]
    assert len(set(codes)) == 3
    assert all(len(code) == 3 and not set(code) & set("AEIOU") for code in codes)


def test_answers_keep_the_raw_text_beside_the_shown_one(draft: Trial) -> None:
    answer = Answer.objects.filter(arm__name="MammoVLM").first()
    assert answer.raw_text.endswith("<|user|>")
    assert "<|" not in answer.shown_text
    assert answer.provenance["revision"] == "b" * 64
    assert "text" not in answer.provenance
    assert uuid.UUID(str(answer.pk)).version == 4
