"""A patient withdraws while her trial or reader study runs: her forms are passed over, her scores are not analysed."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from evaluation.models import Answer, ReaderStudy, Reading, Score, Slot, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.reader_readings import study_readings
from evaluation.reports.study.data import from_trial
from evaluation.reports.tables import build_table
from evaluation.services.answers import queue_answers
from evaluation.services.drafts import add_practice_item
from evaluation.services.freezing import freeze_trial, obstacles
from evaluation.services.practice import next_practice
from evaluation.services.progress import forms_waiting, rater_progress
from evaluation.services.reader_studies import lock_readings
from evaluation.services.readings import (
    Assessment,
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
    open_positions,
    record_scores,
)
from evaluation.services.writing import next_to_write
from mammo.accounts.models import User
from mammo.archive.models import Patient
from mammo.archive.services import erase_patient, request_erasure
from mammo.core.errors import WrongStateError
from mammo.core.keys import key_store
from mammo.jobs import services as jobs
from tests.evaluation import reading_scene, scene


@pytest.fixture
def withdraw(dana: User, site: Any) -> Any:
    """Carry out a patient's withdrawal as two people do."""
    ada = scene.person(site, "Ada", "admin")

    def carried_out(patient: Patient) -> None:
        erase_patient(request_erasure(patient, reason="withdrew in writing", by_user=dana), by_user=ada)

    return carried_out


def patient_of(slot: Slot) -> Patient:
    patient = slot.answer.question.question.patient
    assert patient is not None
    return patient


def test_the_next_form_is_that_of_the_next_patient(trial: Trial, sena: User, withdraw: Any) -> None:
    rater = trial.raters.get(user=sena)
    first = next_slot(rater)
    record_scores(first, by_user=sena, values=scene.values())
    hers = next_slot(rater)
    withdraw(patient_of(hers))
    following = next_slot(rater)
    assert following.position > hers.position
    assert patient_of(following) != patient_of(hers)
    assert open_positions(rater) == following.position
    assert form_of(sena, following.pk) == following
    assert form_of(sena, hers.pk) is None
    assert [slot.pk for slot in Slot.objects.open_to(sena).order_by("position")] == [first.pk, following.pk]
    with pytest.raises(WrongStateError, match="This patient withdrew"):
        record_scores(hers, by_user=sena, values=scene.values())
    record_scores(following, by_user=sena, values=scene.values())
    # Three forms of hers are gone from 27.
    assert (rater_progress(rater).forms, rater_progress(rater).forms_done) == (24, 2)
    assert forms_waiting(sena) == 22


def test_pages_lead_past_her_forms(trial: Trial, sena: User, withdraw: Any) -> None:
    client, rater = Client(), trial.raters.get(user=sena)
    client.force_login(sena)
    first = next_slot(rater)
    record_scores(first, by_user=sena, values=scene.values())
    hers = next_slot(rater)
    withdraw(patient_of(hers))
    following = next_slot(rater)
    assert client.get(reverse("evaluation:form", args=[hers.pk])).status_code == 404
    page = client.get(reverse("evaluation:form", args=[first.pk])).content.decode()
    assert reverse("evaluation:form", args=[following.pk]) in page
    assert reverse("evaluation:form", args=[hers.pk]) not in page
    page = client.get(reverse("evaluation:form", args=[following.pk])).content.decode()
    assert reverse("evaluation:form", args=[first.pk]) in page
    assert "[erased]" not in page
    started = client.get(reverse("evaluation:scoring")).content.decode()
    assert reverse("evaluation:form", args=[following.pk]) in started


def test_the_designer_sees_one_tombstone_in_place_of_her_question(
    trial: Trial, rita: User, sena: User, withdraw: Any
) -> None:
    withdraw(patient_of(next_slot(trial.raters.get(user=sena))))
    client = Client()
    client.force_login(rita)
    page = client.get(reverse("evaluation:design", args=[trial.pk])).content.decode()
    assert page.count('<td class="verbatim">[erased]</td>') == 1


def test_the_rest_is_scored_locked_and_tabulated_without_her(
    trial: Trial, rita: User, sena: User, sol: User, withdraw: Any
) -> None:
    early = trial.raters.get(user=sena)
    scene.score_forms(early)
    hers = early.slots.first()
    question = hers.answer.question
    withdraw(patient_of(hers))
    scene.score_forms(trial.raters.get(user=sol), 1)
    assert open_forms(trial) == 0
    # Without a reason: no form is missing.
    lock_trial(trial, by_user=rita)
    kept = Score.objects.filter(slot__answer__question=question)
    assert {score.by_user for score in kept} == {sena}
    assert kept.count() == 3 * 5
    table = build_table(1, TableOptions(trial))
    assert "15 scores of patients who withdrew are left out." in table.notes
    assert "on 8 questions of 8 patients" in table.caption
    assert f"Q{question.position:03d}" not in {source["question"] for source in table.sources}
    exported = from_trial(trial, simulated=False)
    assert len(exported.scores) == 2 * 8 * 3 * 5
    assert {"what": "scores of patients who withdrew (left out)", "count": 15} in exported.flow
    assert exported.facts["patients"] == 8


def test_a_table_without_withdrawals_says_nothing_of_them(trial: Trial, rita: User) -> None:
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    assert not [note for note in build_table(1, TableOptions(trial)).notes if "withdrew" in note]


def test_her_practice_answer_holds_nobody_up(rita: User, june: User, sena: User, withdraw: Any) -> None:
    questions = scene.questions_of(rita, [june, sena], 4)
    draft = scene.draft_trial(rita, questions[:3], june)
    add_practice_item(draft, questions[3], "建议每年复查。", by_user=rita)
    scene.answer_all(draft, rita, june)
    trial = scene.opened(draft, rita, [sena])
    rater = trial.raters.get()
    assert next_practice(rater) is not None
    withdraw(questions[3].patient)
    assert next_practice(rater) is None
    record_scores(next_slot(rater), by_user=sena, values=scene.values())


def test_a_draft_names_her_question_and_systems_and_authors_are_not_asked_for_it(
    rita: User, june: User, sena: User, withdraw: Any
) -> None:
    questions = scene.questions_of(rita, [june, sena], 3)
    draft = scene.draft_trial(rita, questions, june)
    job = queue_answers(draft, by_user=rita)
    claimed = jobs.claim(job.pk, "test worker")
    withdraw(questions[0].patient)
    systems = list(draft.arms.filter(kind="system").order_by("position"))
    # The answers that were on their way come back with hers among them.
    jobs.finish(claimed, scene.answer_rows(systems, draft))
    assert Answer.objects.filter(arm__in=systems).count() == 4
    assert not Answer.objects.filter(question__question=questions[0]).exists()
    assert queue_answers(draft, by_user=rita) is None
    human = draft.arms.get(kind="human")
    assert next_to_write(human, june).question == questions[1]
    assert "The patient of question 1 withdrew: take the question out." in obstacles(draft)
    with pytest.raises(WrongStateError, match="take the question out"):
        freeze_trial(draft, by_user=rita)


def test_readers_go_past_her_cases_and_table_7_leaves_them_out(
    rita: User, sena: User, sol: User, withdraw: Any
) -> None:
    study = reading_scene.open_study(rita, [sena, sol], design=ReaderStudy.Design.SEQUENTIAL)
    reader = study.readers.get(user=sena)
    given = Assessment(category="2", likelihood=5)
    read = next_reading(reader)
    record_reading(read, given, by_user=sena)
    hers = next_reading(reader).case.study
    if hers == read.case.study:
        record_reading(next_reading(reader), given, by_user=sena)
        hers = next_reading(reader).case.study
    slots = list(reader.slots.filter(case__study=hers))
    withdraw(hers.patient)
    assert next_reading(reader).case.study != hers
    assert [reading_of(sena, slot.pk) for slot in slots] == [None] * len(slots)
    for one in study.readers.select_related("user"):
        while (slot := next_reading(one)) is not None:
            record_reading(slot, given, by_user=one.user)
    assert all(item["done"] == item["total"] for item in reading_progress(study))
    withdraw(read.case.study.patient)
    gone = Reading.objects.filter(slot__case__study=read.case.study, replaced_by__isnull=True).count()
    locked = lock_readings(study, by_user=rita)
    patients = {row.patient for row in study_readings(locked, simulated=False)}
    assert len(patients) == 6
    assert gone > 0
    table = build_table(7, TableOptions(reader_study=locked))
    assert f"{gone} readings of patients who withdrew are left out." in table.notes


def test_the_page_of_a_withdrawal_names_the_trials_that_stand_on_her(
    trial: Trial, sena: User, dana: User, site: Any
) -> None:
    rater = trial.raters.get(user=sena)
    patient = patient_of(next_slot(rater))
    client = Client()
    client.force_login(dana)
    asked = request_erasure(patient, reason="withdrew in writing", by_user=dana)
    address = reverse("archive:erasure", args=[asked.pk])
    assert escape(str(trial)) in client.get(address).content.decode()
    erase_patient(asked, by_user=scene.person(site, "Ada", "admin"))
    after = client.get(address).content.decode()
    assert escape(str(trial)) in after, "what her scores went into stays named"
    stranger = Patient.objects.create(
        site=site, pseudonym="stranger", number_hash="0" * 64, key_id=key_store().create()
    )
    elsewhere = request_erasure(stranger, reason="withdrew in writing", by_user=dana)
    page = client.get(reverse("archive:erasure", args=[elsewhere.pk])).content.decode()
    assert escape(str(trial)) not in page
