"""A picture of a frozen design is taken out for a burned-in name: work goes on without its question or case."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import reverse

from evaluation.models import ReaderStudy, Reading, Slot, Trial
from evaluation.reports.leaks import leak_report
from evaluation.reports.options import TableOptions
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.planned import rules_for_readers, rules_in_words
from evaluation.reports.study.reader_data import from_reader_study
from evaluation.reports.tables import build_table
from evaluation.reports.unsafe_answers import unsafe_table
from evaluation.services.freezing import freeze_trial, require_unchanged
from evaluation.services.guesses import next_guess, record_guess
from evaluation.services.progress import forms_waiting, rater_progress
from evaluation.services.reader_studies import freeze_reader_study, lock_readings, open_reading
from evaluation.services.readings import (
    Assessment,
    consent_to_read,
    next_reading,
    reading_of,
    reading_progress,
    record_reading,
)
from evaluation.services.scoring import (
    form_of,
    lock_trial,
    next_slot,
    open_forms,
    open_scoring,
    record_scores,
    standing_scores,
)
from evaluation.services.shown_studies import shown_images
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import User
from mammo.archive.models import Image, Study
from mammo.archive.picture_checks import draw_sample, judge_picture
from mammo.core.errors import WrongStateError
from tests.evaluation import reading_scene, scene

GIVEN = Assessment(category="2", likelihood=5)


@pytest.fixture
def take_out(dana: User, site: Any) -> Any:
    """A data manager sees text on a picture of a study, and it goes into quarantine."""

    def judged(study: Study, place: int = 0) -> Image:
        image: Image = study.images.order_by("pk")[place]
        # The scene has no originals: nothing is kept in quarantine.
        Image.objects.filter(pk=image.pk).update(original="")
        there = Image.objects.filter(study__site=site).exclude(viewing_copy="").count()
        sample = draw_sample(site, there, by_user=dana)
        judge_picture(sample.pictures.get(image_key=image.pk), "text", by_user=dana)
        assert not Image.objects.filter(pk=image.pk).exists()
        return image

    return judged


def study_of(slot: Slot) -> Study:
    study = slot.answer.question.question.study
    assert study is not None
    return study


def test_raters_go_past_the_forms_of_a_question_whose_picture_left(
    trial: Trial, rita: User, sena: User, take_out: Any
) -> None:
    client, rater = Client(), trial.raters.get(user=sena)
    client.force_login(sena)
    first = next_slot(rater)
    record_scores(first, by_user=sena, values=scene.values())
    left = next_slot(rater)
    assert study_of(left) != study_of(first)
    take_out(study_of(left))
    following = next_slot(rater)
    assert study_of(following) not in (study_of(left), study_of(first))
    assert form_of(sena, following.pk) == following
    assert form_of(sena, left.pk) is None
    # However many forms between the two are passed over, the images of the next one can be fetched early.
    for slot in rater.slots.unscored().order_by("position"):
        before = rater.slots.unscored().filter(position__lt=slot.position).count()
        assert (form_of(sena, slot.pk, ahead=1) is not None) == (before < 2)
    assert client.get(reverse("evaluation:form", args=[following.pk])).status_code == 200
    page = client.get(reverse("evaluation:form", args=[first.pk])).content.decode()
    assert reverse("evaluation:form", args=[following.pk]) in page
    assert reverse("evaluation:form", args=[left.pk]) not in page
    listed = [form["id"] for form in client.get("/api/v1/forms/").json()["results"]]
    assert set(listed) == {str(first.pk), str(following.pk)}
    with pytest.raises(WrongStateError, match="A picture of this question was taken out"):
        record_scores(left, by_user=sena, values=scene.values())
    record_scores(following, by_user=sena, values=scene.values())
    # Three forms of 27 are passed over.
    assert (rater_progress(rater).forms, rater_progress(rater).forms_done) == (24, 2)
    assert forms_waiting(sena) == 22
    said = f"A picture with text on it was taken out of questions {left.answer.question.position}: "
    client.force_login(rita)
    assert said in client.get(reverse("evaluation:trial", args=[trial.pk])).content.decode()
    notes = client.get(f"/api/v1/trials/{trial.pk}/design/").json()["notes"]
    assert [note for note in notes if note.startswith(said)]


def test_scores_that_were_given_before_stay_and_are_said_everywhere(
    trial: Trial, rita: User, sena: User, sol: User, stan: User, take_out: Any
) -> None:
    scene.score_forms(trial.raters.get(user=sena))
    seen = trial.raters.get(user=sena).slots.first()
    take_out(study_of(seen))
    assert form_of(sena, seen.pk) is None
    assert len(standing_scores(seen)) == 5
    assert rater_progress(trial.raters.get(user=sena)).is_done
    scene.score_forms(trial.raters.get(user=sol), 1)
    assert open_forms(trial) == 0
    lock_trial(trial, by_user=rita)
    trial.refresh_from_db()
    said = (
        "Pictures with text on them were taken out after the freezing. Passed over: 3 forms. Given while the pictures "
        "were shown and kept: 15 scores."
    )
    table = build_table(1, TableOptions(trial))
    assert said in table.notes
    assert "on 9 questions of 9 patients" in table.caption
    exported = from_trial(trial, simulated=False)
    assert len(exported.scores) == (9 + 8) * 3 * 5
    counts = {step["what"]: step["count"] for step in exported.flow}
    assert counts["forms passed over, since a picture of the question was taken out"] == 3
    assert counts["scores given before a picture of the question was taken out (kept)"] == 15
    assert said in rules_in_words(exported.facts, exported.flow)
    leak_report(trial, simulated=False)
    unsafe_table(trial, simulated=False)
    request_unblinding(trial, by_user=rita, reason="scores are locked")
    assert confirm_unblinding(trial, by_user=stan).state == Trial.State.UNBLINDED


def test_a_trial_whose_pictures_are_all_there_says_nothing(trial: Trial, rita: User) -> None:
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    exported = from_trial(trial, simulated=False)
    assert not [note for note in build_table(1, TableOptions(trial)).notes if "icture" in note]
    assert not [line for line in rules_in_words(exported.facts, exported.flow) if "icture" in line]


def test_a_frozen_trial_opens_without_it_and_another_missing_picture_still_stops_it(
    draft: Trial, rita: User, take_out: Any
) -> None:
    freeze_trial(draft, by_user=rita)
    asked = list(draft.trial_questions.order_by("position").select_related("question__study"))
    take_out(asked[0].question.study)
    assert open_scoring(draft, by_user=rita).state == Trial.State.SCORING
    asked[0].refresh_from_db()
    assert asked[0].picture_left_at is not None
    assert not [row for row in draft.trial_questions.order_by("position")[1:] if row.picture_left_at]
    # A second one of the same study, behind the services.
    asked[0].question.study.images.first().delete()
    with pytest.raises(WrongStateError, match="is not the frozen one"):
        require_unchanged(Trial.objects.get(pk=draft.pk))


def test_a_picture_that_left_before_the_freezing_is_nobodys_loss(
    draft: Trial, rita: User, take_out: Any
) -> None:
    take_out(draft.trial_questions.get(position=1).question.study)
    freeze_trial(draft, by_user=rita)
    open_scoring(draft, by_user=rita)
    assert not draft.trial_questions.exclude(picture_left_at=None).exists()
    assert Slot.objects.filter(rater__trial=draft).unscored().count() == 2 * 27


def test_a_picture_that_came_later_may_leave_again(trial: Trial, sena: User, take_out: Any) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    image = study_of(slot).images.first()
    image.pk, image.sop_uid_hash, image.sha256, image._state.adding = None, "5" * 64, "6" * 64, True
    image.id = Image._meta.pk.get_default()
    image.save(force_insert=True)
    later = [row.pk for row in study_of(slot).images.order_by("pk")].index(image.pk)
    take_out(study_of(slot), later)
    assert next_slot(trial.raters.get(user=sena)) == slot
    assert form_of(sena, slot.pk) == slot


def test_pictures_that_left_before_this_was_kept_are_noted_by_the_migration(
    trial: Trial, sena: User, take_out: Any
) -> None:
    left = next_slot(trial.raters.get(user=sena))
    take_out(study_of(left))
    trial.trial_questions.update(picture_left_at=None)
    with pytest.raises(WrongStateError, match="is not the frozen one"):
        shown_images(left.answer.question, study_of(left))
    migration = import_module("evaluation.migrations.0007_left_pictures_and_read_reports")
    migration.note_what_left_before(apps, connection.schema_editor())
    assert trial.trial_questions.exclude(picture_left_at=None).get() == left.answer.question
    assert study_of(next_slot(trial.raters.get(user=sena))) != study_of(left)


def test_the_earlier_study_beside_counts_too(rita: User, june: User, sena: User, take_out: Any) -> None:
    questions = scene.questions_of(rita, [june, sena], 3)
    earlier = scene.earlier_of(questions[0].study)
    draft = scene.draft_trial(rita, questions, june, show_earlier=True)
    scene.answer_all(draft, rita, june)
    trial = scene.opened(draft, rita, [sena])
    take_out(earlier)
    left = trial.trial_questions.exclude(picture_left_at=None).get()
    assert left.question == questions[0]
    scene.score_forms(trial.raters.get())
    assert rater_progress(trial.raters.get()).forms == 6
    require_unchanged(trial)


def test_nobody_guesses_the_author_of_an_answer_that_was_passed_over(
    rita: User, june: User, sena: User, take_out: Any
) -> None:
    trial = scene.open_trial(rita, june, [sena], 3, guesses=9)
    rater = trial.raters.get()
    last = rater.slots.last()
    take_out(study_of(last))
    scene.score_forms(rater)
    guessed = set()
    while (slot := next_guess(rater)) is not None:
        guessed.add(slot.pk)
        record_guess(slot, "unknown", by_user=sena)
    assert guessed == set(rater.slots.filter(scores__isnull=False).values_list("pk", flat=True))
    assert last.pk not in guessed


def test_readers_go_past_a_case_whose_picture_left_and_what_was_read_stays(
    rita: User, sena: User, sol: User, take_out: Any
) -> None:
    draft = reading_scene.draft_study(rita, [sena, sol], design=ReaderStudy.Design.SEQUENTIAL)
    frozen = freeze_reader_study(draft, by_user=rita)
    unopened = frozen.cases.order_by("position").last()
    take_out(unopened.study)
    study = open_reading(frozen, by_user=rita)
    for row in study.readers.select_related("user"):
        consent_to_read(row, by_user=row.user)
    reader = study.readers.get(user=sena)
    read = next_reading(reader)
    record_reading(read, GIVEN, by_user=sena)
    take_out(read.case.study)
    assert reading_of(sena, read.pk) is None
    for one in study.readers.select_related("user"):
        while (slot := next_reading(one)) is not None:
            assert slot.case.study not in (unopened.study, read.case.study)
            record_reading(slot, GIVEN, by_user=one.user)
    assert all(item["done"] == item["total"] for item in reading_progress(study))
    client = Client()
    client.force_login(rita)
    places = sorted((unopened.position, read.case.position))
    noted = f"A picture with text on it was taken out of cases {places[0]}, {places[1]}: "
    assert noted in client.get(reverse("evaluation:reader-study", args=[study.pk])).content.decode()
    locked = lock_readings(study, by_user=rita)
    assert Reading.objects.filter(slot__case=read.case).count() == 1
    said = (
        "Pictures with text on them were taken out after the freezing. Passed over: 7 readings. Made while the "
        "pictures were shown and kept: 1 reading."
    )
    assert said in build_table(7, TableOptions(reader_study=locked)).notes
    exported = from_reader_study(locked, simulated=False)
    assert len(exported.found) == 2 * 6 * 2 + 1
    assert exported.readers.left_pictures.passed_over == 7
    assert said in rules_for_readers(exported.facts, exported.flow)
