"""Reports and images beside a form are those of the freezing, whatever is imported while raters and readers work."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation.models import ReaderStudy, ReaderStudyCase, Slot, Trial
from evaluation.services.answers import record_human_answer, written_version
from evaluation.services.freezing import freeze_trial, require_unchanged
from evaluation.services.raters import add_rater
from evaluation.services.reader_studies import lock_readings, reader_study_hash
from evaluation.services.readings import next_reading
from evaluation.services.scoring import next_slot
from evaluation.services.shown_studies import shown_report
from mammo.accounts.models import User
from mammo.archive.models import Image, Study
from mammo.core.errors import WrongStateError
from tests.evaluation import reading_scene, scene

FROZEN, LATER = "A mass on the left, as frozen.", "A mass on the right, imported later."


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def imported_anew(study: Study) -> None:
    scene.report_of(study, LATER, replaces=study.reports.get())


def blanked_anew(study: Study) -> None:
    report = study.reports.select_related("study__patient").get()
    report.blanked = LATER
    report.save(update_fields=["blanked"])


def pictured_anew(study: Study) -> None:
    Image.objects.filter(study=study, laterality="R", view="CC").update(viewing_copy_sha256="9" * 64)


def one_picture_more(study: Study) -> None:
    image = study.images.filter(laterality="R", view="CC").get()
    image.pk, image.sop_uid_hash, image.sha256, image._state.adding = None, "5" * 64, "6" * 64, True
    image.id = Image._meta.pk.get_default()
    image.save(force_insert=True)


@pytest.fixture
def slot(rita: User, june: User, sena: User) -> Slot:
    """Sena's first form of a trial that shows reports."""
    questions = scene.questions_of(rita, [june, sena], 3)
    for question in questions:
        scene.report_of(question.study, FROZEN)
    draft = scene.draft_trial(rita, questions, june, show_report=True)
    scene.answer_all(draft, rita, june)
    return next_slot(scene.opened(draft, rita, [sena]).raters.get())


def addresses(slot: Slot) -> list[str]:
    return [
        reverse("evaluation:form", args=[slot.pk]),
        reverse("evaluation:form-viewer", args=[slot.pk]),
        reverse("evaluation:form-image", args=[slot.pk, 1]),
        f"/api/v1/forms/{slot.pk}/",
    ]


def test_a_report_imported_during_scoring_is_not_shown_and_stops_nothing(slot: Slot, sena: User) -> None:
    client, study = client_of(sena), slot.answer.question.question.study
    imported_anew(study)
    page = client.get(addresses(slot)[0]).content.decode()
    assert FROZEN in page
    assert LATER not in page
    assert client.get(addresses(slot)[3]).json()["report"] == FROZEN
    require_unchanged(slot.rater.trial)


@pytest.mark.parametrize("change", [blanked_anew, pictured_anew])
def test_a_form_whose_report_or_picture_is_another_is_refused_in_words(
    slot: Slot, sena: User, change: Callable[[Study], None]
) -> None:
    client, study = client_of(sena), slot.answer.question.question.study
    assert all(client.get(address).status_code == 200 for address in addresses(slot))
    change(study)
    for address in addresses(slot):
        answer = client.get(address)
        assert answer.status_code == 409, address
        assert b"is not the frozen one" in answer.content
        assert LATER.encode() not in answer.content
    with pytest.raises(WrongStateError, match="is not the frozen one"):
        require_unchanged(slot.rater.trial)


def test_a_picture_that_came_during_scoring_is_not_shown(slot: Slot, sena: User) -> None:
    client, study = client_of(sena), slot.answer.question.question.study
    before = client.get(addresses(slot)[1]).json()
    one_picture_more(study)
    assert study.images.count() == 5
    assert client.get(addresses(slot)[1]).json() == before
    assert len(before["images"]) == 4
    assert client.get(reverse("evaluation:form-image", args=[slot.pk, 4])).status_code == 200
    assert client.get(reverse("evaluation:form-image", args=[slot.pk, 5])).status_code == 404


def test_the_judgement_of_a_forms_study_asks_the_database_few_times(slot: Slot, sena: User) -> None:
    client = client_of(sena)
    with CaptureQueriesContext(connection) as asked:
        client.get(addresses(slot)[0])
    about = [
        query["sql"] for query in asked if "archive_report" in query["sql"] or "archive_image" in query["sql"]
    ]
    # Its report and its images are judged, its report is read, the next form's images are announced.
    assert len(about) <= 5


def test_a_trial_from_before_reports_were_kept_shows_the_one_that_stands(slot: Slot, sena: User) -> None:
    slot.rater.trial.trial_questions.update(shown={})
    imported_anew(slot.answer.question.question.study)
    assert LATER in client_of(sena).get(addresses(slot)[0]).content.decode()


def test_practice_shows_the_report_of_the_freezing(rita: User, june: User, sena: User) -> None:
    from evaluation.services.drafts import add_practice_item

    questions = scene.questions_of(rita, [june, sena], 3)
    scene.report_of(questions[2].study, FROZEN)
    draft = scene.draft_trial(rita, questions[:2], june, show_report=True)
    add_practice_item(draft, questions[2], "Once a year.", by_user=rita)
    scene.answer_all(draft, rita, june)
    rater = scene.opened(draft, rita, [sena]).raters.get()
    imported_anew(questions[2].study)
    page = client_of(sena).get(reverse("evaluation:practice", args=[rater.pk])).content.decode()
    assert FROZEN in page
    assert LATER not in page


def test_an_answer_that_was_written_beside_another_report_is_written_again(
    rita: User, june: User, sena: User
) -> None:
    questions = scene.questions_of(rita, [june, sena], 2)
    scene.report_of(questions[0].study, FROZEN)
    draft = scene.draft_trial(rita, questions, june, show_report=True)
    scene.answer_all(draft, rita, june)
    add_rater(draft, sena, by_user=rita)
    imported_anew(questions[0].study)
    with pytest.raises(WrongStateError, match="report of question 1 changed after arm “Junior doctor”"):
        freeze_trial(draft, by_user=rita)
    arm, asked = draft.arms.get(kind="human"), draft.trial_questions.order_by("position").first()
    seen = written_version(arm.answers.get(question=asked))
    record_human_answer(arm, asked, "乳腺密度为C类。", by_user=june, opened_on=seen)
    assert freeze_trial(draft, by_user=rita).state == Trial.State.FROZEN


def test_a_report_that_waits_for_a_data_manager_is_not_shown_in_a_draft_and_stops_the_freezing(
    rita: User, june: User, sena: User
) -> None:
    questions = scene.questions_of(rita, [june, sena], 2)
    report = scene.report_of(questions[0].study, FROZEN, reading={"confidence": 0.5})
    draft = scene.draft_trial(rita, questions, june, show_report=True)
    asked = draft.trial_questions.get(question=questions[0])
    assert shown_report(asked, questions[0].study, shows_report=True) == ""
    scene.answer_all(draft, rita, june)
    add_rater(draft, sena, by_user=rita)
    with pytest.raises(WrongStateError, match="waits for a data manager; have it read"):
        freeze_trial(draft, by_user=rita)
    report.reading = {"confidence": 1.0}
    report.save(update_fields=["reading"])
    with pytest.raises(WrongStateError, match="report of question 1 changed"):
        freeze_trial(draft, by_user=rita)  # answered without it


def _reading(rita: User, june: User) -> tuple[ReaderStudy, Any]:
    study = reading_scene.draft_study(rita, [june], 4, reader_sees="report", model_sees="images")
    for case in study.cases.select_related("study__patient"):
        scene.report_of(case.study, FROZEN)
    return study, reading_scene.opened(study, rita)


def test_readers_read_the_report_of_the_freezing(rita: User, june: User) -> None:
    _study, reader = _reading(rita, june)
    slot = next_reading(reader)
    imported_anew(slot.case.study)
    one_picture_more(slot.case.study)
    page = client_of(june).get(reverse("evaluation:read", args=[slot.pk])).content.decode()
    assert FROZEN in page
    assert LATER not in page
    viewer = client_of(june).get(reverse("evaluation:read-viewer", args=[slot.pk])).json()
    assert len(viewer["images"]) == 4


@pytest.mark.parametrize("change", [blanked_anew, pictured_anew])
def test_a_case_whose_report_or_picture_is_another_is_not_read_and_not_locked(
    rita: User, june: User, change: Callable[[Study], None]
) -> None:
    study, reader = _reading(rita, june)
    slot = next_reading(reader)
    change(slot.case.study)
    for name, more in (("read", []), ("read-viewer", []), ("read-image", [1])):
        answer = client_of(june).get(reverse(f"evaluation:{name}", args=[slot.pk, *more]))
        assert answer.status_code == 409, name
        assert b"is not the frozen one" in answer.content
    with pytest.raises(WrongStateError, match="is not the frozen one"):
        lock_readings(study, by_user=rita, reason="enough")


def test_what_is_shown_of_a_case_is_in_the_hash_of_the_design(rita: User, june: User) -> None:
    study, _reader = _reading(rita, june)
    frozen = ReaderStudy.objects.get(pk=study.pk)
    assert reader_study_hash(frozen) == frozen.design_sha256
    case = ReaderStudyCase.objects.filter(reader_study=study).first()
    case.shown["report_sha256"] = "9" * 64
    case.save(update_fields=["shown"])
    assert reader_study_hash(frozen) != frozen.design_sha256
