"""Passwords are guessed neither from one address nor from many, and nobody locks a doctor out from elsewhere."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from mammo.accounts.models import Site, User
from mammo.accounts.people import renew_password
from tests.evaluation.scene import person

pytestmark = [pytest.mark.django_db, pytest.mark.real_sign_in]
RIGHT, WRONG = "correct horse battery", "wrong wrong wrong"
HOSPITAL = "192.0.2.1"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def tries(address: str, password: str, name: str = "june") -> bool:
    """Whether a browser at this address is signed in by this password."""
    browser = Client(REMOTE_ADDR=address)
    browser.post("/accounts/login/", {"login": name, "password": password})
    return browser.get("/accounts/session/").status_code == 200


def guess_from_many(name: str = "june") -> None:
    """As many guesses as one name is allowed, each address well below its own limit."""
    for number in range(settings.MAMMO_NAME_FAILURE_LIMIT):
        assert not tries(f"198.51.100.{number // 3}", WRONG, name)


def put_back(days: int) -> None:
    AccessLog.objects.update(attempt_time=timezone.now() - timedelta(days=days))


def test_a_name_tried_from_many_addresses_is_locked_for_the_next_one(june: User) -> None:
    guess_from_many()
    cache.clear()  # it stands in the database
    assert not tries("203.0.113.9", RIGHT)
    assert AccessAttempt.objects.count() == settings.MAMMO_NAME_FAILURE_LIMIT // 3


def test_the_doctor_works_on_where_she_signed_in_lately(june: User) -> None:
    assert tries(HOSPITAL, RIGHT)
    guess_from_many()
    assert tries(HOSPITAL, RIGHT)
    put_back(days=29)
    assert tries(HOSPITAL, RIGHT)
    put_back(days=31)
    assert not tries(HOSPITAL, RIGHT)


def test_her_own_address_is_locked_after_eight_all_the_same(june: User) -> None:
    assert tries(HOSPITAL, RIGHT)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        tries(HOSPITAL, WRONG)
    assert not tries(HOSPITAL, RIGHT)


def test_an_address_known_for_another_account_is_not_hers(june: User, jack: User) -> None:
    assert tries(HOSPITAL, RIGHT, "jack")
    guess_from_many()
    assert not tries(HOSPITAL, RIGHT)
    assert tries(HOSPITAL, RIGHT, "jack"), "and the others go on"


def test_one_address_locks_nobody_out_anywhere_else(june: User) -> None:
    """However often it tries: what is refused is not counted."""
    for _ in range(2 * settings.MAMMO_NAME_FAILURE_LIMIT):
        tries("198.51.100.1", WRONG)
    assert tries(HOSPITAL, RIGHT)


def test_the_lock_of_a_name_ends_by_itself(june: User) -> None:
    guess_from_many()
    assert not tries(HOSPITAL, RIGHT)
    before = timezone.now() - timedelta(hours=settings.AXES_COOLOFF_TIME, seconds=1)
    AccessAttempt.objects.update(attempt_time=before)
    assert tries(HOSPITAL, RIGHT)


def test_a_new_password_of_an_administrator_opens_it_too(june: User, site: Site) -> None:
    admin = person(site, "Adam", "admin")
    guess_from_many()
    assert tries(HOSPITAL, renew_password(june, by_user=admin))


def test_capitals_make_no_further_count(june: User) -> None:
    names = ("june", "June", "JUNE", " jUNE", "ｊune")
    for number in range(settings.AXES_FAILURE_LIMIT):
        assert not tries(HOSPITAL, WRONG, names[number % len(names)])
    for name in names:
        assert not tries(HOSPITAL, RIGHT, name), name
    assert tries("203.0.113.9", RIGHT, "JUNE")


def test_an_unknown_name_is_locked_alike(june: User) -> None:
    guess_from_many("nobody-here")
    answers = [
        Client(REMOTE_ADDR="203.0.113.9").post(
            "/accounts/login/", {"login": "nobody-here", "password": WRONG}
        )
    ]
    guess_from_many()
    answers.append(
        Client(REMOTE_ADDR="203.0.113.9").post("/accounts/login/", {"login": "june", "password": WRONG})
    )
    assert [answer.status_code for answer in answers] == [429, 429]
