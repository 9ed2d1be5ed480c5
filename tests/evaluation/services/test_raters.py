"""Who may rate: never what they wrote or reported."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.models import Answer, Slot, Trial, TrialRater
from evaluation.services.answers import record_human_answer, written_version
from evaluation.services.arms import add_human_arm
from evaluation.services.dealing import missing_by_design, missing_note
from evaluation.services.freezing import freeze_trial, obstacles
from evaluation.services.raters import add_rater, remove_rater, reported_questions, withdraw
from mammo.accounts.models import User
from mammo.archive.models import Study
from mammo.archive.pseudonyms import installation
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from tests.evaluation import scene


def test_an_author_of_the_trial_is_no_rater_and_a_rater_no_author(
    draft: Trial, rita: User, sena: User, site
) -> None:
    both = scene.person(site, "Both")
    add_human_arm(draft, "Senior doctor", authors=[both], by_user=rita)
    with pytest.raises(UserError, match="wrote an answer"):
        add_rater(draft, both, by_user=rita)
    with pytest.raises(UserError, match="is a rater"):
        add_human_arm(draft, "Another", authors=[sena], by_user=rita)


def test_who_became_an_author_behind_the_services_stops_the_freezing(
    draft: Trial, rita: User, sena: User
) -> None:
    Answer.objects.filter(arm__kind="human").update(author=sena)
    with pytest.raises(WrongStateError, match="sena wrote"):
        freeze_trial(draft, by_user=rita)


def test_juniors_strangers_and_doubles_are_no_raters(
    draft: Trial, rita: User, june: User, otto: User, sena: User
) -> None:
    for user in (june, otto):
        with pytest.raises(UserError, match="no senior"):
            add_rater(draft, user, by_user=rita)
    with pytest.raises(UserError, match="already"):
        add_rater(draft, sena, by_user=rita)
    with pytest.raises(NotAllowedError):
        add_rater(draft, sena, by_user=otto)


def report_by(user: User, trial: Trial, positions: set[int]) -> None:
    """Let this doctor have reported the studies of these questions."""
    mark = installation().person_hash(trial.site.code, user.display_name)
    studies = Study.objects.filter(
        questions__trial_uses__trial=trial, questions__trial_uses__position__in=positions
    )
    for study in studies:
        Study.objects.filter(pk=study.pk).update(reporting_doctors=[*study.reporting_doctors, mark])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(by_sena=st.sets(st.integers(1, 9), max_size=8), by_sol=st.sets(st.integers(1, 9), max_size=8))
def test_no_rater_gets_a_case_they_reported(
    draft: Trial, rita: User, sena: User, sol: User, by_sena: set[int], by_sol: set[int]
) -> None:
    from django.db import transaction

    # A question that both reported stops the freezing.
    by_sol -= by_sena
    with transaction.atomic():
        report_by(sena, draft, by_sena)
        report_by(sol, draft, by_sol)
        freeze_trial(draft, by_user=rita)
        for user, positions in ((sena, by_sena), (sol, by_sol)):
            slots = Slot.objects.filter(rater__trial=draft, rater__user=user)
            seen = set(slots.values_list("answer__question__position", flat=True))
            assert seen == set(range(1, 10)) - positions
            assert slots.count() == 3 * len(seen)
        transaction.set_rollback(True)
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_who_reported_everything_stops_the_freezing(draft: Trial, rita: User, sena: User) -> None:
    report_by(sena, draft, set(range(1, 10)))
    assert len(reported_questions(draft, sena)) == 9
    with pytest.raises(WrongStateError, match="reported every case"):
        freeze_trial(draft, by_user=rita)
    remove_rater(draft.raters.get(user=sena), by_user=rita)
    assert freeze_trial(draft, by_user=rita).state == "frozen"


def test_a_question_that_nobody_may_score_stops_the_freezing(
    draft: Trial, rita: User, sena: User, sol: User
) -> None:
    report_by(sena, draft, {2, 4})
    assert missing_note(draft)[0].startswith(
        "Of 18 pairs of a rater and a question, 2 stand without scores by design"
    )
    report_by(sol, draft, {4})
    assert obstacles(draft) == [
        "raters: nobody may score question 4, since all reported its patient's study; add a rater."
    ]
    with pytest.raises(WrongStateError, match="nobody may score question 4"):
        freeze_trial(draft, by_user=rita)
    add_rater(draft, scene.person(draft.site, "Third"), by_user=rita)
    trial = freeze_trial(draft, by_user=rita)
    # Of 27 pairs Sena lacks two and Sol one.
    assert missing_by_design(trial) == 3


def test_every_rater_on_every_question_leaves_no_pair_out(draft: Trial, rita: User) -> None:
    assert missing_note(draft) == []
    assert missing_note(freeze_trial(draft, by_user=rita)) == []


def test_a_rater_withdraws_once(trial: Trial, rita: User, sena: User) -> None:
    first, second = (trial.raters.get(user=sena) for _ in range(2))
    withdraw(first, "moved", by_user=sena)
    when = TrialRater.objects.get(pk=first.pk).withdrawn_at
    # Both had the same page open.
    with pytest.raises(WrongStateError, match="withdrew already"):
        withdraw(second, "left", by_user=rita)
    assert TrialRater.objects.get(pk=first.pk).withdrawn_at == when


def test_only_an_author_of_the_arm_writes_its_answers(
    draft: Trial, june: User, jack: User, sena: User
) -> None:
    arm, question = draft.arms.get(kind="human"), draft.trial_questions.first()
    for stranger in (jack, sena):
        with pytest.raises(NotAllowedError):
            record_human_answer(arm, question, "x", by_user=stranger)
    with pytest.raises(NotAllowedError):
        record_human_answer(draft.arms.filter(kind="system").first(), question, "x", by_user=june)
    with pytest.raises(UserError, match="empty"):
        record_human_answer(arm, question, "  ", by_user=june)
    before = Answer.objects.count()
    opened_on = written_version(arm.answers.get(question=question))
    with pytest.raises(StaleVersionError, match="written anew"):
        record_human_answer(arm, question, "没看过就写", by_user=june)
    answer = record_human_answer(arm, question, "**新的**回答", by_user=june, opened_on=opened_on)
    assert (answer.raw_text, answer.shown_text, Answer.objects.count()) == (
        "**新的**回答",
        "新的回答",
        before,
    )
