"""The second factor: demanded of those who see raw data or change what others rely on, before anything else."""

import re
from typing import Any
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.management import CommandError, call_command
from django.test import Client

from mammo.accounts.models import AuditEvent, User
from mammo.accounts.services import create_account, remove_second_factors

pytestmark = [pytest.mark.django_db, pytest.mark.real_sign_in]
PASSWORD = "correct horse battery"
INDEX, ACTIVATE = "/accounts/2fa/", "/accounts/2fa/totp/activate/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    from django.core.cache import cache

    cache.clear()


def sign_in(client: Client, name: str, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": name, "password": password})


def code_of(secret: str) -> str:
    """What an app with this secret shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


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


def test_signing_in_with_an_app_asks_for_its_code(client: Client, dana: User) -> None:
    sign_in(client, "dana")
    secret = set_up_app(client)
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


def test_a_code_is_good_once(client: Client, dana: User) -> None:
    sign_in(client, "dana")
    secret = set_up_app(client)
    code = code_of(secret)
    for expected in (200, 401):
        client.post("/accounts/logout/")
        sign_in(client, "dana")
        client.post("/accounts/2fa/authenticate/", {"code": code})
        assert client.get("/accounts/session/").status_code == expected


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
    from mammo.accounts.adapter import SealedMFAAdapter

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
