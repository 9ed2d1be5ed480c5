"""What a simulated person decides about a real question is marked as simulated, row by row; a real person's is not."""

import pytest

from annotation.models import Correction, Pick, PickEdit, Question, Return
from annotation.services.adjudication import adjudicate, disputed_picks
from annotation.services.picks import pick, return_to_juniors, write_answer
from mammo.accounts.models import User

pytestmark = pytest.mark.parametrize("simulated", [True, False])


def marked(person: User, simulated: bool) -> User:
    """The account, a scripted one or not."""
    User.objects.filter(pk=person.pk).update(is_simulated=simulated)
    person.refresh_from_db()
    return person


def test_a_choice_and_its_small_edit(corrected: Question, sena: User, simulated: bool) -> None:
    assert not corrected.is_simulated
    first = Correction.objects.candidates(corrected)[0]
    pick(corrected, by_user=marked(sena, simulated), correction=first.pk, text=f"{first.text}。")
    assert (Pick.objects.get().is_simulated, PickEdit.objects.get().is_simulated) == (simulated, simulated)


def test_an_answer_that_the_senior_wrote(corrected: Question, sena: User, simulated: bool) -> None:
    assert not corrected.is_simulated
    write_answer(corrected, by_user=marked(sena, simulated), text="密度为C类。", reason="都不对")
    assert Pick.objects.get().is_simulated == simulated


def test_what_is_sent_back(corrected: Question, sena: User, simulated: bool) -> None:
    assert not corrected.is_simulated
    return_to_juniors(corrected, by_user=marked(sena, simulated), reason="请核对密度")
    assert Return.objects.get().is_simulated == simulated


def test_a_decision_between_two_seniors(disputed: Question, ada: User, simulated: bool) -> None:
    assert not disputed.is_simulated
    upheld = disputed_picks(disputed)[0]
    adjudicate(disputed, by_user=marked(ada, simulated), chosen=upheld.pk, reason="与图像相符")
    assert Pick.objects.get(is_adjudication=True).is_simulated == simulated
