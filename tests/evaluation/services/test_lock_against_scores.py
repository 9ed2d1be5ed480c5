"""A score that is under way when the trial is locked counts, or is refused; none comes after the lock."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction

from evaluation.models import Score, Trial
from evaluation.services.scoring import lock_trial, next_slot, record_scores
from evaluation.services.unblinding import scores_hash
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from tests.evaluation import scene

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
PATIENCE = 20.0


class Meanwhile:
    """Work in another thread with its own connection."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._outcome: list[Any] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome.append(self._work())
        except Exception as error:
            self._outcome.append(error)
        finally:
            connections.close_all()

    @property
    def is_waiting(self) -> bool:
        """Whether it is still under way after a second."""
        self._thread.join(1.0)
        return self._thread.is_alive()

    def outcome(self) -> Any:
        """What it gave or raised in the end."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self._outcome[0]


def test_a_lock_waits_for_the_form_that_is_being_stored_and_counts_it(
    trial: Trial, rita: User, sena: User
) -> None:
    rater = trial.raters.get(user=sena)
    stored, slot = threading.Event(), next_slot(rater)

    def store() -> None:
        with transaction.atomic():
            record_scores(slot, by_user=sena, values=scene.values())
            stored.set()
            # As long as this is not committed the lock must not be through.
            threading.Event().wait(1.5)

    storing = Meanwhile(store)
    assert stored.wait(PATIENCE)
    lock_trial(trial, by_user=rita, reason="the end")
    at_lock = scores_hash(trial)
    assert Score.objects.filter(slot=slot).count() == 5
    assert storing.outcome() is None
    assert scores_hash(trial) == at_lock


def test_a_form_that_comes_while_the_trial_is_being_locked_is_refused(
    trial: Trial, rita: User, sena: User
) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    with transaction.atomic():
        lock_trial(trial, by_user=rita, reason="the end")
        # Other connections still read the trial as open: the form waits for its slot.
        storing = Meanwhile(lambda: record_scores(slot, by_user=sena, values=scene.values()))
        assert storing.is_waiting
    refusal = storing.outcome()
    assert isinstance(refusal, WrongStateError)
    assert "not open" in str(refusal)
    assert not Score.objects.exists()


def test_forms_that_are_stored_before_the_lock_are_not_counted_as_empty(
    trial: Trial, rita: User, sena: User, sol: User
) -> None:
    scene.score_forms(trial.raters.get(user=sol))
    rater = trial.raters.get(user=sena)
    scene.score_forms(rater)
    last = rater.slots.order_by("-position").first()
    stored = threading.Event()

    def change() -> None:
        with transaction.atomic():
            record_scores(last, by_user=sena, values=scene.values(10))
            stored.set()
            threading.Event().wait(1.0)

    changing = Meanwhile(change)
    assert stored.wait(PATIENCE)
    lock_trial(trial, by_user=rita)
    standing = Score.objects.standing().filter(slot=last)
    assert sorted(score.value for score in standing) == sorted(scene.values(10).values())
    assert changing.outcome() is None
