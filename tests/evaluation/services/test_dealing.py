"""Dealing: hidden repeats, degraded controls, incomplete blocks, and what raters are told of them."""

import random
from collections import Counter

import pytest
from django.db import transaction

from evaluation.models import Answer, Arm, Slot, Trial, TrialRater
from evaluation.services import drafts
from evaluation.services.answers import queue_answers, record_human_answer, scored_arms, shown_hash
from evaluation.services.arms import add_human_arm, add_system_arm, add_written_arm
from evaluation.services.dealing import (
    MOST_EXTRA,
    check_extras,
    deal_questions,
    dealing_obstacles,
    degraded,
    draw_arm_orders,
    prepare_rater,
)
from evaluation.services.freezing import design_hash, freeze_trial, obstacles
from evaluation.services.raters import add_rater
from evaluation.services.trials import add_questions, create_trial
from evaluation.slot_design import SPACING, neighbour_spread
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.archive.pseudonyms import installation
from mammo.core.errors import UserError, WrongStateError
from mammo.core.keys import key_store
from mammo.jobs import services as jobs
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


def test_the_obstacle_of_controls_is_that_of_the_rater_who_gets_fewest_answers_that_can_be_made_worse(
    draft: Trial, rita: User, sena: User
) -> None:
    drafts.change_trial(draft, {"controls": 1}, by_user=rita, expected_version=draft.version)
    for answer in Answer.objects.filter(arm__trial=draft):
        shorten(answer, "否" if answer.question.position > 1 else "您的乳腺密度为C类。建议每年复查。")
    assert dealing_obstacles(draft, scored_arms(draft)) == []
    # Sena reported the one case whose answers can be made worse: she gets no form about it.
    mark = installation().person_hash(draft.site.code, sena.display_name)
    asked = Study.objects.filter(questions__trial_uses__trial=draft, questions__trial_uses__position=1)
    Study.objects.filter(pk__in=asked.values("pk")).update(reporting_doctors=[mark])
    (said,) = dealing_obstacles(draft, scored_arms(draft))
    assert "a rater gets 0 answers" in said


def test_a_question_with_too_few_raters_and_too_many_hidden_forms_are_named_before_freezing(
    draft: Trial, rita: User
) -> None:
    drafts.change_trial(draft, {"raters_per_answer": 3}, by_user=rita, expected_version=draft.version)
    assert obstacles(draft) == ["raters: a question has 2 raters who may score it; wanted per answer: 3."]
    changes = {"raters_per_answer": None, "repeats": 2}
    drafts.change_trial(draft, changes, by_user=rita, expected_version=draft.version)
    assert obstacles(draft) == ["repeats, controls: 2 of 29 forms; together they may be at most 1."]
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


def test_a_trial_is_not_frozen_where_a_rater_would_get_fewer_controls_than_consent_and_report_say(
    draft: Trial, rita: User
) -> None:
    drafts.change_trial(draft, {"controls": 1}, by_user=rita, expected_version=draft.version)
    answers = list(Answer.objects.filter(arm__trial=draft).order_by("pk"))
    for answer in answers:
        # One letter: nothing of it can be left out.
        shorten(answer, "否")
    (said,) = obstacles(draft)
    assert said.startswith(
        "controls: wanted per rater are 1, and a rater gets 0 answers that can be made worse"
    )
    with pytest.raises(
        UserError, match="wanted per rater are 1, and a rater gets 0 answers that can be made worse"
    ):
        freeze_trial(draft, by_user=rita)
    assert not Slot.objects.exists()
    for answer in answers:
        shorten(answer, "您的乳腺密度为C类。建议每年复查。")
    assert obstacles(draft) == []
    freeze_trial(draft, by_user=rita)
    assert Slot.objects.filter(kind=Slot.Kind.CONTROL).count() == draft.raters.count() == 2


def shorten(answer: Answer, text: str) -> None:
    """Another shown text, under a hash that fits."""
    answer.shown_text, answer.shown_sha256 = text, shown_hash(text)
    answer.save(update_fields=["shown_text", "shown_sha256"])


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
    with pytest.raises(WrongStateError, match="wanted per answer: 3"):
        freeze_trial(draft, by_user=rita)


def test_a_thousand_random_allocations_never_give_a_rater_a_case_they_reported_or_an_answer_they_wrote(
    draft: Trial, rita: User, june: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Authors, reported questions and loads are drawn anew each time; what is dealt is checked against what was drawn."""
    from evaluation.services import dealing

    rng = random.Random(8)
    people = [june, *(row.user for row in draft.raters.select_related("user"))]
    people += [scene.person(site, name) for name in ("Sia", "Sue")]
    human = draft.arms.get(kind=Arm.Kind.HUMAN)
    questions = [str(pk) for pk in draft.trial_questions.values_list("pk", flat=True)]
    hidden: dict[object, set[object]] = {}
    monkeypatch.setattr(dealing, "reported_questions", lambda _trial, user: hidden[user.pk])
    everything = list(draft.trial_questions.values_list("pk", flat=True))
    refused: list[tuple[bool, bool]] = []
    for seed in range(1000):
        draft.seed, draft.raters_per_answer = seed, rng.choice((None, 1, 2))
        # June wrote the stored answers, whoever is named as author of the arm beside her.
        named = rng.sample(people, rng.randint(0, 2))
        Arm.objects.filter(pk=human.pk).update(spec={"authors": [str(person.pk) for person in named]})
        wrote = {june.pk, *(person.pk for person in named)}
        raters = [TrialRater(trial=draft, user=person) for person in rng.sample(people, rng.randint(2, 3))]
        hidden = {r.user_id: set(rng.sample(everything, rng.randint(0, 5))) for r in raters}
        is_with_author = any(rater.user_id in wrote for rater in raters)
        try:
            dealt = deal_questions(draft, raters)
        except WrongStateError as error:
            refused.append(("wrote an answer" in str(error), is_with_author))
            continue
        assert not is_with_author
        for rater in raters:
            assert not {str(pk) for pk in hidden[rater.user_id]} & set(dealt[rater.pk])
            assert len(dealt[rater.pk]) == len(set(dealt[rater.pk]))
            assert set(dealt[rater.pk]) <= set(questions)
    # Enough designs of each kind.
    assert all(said == drawn for said, drawn in refused)
    assert sum(drawn for _said, drawn in refused) > 300
    assert len(refused) < 900


def test_random_designs_made_through_the_services_give_no_rater_their_own_answer_or_case(
    rita: User, june: User, sena: User, sol: User, site: Site
) -> None:
    """Twenty-five: arms of drawn authors before or after the raters, drawn reporting doctors, frozen with their slots."""
    rng = random.Random(25)
    people = [sena, sol, *(scene.person(site, name) for name in ("Sia", "Sue", "Sam"))]
    asked = scene.questions_of(rita, [june, *people], 4)
    marks = {person.pk: installation().person_hash(site.code, person.display_name) for person in people}
    protocol, frozen = scene.frozen_protocol(rita), 0
    for number in range(25):
        reported = {question.study_id: rng.choice([None, None, *people]) for question in asked}
        for study, person in reported.items():
            Study.objects.filter(pk=study).update(reporting_doctors=[marks[person.pk]] if person else [])
        trial = create_trial(f"Drawn {number}", protocol=protocol, by_user=rita, seed=number)
        add_questions(trial, asked, by_user=rita)
        rows = [
            {"question": place, "text": f"您的乳腺密度为C类，建议每年复查。（{place}）"}
            for place in range(1, 5)
        ]
        add_written_arm(trial, "Reference", rows, by_user=rita)
        early = rng.sample(people, rng.randint(0, 2))
        for person in early:
            add_rater(trial, person, by_user=rita)
        authors = rng.sample(people, rng.randint(1, 2))
        barred = [person for person in authors if person in early]
        if barred:
            with pytest.raises(UserError, match="is a rater of this trial"):
                add_human_arm(trial, "Doctors", authors=authors, by_user=rita)
            authors = [person for person in authors if person not in barred] or [june]
        arm = add_human_arm(trial, "Doctors", authors=authors, by_user=rita)
        for place, question in enumerate(trial.trial_questions.order_by("position"), start=1):
            record_human_answer(
                arm, question, f"密度为C类，请{place}个月后复查。", by_user=rng.choice(authors)
            )
        for person in people:
            if person in authors:
                with pytest.raises(UserError, match="wrote an answer of this trial"):
                    add_rater(trial, person, by_user=rita)
            elif person not in early:
                add_rater(trial, person, by_user=rita)
        # A row that came past the services keeps the trial from being frozen.
        intruder = TrialRater.objects.create(trial=trial, user=authors[0])
        assert f"{authors[0].username} wrote an answer and can't score." in obstacles(trial)
        intruder.delete()
        assert obstacles(trial) == []
        freeze_trial(trial, by_user=rita)
        frozen += 1
        slots = Slot.objects.filter(rater__trial=trial).select_related("rater", "answer__question__question")
        assert slots.exists()
        for slot in slots:
            assert slot.rater.user_id not in {person.pk for person in authors}
            assert slot.answer.author_id != slot.rater.user_id
            doctor = reported[slot.answer.question.question.study_id]
            assert doctor is None or doctor.pk != slot.rater.user_id
    assert frozen == 25


def test_stored_slots_balance_neighbours_over_the_trial_from_three_to_fifteen_arms(
    draft: Trial, rita: User, june: User, site
) -> None:
    for number in range(12):
        add_system_arm(
            draft, f"System {number}", by_user=rita, spec={"kind": "transformers", "path": f"/m/{number}"}
        )
    systems = list(draft.arms.filter(kind=Arm.Kind.SYSTEM, answers=None).order_by("position"))
    job = queue_answers(draft, by_user=rita)
    claimed = jobs.claim(job.pk, "test worker")
    jobs.finish(claimed, scene.answer_rows(systems, draft))
    for name in ("Sia", "Sue"):
        add_rater(draft, scene.person(site, name), by_user=rita)
    arms = list(draft.arms.order_by("position"))
    raters = list(draft.raters.select_related("user").order_by("pk"))
    assert (len(arms), len(raters)) == (15, 4)
    for count in range(3, 16):
        with transaction.atomic():
            dealt = deal_questions(draft, raters)
            orders = draw_arm_orders(draft, dealt, count)
            for rater in raters:
                prepare_rater(draft, rater, arms[:count], dealt[rater.pk], orders[rater.pk])
            of_question: dict[object, list[str]] = {}
            rows = Slot.objects.filter(rater__trial=draft).order_by("rater", "position")
            for rater_id, question, arm in rows.values_list("rater", "answer__question", "answer__arm"):
                of_question.setdefault((rater_id, question), []).append(str(arm))
            transaction.set_rollback(True)
        assert len(of_question) == 4 * 9
        names = [str(arm.pk) for arm in arms[:count]]
        assert all(sorted(order) == sorted(names) for order in of_question.values())
        assert neighbour_spread(of_question.values(), names) <= (1 if count % 2 == 0 else 3)


def test_a_frozen_trial_balances_neighbours(draft: Trial, rita: User) -> None:
    freeze_trial(draft, by_user=rita)
    orders: dict[object, list[str]] = {}
    slots = Slot.objects.filter(rater__trial=draft).order_by("position")
    for rater, question, arm in slots.values_list("rater", "answer__question", "answer__arm"):
        orders.setdefault((rater, question), []).append(str(arm))
    # Two raters with nine questions each and three arms: three whole designs of six rows.
    assert neighbour_spread(orders.values(), [str(pk) for pk in draft.arms.values_list("pk", flat=True)]) == 0
