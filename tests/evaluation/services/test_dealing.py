"""Dealing: hidden repeats, degraded controls, incomplete blocks, and what raters are told of them."""

import random
from collections import Counter

import pytest

from evaluation.models import Slot, Trial
from evaluation.services import drafts
from evaluation.services.dealing import MOST_EXTRA, check_extras, deal_questions, degraded
from evaluation.services.freezing import design_hash, freeze_trial
from evaluation.services.raters import add_rater
from evaluation.slot_design import SPACING
from mammo.accounts.models import User
from mammo.core.errors import UserError, WrongStateError
from mammo.core.keys import key_store
from tests.evaluation import scene


def test_a_degraded_answer_is_a_part_of_the_whole_one() -> None:
    whole = "您的乳腺密度为C类。建议每年复查。可加做超声。不必紧张。"
    worse = degraded(whole)
    assert worse != whole
    assert worse.startswith("您的乳腺密度为C类。")
    assert "每年复查" not in worse
    assert len(worse) < len(whole) / 2
    assert degraded("One. Two. Three.") == "One. Th"


def test_repeats_and_controls_stay_under_five_percent() -> None:
    check_extras(1, 1, 40)
    with pytest.raises(UserError, match="at most 1"):
        check_extras(1, 1, 39)
    assert MOST_EXTRA == 0.05


@pytest.fixture
def with_extras(draft: Trial, rita: User) -> Trial:
    return drafts.change_trial(draft, {"repeats": 1}, by_user=rita, expected_version=draft.version)


def test_a_hidden_repeat_comes_after_its_first_place_and_far_from_its_question(
    with_extras: Trial, rita: User
) -> None:
    freeze_trial(with_extras, by_user=rita)
    for rater in with_extras.raters.all():
        slots = list(rater.slots.select_related("answer").order_by("position"))
        assert [slot.position for slot in slots] == list(range(1, 29))
        (again,) = [slot for slot in slots if slot.kind == Slot.Kind.REPEAT]
        first = next(s for s in slots if s.kind == Slot.Kind.SCORED and s.answer_id == again.answer_id)
        assert again.position > first.position
        same_question = [
            s.position for s in slots if s.answer.question_id == again.answer.question_id and s.pk != again.pk
        ]
        assert min(abs(again.position - place) for place in same_question) >= SPACING


def test_more_repeats_than_raters_are_told_of_keep_a_trial_from_being_frozen(
    draft: Trial, rita: User
) -> None:
    drafts.change_trial(draft, {"repeats": 1, "controls": 1}, by_user=rita, expected_version=draft.version)
    with pytest.raises(UserError, match="repeats, controls"):
        freeze_trial(draft, by_user=rita)
    assert not Slot.objects.exists()


def test_a_control_shows_a_worse_text_and_the_hash_holds_it(draft: Trial, rita: User) -> None:
    drafts.change_trial(draft, {"controls": 1}, by_user=rita, expected_version=draft.version)
    freeze_trial(draft, by_user=rita)
    controls = list(Slot.objects.filter(kind=Slot.Kind.CONTROL).select_related("answer__question__question"))
    assert len(controls) == 2
    for slot in controls:
        assert slot.shown_text == degraded(slot.answer.shown_text) != slot.answer.shown_text
    assert design_hash(draft) == draft.design_sha256
    # Her texts are gone after a withdrawal; the design is still what was frozen.
    key_store().destroy(controls[0].encryption_key_id())
    assert Slot.objects.get(pk=controls[0].pk).shown_text == "[erased]"
    assert design_hash(draft) == draft.design_sha256
    Slot.objects.filter(pk=controls[0].pk).update(control_sha256="0" * 64)
    assert design_hash(draft) != draft.design_sha256


def test_incomplete_blocks_give_every_question_as_many_raters_and_every_rater_as_much(
    draft: Trial, rita: User, site
) -> None:
    for name in ("Sia", "Sue"):
        add_rater(draft, scene.person(site, name), by_user=rita)
    drafts.change_trial(draft, {"raters_per_answer": 2}, by_user=rita, expected_version=draft.version)
    freeze_trial(draft, by_user=rita)
    per_question: Counter[object] = Counter()
    for rater in draft.raters.all():
        questions = {s.answer.question_id for s in rater.slots.select_related("answer")}
        # Whole questions: every arm of a question goes to the same raters.
        assert rater.slots.count() == 3 * len(questions)
        assert len(questions) in (4, 5)
        per_question.update(questions)
    assert set(per_question.values()) == {2}


def test_too_few_raters_for_an_answer_are_refused(draft: Trial, rita: User) -> None:
    drafts.change_trial(draft, {"raters_per_answer": 3}, by_user=rita, expected_version=draft.version)
    with pytest.raises(WrongStateError, match="3 are wanted"):
        freeze_trial(draft, by_user=rita)


def test_a_thousand_random_allocations_never_give_a_rater_a_case_they_reported(
    draft: Trial, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reported questions and loads are drawn anew each time; what is dealt is checked against what was drawn."""
    from evaluation.services import dealing

    rng = random.Random(8)
    raters = list(draft.raters.select_related("user"))
    questions = [str(pk) for pk in draft.trial_questions.values_list("pk", flat=True)]
    hidden: dict[object, set[object]] = {}
    monkeypatch.setattr(dealing, "reported_questions", lambda _trial, user: hidden[user.pk])
    everything = list(draft.trial_questions.values_list("pk", flat=True))
    refused = 0
    for seed in range(1000):
        draft.seed, draft.raters_per_answer = seed, rng.choice((None, 1, 2))
        hidden = {r.user_id: set(rng.sample(everything, rng.randint(0, 5))) for r in raters}
        try:
            dealt = deal_questions(draft, raters)
        except WrongStateError:
            refused += 1
            continue
        for rater in raters:
            assert not {str(pk) for pk in hidden[rater.user_id]} & set(dealt[rater.pk])
            assert len(dealt[rater.pk]) == len(set(dealt[rater.pk]))
            assert set(dealt[rater.pk]) <= set(questions)
    assert refused < 900
