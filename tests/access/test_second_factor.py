"""The second factor: demanded of those who see raw data or change what others rely on, before anything else."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as app_codes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from mammo.accounts import single_use
from mammo.accounts.adapter import SealedMFAAdapter
from mammo.accounts.models import AuditEvent, User
from mammo.accounts.services import create_account, remove_second_factors
from mammo.accounts.single_use import is_used_up

pytestmark = [pytest.mark.django_db, pytest.mark.real_sign_in]
PASSWORD = "correct horse battery"
INDEX, ACTIVATE = "/accounts/2fa/", "/accounts/2fa/totp/activate/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves on the clock by which codes are judged, which stands still otherwise, and empties the cache, in which
    allauth remembers them."""
    now = [time.time() // 30 * 30 + 5]
    monkeypatch.setattr(app_codes, "time", SimpleNamespace(time=lambda: now[0]))

    def move(seconds: float) -> None:
        now[0] += seconds
        cache.clear()

    return move


def sign_in(client: Client, name: str, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": name, "password": password})


def code_of(secret: str) -> str:
    """What an app with this secret shows now."""
    return format_hotp_value(hotp_value(secret, int(app_codes.time.time()) // 30))


def set_up_app(client: Client) -> str:
    """Set an app up as the page asks for it; returns its secret."""
    page = client.get(ACTIVATE).content.decode()
    (secret,) = re.findall(r'id="authenticator_secret"[^>]* value="([A-Z2-7]+)"', page)
    # The test's own transaction never ends; on the site the callback runs before the session is saved.
    with mock.patch("django.db.transaction.on_commit", lambda act, **how: act()):
        answer = client.post(ACTIVATE, {"code": code_of(secret)})
    assert answer.status_code == 302, answer.content.decode()
    return secret


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))


@pytest.mark.parametrize("role", ["data_manager", "researcher", "admin"])
def test_a_role_that_demands_one_reaches_nothing_else_before(client: Client, site: Any, role: str) -> None:
    create_account("dana", password=PASSWORD, roles={role: [site]}, by_user=None)
    sign_in(client, "dana")
    for address in (
        "/",
        "/jobs/",
        "/archive/imports/",
        "/evaluation/",
        "/modeling/runs/",
        "/accounts/audit/",
    ):
        answer = client.get(address)
        assert (answer.status_code, answer.headers.get("Location")) == (302, INDEX), address
    assert client.get("/jobs/", headers={"HX-Request": "true"}).status_code == 403
    assert client.get("/accounts/session/").status_code == 401
    assert client.get("/accounts/2fa/recovery-codes/").status_code == 302
    page = client.get(INDEX)
    assert page.status_code == 200
    assert "alert-warning" in page.content.decode()
    set_up_app(client)
    assert client.get("/").status_code == 200
    assert client.get("/accounts/session/").status_code == 200


@pytest.mark.parametrize("role", ["junior", "senior", "author", "statistician", "auditor"])
def test_others_may_do_without(client: Client, site: Any, role: str) -> None:
    create_account("june", password=PASSWORD, roles={role: [site]}, by_user=None)
    assert sign_in(client, "june").headers["Location"] == "/"
    assert client.get("/").status_code == 200


def test_a_superuser_needs_one(client: Client, db: None) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    sign_in(client, "root")
    assert client.get("/admin/").headers["Location"] == INDEX


def test_signing_in_with_an_app_asks_for_its_code(
    client: Client, dana: User, later: Callable[[float], None]
) -> None:
    sign_in(client, "dana")
    secret = set_up_app(client)
    later(31)
    client.post("/accounts/logout/")
    answer = sign_in(client, "dana")
    assert answer.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert client.get("/jobs/").headers["Location"].startswith("/accounts/login/"), "not signed in yet"
    wrong = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert wrong.status_code == 200
    assert client.get("/accounts/session/").status_code == 401
    answer = client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert answer.status_code == 302
    assert client.get("/jobs/").status_code == 200
    assert "accounts.second_factor_added" in actions()
    assert "accounts.second_factor_failed" in actions()
    assert AuditEvent.objects.filter(action="accounts.signed_in").last().details["second_factor"] == "totp"  # type: ignore[union-attr]


def test_codes_are_not_guessed_without_limit(
    client: Client, dana: User, later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten wrong codes, over several sign-ins, addresses and web processes (each has a cache of its own), and the right
    one is refused too; allauth's own limit of five would not be ours."""
    sign_in(client, "dana")
    secret = set_up_app(client)
    later(60)
    for number in range(10):
        guesser = Client(REMOTE_ADDR=f"198.51.100.{number}")
        sign_in(guesser, "dana")
        answer = guesser.post("/accounts/2fa/authenticate/", {"code": f"{number:06d}"})
        assert "Incorrect code" in answer.content.decode(), number
        cache.clear()  # the next one is asked in another process
    assert actions().count("accounts.second_factor_failed") == 10
    guesser = Client(REMOTE_ADDR="203.0.113.9")
    sign_in(guesser, "dana")
    answer = guesser.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert "Too many failed login attempts" in answer.content.decode()
    assert guesser.get("/accounts/session/").status_code == 401
    assert actions().count("accounts.second_factor_failed") == 10, "it was not even compared"
    later(60)
    monkeypatch.setattr(single_use, "WITHIN", timedelta(0))  # five minutes on
    sign_in(guesser, "dana")
    guesser.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert guesser.get("/accounts/session/").status_code == 200


def shown(client: Client, code: str) -> int:
    """Sign in anew as Dana with this code; how the session answers then."""
    client.post("/accounts/logout/")
    sign_in(client, "dana")
    client.post("/accounts/2fa/authenticate/", {"code": code})
    return client.get("/accounts/session/").status_code


def test_a_code_is_good_once(client: Client, dana: User, later: Callable[[float], None]) -> None:
    """Also in another process (an empty cache), and in the half minute after, in which an unused one is accepted."""
    sign_in(client, "dana")
    secret = set_up_app(client)
    later(60)
    unused = code_of(secret)
    later(30)
    assert shown(client, unused) == 200, "a phone that is half a minute late"
    later(60)
    code = code_of(secret)
    assert shown(client, code) == 200
    assert shown(client, code) == 401
    later(0)
    assert shown(client, code) == 401, "another process"
    later(31)
    assert shown(client, code) == 401, "31 seconds later"
    assert shown(client, code_of(secret)) == 200


def test_the_code_that_set_an_app_up_opens_nothing_more(
    client: Client, dana: User, later: Callable[[float], None]
) -> None:
    sign_in(client, "dana")
    code = code_of(set_up_app(client))
    later(31)
    assert shown(client, code) == 401


def test_a_code_before_the_newest_used_one_is_refused(
    client: Client, dana: User, later: Callable[[float], None]
) -> None:
    sign_in(client, "dana")
    secret = set_up_app(client)
    later(60)
    earlier = code_of(secret)
    later(31)
    assert shown(client, code_of(secret)) == 200
    assert shown(client, earlier) == 401


def test_a_used_code_does_not_open_a_page_that_asks_once_more(
    client: Client, dana: User, later: Callable[[float], None]
) -> None:
    sign_in(client, "dana")
    secret = set_up_app(client)
    later(31)
    code = code_of(secret)
    assert shown(client, code) == 200
    later(31)
    again = {"code": code, "next": "/jobs/"}
    assert client.post("/accounts/2fa/reauthenticate/", again).status_code == 200, (
        "refused: the form once more"
    )
    assert client.post("/accounts/2fa/reauthenticate/", again | {"code": code_of(secret)}).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_of_eight_that_show_one_code_at_once_one_is_let_in(dana: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(dana, secret)
    code, start = code_of(secret), Barrier(8)

    def show(_: int) -> bool:
        start.wait()
        try:
            return not is_used_up(dana, code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(show, range(8))) == 1


def test_a_recovery_code_opens_once(client: Client, dana: User) -> None:
    sign_in(client, "dana")
    set_up_app(client)
    page = client.get("/accounts/2fa/recovery-codes/").content.decode()
    code = re.findall(r">(\d{8})\n", page)[0]
    for expected in (200, 401):
        client.post("/accounts/logout/")
        sign_in(client, "dana")
        client.post("/accounts/2fa/authenticate/", {"code": code})
        assert client.get("/accounts/session/").status_code == expected


def test_the_mark_belongs_to_one_account(client: Client, dana: User, june: User, site: Any) -> None:
    """A session that changes hands asks again."""
    sign_in(client, "dana")
    set_up_app(client)
    client.force_login(create_account("dora", password=PASSWORD, roles={"admin": [site]}, by_user=None))
    assert client.get("/jobs/").headers["Location"] == INDEX


def test_a_factor_added_elsewhere_must_be_shown_here(client: Client, dana: User) -> None:
    """A thief of a session that never showed one can't set up another app beside the owner's."""
    sign_in(client, "dana")
    other = Client()
    sign_in(other, "dana")
    set_up_app(other)
    assert client.get("/jobs/").headers["Location"].startswith("/accounts/2fa/reauthenticate/")
    for address in (INDEX, ACTIVATE, "/accounts/2fa/webauthn/add/", "/accounts/2fa/recovery-codes/"):
        assert client.get(address).headers["Location"].startswith("/accounts/2fa/reauthenticate/")


def test_without_a_last_factor_everything_closes_again(client: Client, dana: User) -> None:
    sign_in(client, "dana")
    set_up_app(client)
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=dana).exists()
    assert client.get("/jobs/").headers["Location"] == INDEX
    assert "accounts.second_factor_removed" in actions()


def test_secrets_are_not_readable_in_the_database(client: Client, dana: User) -> None:
    sign_in(client, "dana")
    secret = set_up_app(client)
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    row = Authenticator.objects.get(user=dana, type="totp")
    assert SealedMFAAdapter().decrypt(row.data["secret"]) == secret


def test_an_old_sign_in_must_be_confirmed_before_a_factor_is_set_up(client: Client, june: User) -> None:
    sign_in(client, "june")
    session = client.session
    session["account_authentication_methods"] = [
        {**record, "at": record["at"] - 600} for record in session["account_authentication_methods"]
    ]
    session.save()
    assert client.get(ACTIVATE).headers["Location"].startswith("/accounts/reauthenticate/")


def test_a_lost_phone_is_removed_with_a_reason(client: Client, dana: User) -> None:
    sign_in(client, "dana")
    set_up_app(client)
    with pytest.raises(CommandError, match="there is none"):
        call_command("remove_second_factor", "nobody", "--reason", "x")
    with pytest.raises(CommandError, match="--reason"):
        call_command("remove_second_factor", "dana", "--reason", " ")
    call_command("remove_second_factor", "dana", "--reason", "phone lost", "--json")
    event = AuditEvent.objects.get(action="accounts.second_factors_removed")
    assert (event.reason, event.details["removed"]) == ("phone lost", 2)
    assert remove_second_factors(dana, by_user=None) == 0


def test_in_a_demos_home_a_real_account_still_needs_one(client: Client, dana: User, settings: Any) -> None:
    settings.MAMMO_DEMO = True
    sign_in(client, "dana")
    assert client.get("/jobs/").headers["Location"] == INDEX


@pytest.mark.parametrize(("is_demo", "status"), [(True, 200), (False, 302)])
def test_the_demos_own_accounts_alone_are_exempt_and_in_the_demo_alone(
    client: Client, site: Any, settings: Any, is_demo: bool, status: int
) -> None:
    settings.MAMMO_DEMO = is_demo
    create_account("visitor", password=PASSWORD, roles={"admin": [site]}, by_user=None, is_simulated=True)
    sign_in(client, "visitor")
    assert client.get("/jobs/").status_code == status
