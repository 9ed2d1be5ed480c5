"""A rater's remark and a reader's reading of a real case are marked as simulated where whoever made them is."""

import pytest
from django.db.models import Model

from evaluation.models import FormRemark, Reader, ReaderStudy, Reading, TrialRater
from evaluation.services.guesses import next_guess, record_guess
from evaluation.services.readings import Assessment, next_reading, record_reading
from evaluation.services.remarks import Remark, record_form
from evaluation.services.scoring import next_slot
from mammo.accounts.models import User
from tests.evaluation import reading_scene, scene


def mark(row: Model) -> None:
    """Mark a row as simulated."""
    type(row)._default_manager.filter(pk=row.pk).update(is_simulated=True)
    row.refresh_from_db()


@pytest.mark.parametrize("whose", ["account", "rater", "answer", ""])
def test_a_remark_on_a_form(rita: User, june: User, sena: User, whose: str) -> None:
    trial = scene.open_trial(rita, june, [sena], count=3)
    rater: TrialRater = trial.raters.get(user=sena)
    slot = next_slot(rater)
    assert slot is not None
    assert not slot.answer.is_simulated
    if whose:
        mark({"account": sena, "rater": rater, "answer": slot.answer}[whose])
        slot = next_slot(TrialRater.objects.get(pk=rater.pk))
        assert slot is not None
    record_form(slot, by_user=sena, values=scene.values(), remark=Remark(is_unsafe=True))
    assert FormRemark.objects.get().is_simulated == bool(whose)


@pytest.mark.parametrize("whose", ["account", "reader", "study", ""])
def test_a_reading_of_a_case(rita: User, june: User, whose: str) -> None:
    study: ReaderStudy = reading_scene.open_study(rita, [june])
    reader: Reader = study.readers.get(user=june)
    if whose:
        mark({"account": june, "reader": reader, "study": study}[whose])
    slot = next_reading(Reader.objects.get(pk=reader.pk))
    assert slot is not None
    assert not slot.case.study.is_simulated
    record_reading(slot, Assessment("2", 5), by_user=june)
    assert Reading.objects.get().is_simulated == bool(whose)


def test_whoever_joins_with_a_simulated_account_is_a_simulated_reader(
    rita: User, june: User, sena: User
) -> None:
    mark(june)
    study = reading_scene.open_study(rita, [june, sena])
    assert {row.user: row.is_simulated for row in study.readers.select_related("user")} == {
        june: True,
        sena: False,
    }


@pytest.mark.parametrize("is_simulated", [True, False])
def test_a_guess_of_who_wrote_an_answer(rita: User, june: User, sena: User, is_simulated: bool) -> None:
    trial = scene.open_trial(rita, june, [sena], count=3, guesses=1)
    scene.score_all(trial)
    slot = next_guess(trial.raters.get(user=sena))
    assert slot is not None
    if is_simulated:
        mark(slot.answer)
    assert record_guess(slot, "ai", by_user=sena).is_simulated == is_simulated
