"""Reader studies: counterbalanced orders, washout, hidden truth, pinned output, new rows, the lock, Table 7."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from evaluation.models import Reader, ReaderStudy, Reading, ReadingSlot
from evaluation.reports.options import TableOptions
from evaluation.reports.reader_readings import study_readings
from evaluation.reports.study.reader_files import mrmcaov_file
from evaluation.reports.tables import build_table
from evaluation.services import reader_studies as services
from evaluation.services.readings import (
    Assessment,
    next_reading,
    opens_at,
    reading_of,
    readings_waiting,
    record_reading,
    withdraw_reader,
)
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Pathology
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from modeling.models import Checkpoint, Prediction
from tests.evaluation import reading_scene, scene

FINDING = {"side": "L", "finding": "mass", "point": {"view": "LCC", "across": 0.4, "down": 0.5}}


@pytest.fixture
def checkpoint(site) -> Checkpoint:
    return reading_scene.checkpoint_of(site)


@pytest.fixture
def draft(rita: User, june: User, sena: User) -> ReaderStudy:
    return reading_scene.draft_study(rita, [june, sena])


@pytest.fixture
def opened(rita: User, june: User, sena: User) -> ReaderStudy:
    return reading_scene.open_study(rita, [june, sena])


def read_period(reader: Reader, now=None) -> None:
    """The reader reads all cases of the period that is open."""
    slot = next_reading(reader)
    period = slot.session
    while slot is not None and slot.session == period:
        likelihood = (70 if slot.case.truth else 30) + slot.position
        category = "4B" if slot.case.truth else "3"
        given = Assessment(category, likelihood, **FINDING)
        record_reading(slot, given, by_user=reader.user, seconds=30, now=now)
        slot = next_reading(reader)


def test_a_washout_of_less_than_four_weeks_is_refused(rita: User, checkpoint: Checkpoint) -> None:
    protocol = scene.frozen_protocol(rita)
    with pytest.raises(UserError, match="washout_days"):
        services.create_reader_study(
            "Short", protocol=protocol, by_user=rita, checkpoint=checkpoint, washout_days=27
        )
    sequential = services.create_reader_study(
        "At once", protocol=protocol, by_user=rita, checkpoint=checkpoint, washout_days=0, design="sequential"
    )
    assert sequential.design == "sequential"


def test_a_case_without_pathology_or_of_a_training_patient_is_refused(
    draft: ReaderStudy, rita: User, site
) -> None:
    bare = scene.patient_with_study(site, "R900", "B900")
    with pytest.raises(UserError, match="without pathology"):
        services.add_cases(draft, [bare], by_user=rita)
    Pathology.objects.create(study=bare, laterality="R", method="core_biopsy", result="benign")
    draft.checkpoint.run.snapshot.patients.add(bare.patient)
    with pytest.raises(UserError, match="training side"):
        services.add_cases(draft, [bare], by_user=rita)
    assert draft.cases.count() == 8


def test_half_of_the_cases_come_with_the_model_first_and_both_truths_are_balanced(
    draft: ReaderStudy, rita: User
) -> None:
    services.freeze_reader_study(draft, by_user=rita)
    assisted_first = []
    for reader in draft.readers.all():
        slots = list(reader.slots.select_related("case"))
        assert Counter((s.session, s.condition) for s in slots) == {
            (period, condition): 4 for period in (1, 2) for condition in ("alone", "with_ai")
        }
        # Every case once per period, the other condition in the second.
        assert {(s.case_id, s.condition) for s in slots} == {
            (case.pk, condition) for case in draft.cases.all() for condition in ("alone", "with_ai")
        }
        first = [s for s in slots if s.session == 1 and s.condition == "with_ai"]
        assert Counter(s.case.truth for s in first) == {True: 2, False: 2}
        assisted_first.append({s.case_id for s in first})
    # What the one reader sees with the model first, the other sees alone first.
    assert assisted_first[0].isdisjoint(assisted_first[1])
    assert set(draft.cases.values_list("output__malignancy__L", flat=True)) == {0.8, 0.2}


def test_the_output_is_pinned_when_the_design_is_frozen(draft: ReaderStudy, rita: User) -> None:
    services.freeze_reader_study(draft, by_user=rita)
    Prediction.objects.update(value=0.5)
    assert set(draft.cases.values_list("output__malignancy__L", flat=True)) == {0.8, 0.2}
    case = draft.cases.first()
    case.truth = not case.truth
    case.save()
    with pytest.raises(WrongStateError, match="hash"):
        services.open_reading(draft, by_user=rita)


def test_a_case_the_checkpoint_says_nothing_about_keeps_the_study_a_draft(
    draft: ReaderStudy, rita: User
) -> None:
    Prediction.objects.filter(study=draft.cases.first().study).delete()
    with pytest.raises(WrongStateError, match="says nothing about 1 case"):
        services.freeze_reader_study(draft, by_user=rita)
    assert not ReadingSlot.objects.exists()


def test_the_second_period_opens_after_the_washout_and_not_before(opened: ReaderStudy, june: User) -> None:
    reader = opened.readers.get(user=june)
    assert readings_waiting(june) == 8
    read_period(reader)
    second = next_reading(reader)
    assert second.session == 2
    assert readings_waiting(june) == 0
    opens = opens_at(second)
    assert opens - timezone.now() > timedelta(days=27, hours=23)
    assert reading_of(june, second.pk) is None
    with pytest.raises(NotAllowedError):
        record_reading(second, Assessment("3", 5), by_user=june)
    assert reading_of(june, second.pk, now=opens + timedelta(minutes=1)) == second
    assert reading_of(june, second.pk, now=opens - timedelta(minutes=1)) is None


def test_only_the_turn_of_the_reader_can_be_read(opened: ReaderStudy, june: User, sena: User) -> None:
    reader = opened.readers.get(user=june)
    later = reader.slots.get(position=3)
    assert reading_of(june, later.pk) is None
    assert reading_of(sena, next_reading(reader).pk) is None
    with pytest.raises(NotAllowedError):
        record_reading(next_reading(reader), Assessment("3", 5), by_user=sena)


def test_a_changed_reading_is_a_new_row_and_the_decision_is_stored(opened: ReaderStudy, june: User) -> None:
    slot = next_reading(opened.readers.get(user=june))
    first = record_reading(slot, Assessment("3", 10), by_user=june)
    again = record_reading(slot, Assessment("4A", 40, **FINDING), by_user=june)
    assert (first.decision, again.decision) == (False, True)
    assert again.replaces_id == first.pk
    assert Reading.objects.count() == 2
    assert again.point == FINDING["point"]
    assert (again.shown_output == {}) == (slot.condition == "alone")


def test_a_reading_stands_once_the_case_comes_with_the_output(rita: User, june: User) -> None:
    study = reading_scene.open_study(rita, [june], count=2, design="sequential", washout_days=0)
    reader = study.readers.get()
    alone = next_reading(reader)
    record_reading(alone, Assessment("3", 10), by_user=june)
    assisted = next_reading(reader)
    assert (alone.condition, assisted.condition) == ("alone", "with_ai")
    assert assisted.case_id == alone.case_id
    # The output is on screen now: the reading without it can't be changed any more.
    assert reading_of(june, alone.pk) is None
    with pytest.raises(NotAllowedError):
        record_reading(alone, Assessment("4C", 90, **FINDING), by_user=june)
    record_reading(assisted, Assessment("4A", 30, **FINDING), by_user=june)
    assert reading_of(june, assisted.pk) == assisted


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Assessment("4", 50, **FINDING), "category"),
        (Assessment("4A", 101, **FINDING), "likelihood"),
        (Assessment("4A", 40, side="L", finding="mass"), "point"),
        (Assessment("4A", 40, side="N", finding="mass"), "side"),
        (Assessment("3", 4, side="L"), "side"),
        (
            Assessment("4A", 40, side="L", finding="mass", point={"view": "LCC", "across": 1.4, "down": 0}),
            "point",
        ),
    ],
)
def test_a_reading_that_the_scale_does_not_know_is_refused(
    opened: ReaderStudy, june: User, given: Assessment, why: str
) -> None:
    slot = next_reading(opened.readers.get(user=june))
    with pytest.raises(UserError, match=why):
        record_reading(slot, given, by_user=june)
    assert not Reading.objects.exists()


def test_a_locked_study_gives_table_7_and_the_files_for_other_programs(
    opened: ReaderStudy, rita: User, june: User, sena: User
) -> None:
    later = timezone.now() + timedelta(days=40)
    for reader in opened.readers.select_related("user"):
        read_period(reader)
        read_period(reader, now=later)
        assert next_reading(reader) is None
    services.lock_readings(opened, by_user=rita)
    found = study_readings(ReaderStudy.objects.get(pk=opened.pk), simulated=False)
    assert len(found) == 32
    table = build_table(7, TableOptions(reader_study=ReaderStudy.objects.get(pk=opened.pk)))
    assert len(table.rows) == 4
    sensitivity = table.rows[0].cells["sensitivity"].estimate
    assert sensitivity is not None
    assert sensitivity.value == 1.0
    assert any(
        "Where the model was right (8 cases)" in note and "alone 16/16" in note for note in table.notes
    )
    lines = mrmcaov_file(found).decode().splitlines()
    assert len(lines) == 33
    assert json.dumps(str(opened.cases.first().study_id)) not in mrmcaov_file(found).decode()


def test_a_study_with_unread_cases_is_locked_only_with_a_reason(opened: ReaderStudy, rita: User) -> None:
    with pytest.raises(WrongStateError, match="32 readings are missing"):
        services.lock_readings(opened, by_user=rita)
    assert not AuditEvent.objects.filter(action="evaluation.reader_study_locked").exists()
    services.lock_readings(opened, by_user=rita, reason="reader left")
    assert opened.state == "locked"
    event = AuditEvent.objects.get(action="evaluation.reader_study_locked")
    assert event.actor == rita
    assert event.site == opened.site
    assert str(opened.pk) in event.object_id
    assert event.reason == "reader left"


def test_a_withdrawn_reader_reads_no_more(opened: ReaderStudy, rita: User, june: User) -> None:
    reader = opened.readers.get(user=june)
    slot = next_reading(reader)
    withdraw_reader(reader, "left the hospital", by_user=rita)
    assert reading_of(june, slot.pk) is None
    with pytest.raises(UserError, match="reason"):
        withdraw_reader(opened.readers.exclude(pk=reader.pk).get(), " ", by_user=rita)


def test_a_period_that_is_over_is_closed_while_the_washout_runs(
    opened: ReaderStudy, june: User, client
) -> None:
    """A case that came with the output could else be looked at again up to the minute it is read alone."""
    reader = opened.readers.get(user=june)
    first = next_reading(reader)
    record_reading(first, Assessment("3", 10), by_user=june)
    assert reading_of(june, first.pk) == first
    read_period(reader)
    second = next_reading(reader)
    client.force_login(june)
    for slot in reader.slots.filter(session=1):
        assert reading_of(june, slot.pk) is None
        assert reading_of(june, slot.pk, now=opens_at(second) + timedelta(days=1)) is None
    with pytest.raises(NotAllowedError):
        record_reading(first, Assessment("4C", 90, **FINDING), by_user=june)
    assert client.get(reverse("evaluation:read", args=[first.pk])).status_code == 404
    later = opens_at(second) + timedelta(minutes=1)
    read_period(reader, now=later)
    # No case comes again after the last period.
    assert reading_of(june, second.pk, now=later) == second
