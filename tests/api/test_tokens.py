"""Tokens: scoped, expiring, hashed at rest, made by their own account and shown once."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from mammo.accounts.models import AuditEvent, User
from mammo.api.models import ApiToken
from mammo.api.tokens import create_token, revoke_token
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from tests.api.conftest import Caller

ME = "/api/v1/me/"


def bearer(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def test_a_token_opens_the_interface_in_its_accounts_name(rita: User) -> None:
    token, secret = create_token(rita, "export", scopes=["read:trials"], days=30, by_user=rita)
    answer = bearer(secret).get(ME)
    assert answer.status_code == 200
    body = answer.json()
    assert body["username"] == "rita"
    assert body["roles"] == [{"site": "north", "role": "researcher"}]
    assert body["token"]["scopes"] == ["read:trials"]
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_the_database_holds_no_secret(rita: User) -> None:
    _token, secret = create_token(rita, "export", scopes=["read:trials"], days=30, by_user=rita)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM api_apitoken")
        stored = repr(cursor.fetchall())
    assert secret not in stored
    assert secret.removeprefix("mammo_")[:20] not in stored
    assert secret not in repr(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    "how", ["unknown", "expired", "revoked", "inactive", "garbled", "empty", "not ascii"]
)
def test_every_unusable_token_gets_the_same_answer(rita: User, how: str) -> None:
    token, secret = create_token(rita, "export", scopes=["read:trials"], days=30, by_user=rita)
    if how == "expired":
        ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    elif how == "revoked":
        revoke_token(token, by_user=rita)
    elif how == "inactive":
        User.objects.filter(pk=rita.pk).update(is_active=False)
    else:
        secret = {"unknown": "mammo_" + "x" * 43, "garbled": f"{secret} more", "empty": ""}.get(how, "é")
    answer = bearer(secret).get(ME)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {
        "code": "authentication_failed",
        "detail": "This token is not valid: unknown, expired or revoked.",
    }


def test_a_stranger_is_asked_for_a_token(db: None) -> None:
    answer = Client().get("/api/v1/studies/")
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"


def test_a_scope_opens_its_own_room_only(rita: User, caller: Caller) -> None:
    client = caller(rita, "read:trials")
    assert client.get("/api/v1/trials/").status_code == 200
    refused = client.get("/api/v1/studies/")
    assert refused.status_code == 403
    assert refused.json() == {"code": "missing_scope", "detail": "This token lacks the scope “read:studies”."}


def test_reading_does_not_let_write(rita: User, caller: Caller) -> None:
    client = caller(rita, "read:jobs")
    answer = client.post(f"/api/v1/jobs/{uuid.uuid4()}/cancel/", content_type="application/json")
    assert answer.status_code == 403
    assert "write:jobs" in answer.json()["detail"]


def test_no_scope_gives_more_than_the_account_has(june: User, house: Any, caller: Caller) -> None:
    assert caller(june).get("/api/v1/studies/").json()["results"] == []


def test_a_session_works_too_and_needs_its_csrf_token(rita: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(rita)
    assert client.get(ME).json()["token"] is None
    answer = client.post(f"/api/v1/jobs/{uuid.uuid4()}/cancel/", content_type="application/json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


def test_nobody_makes_or_ends_a_token_of_another(rita: User, june: User) -> None:
    with pytest.raises(NotAllowedError):
        create_token(june, "x", scopes=["read:jobs"], days=1, by_user=rita)
    token, _secret = create_token(june, "x", scopes=["read:jobs"], days=1, by_user=june)
    with pytest.raises(NotAllowedError):
        revoke_token(token, by_user=rita)


@pytest.mark.parametrize(
    ("name", "scopes", "days", "said"),
    [
        ("", ["read:jobs"], 1, "name"),
        ("x", [], 1, "none chosen"),
        ("x", ["read:everything"], 1, "read:everything: unknown"),
        ("x", ["read:jobs"], 0, "outside 1 to 366"),
        ("x", ["read:jobs"], 367, "outside 1 to 366"),
    ],
)
def test_a_token_out_of_bounds_is_refused(rita: User, name: str, scopes: Any, days: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        create_token(rita, name, scopes=scopes, days=days, by_user=rita)
    assert not ApiToken.objects.exists()


def test_making_and_revoking_are_in_the_trail(rita: User) -> None:
    token, _secret = create_token(rita, "x", scopes=["read:jobs"], days=1, by_user=rita)
    revoke_token(token, by_user=rita)
    with pytest.raises(WrongStateError):
        revoke_token(token, by_user=rita)
    events = AuditEvent.objects.filter(action__startswith="api.").order_by("sequence")
    assert [(event.action, event.actor, event.object_id) for event in events] == [
        ("api.token_created", rita, str(token.pk)),
        ("api.token_revoked", rita, str(token.pk)),
    ]


def test_the_page_shows_the_secret_once(rita: User, client: Client) -> None:
    client.force_login(rita)
    page = client.get("/api/tokens/new/").content.decode()
    key = re.search(r'name="idempotency_key" value="([^"]+)"', page)
    assert key is not None
    assert "read:imports" not in page, "a researcher is offered a data manager's scope"
    sent = {"name": "export", "days": "30", "scopes": ["read:trials"], "idempotency_key": key[1]}
    made = client.post("/api/tokens/new/", sent)
    secret = re.search(r"mammo_[\w-]{43}", made.content.decode())
    assert secret is not None
    assert bearer(secret[0]).get(ME).status_code == 200
    assert "no-store" in made.headers["Cache-Control"]
    again = client.post("/api/tokens/new/", sent)
    assert (again.status_code, again.content) == (204, b"")
    listed = client.get("/api/tokens/").content.decode()
    assert secret[0] not in listed
    assert secret[0][-4:] in listed
    token = ApiToken.objects.get()
    client.post(f"/api/tokens/{token.pk}/revoke/", {"idempotency_key": str(uuid.uuid4())})
    assert bearer(secret[0]).get(ME).status_code == 401


def test_the_page_knows_nothing_of_anothers_token(rita: User, june: User, client: Client) -> None:
    token, _secret = create_token(june, "mine", scopes=["read:jobs"], days=1, by_user=june)
    client.force_login(rita)
    assert "mine" not in client.get("/api/tokens/").content.decode()
    answer = client.post(f"/api/tokens/{token.pk}/revoke/", {"idempotency_key": str(uuid.uuid4())})
    assert answer.status_code == 404
    token.refresh_from_db()
    assert token.state == "usable"


def test_a_token_makes_no_token(rita: User, caller: Caller) -> None:
    answer = caller(rita).post("/api/tokens/new/", {"name": "x", "days": 1, "scopes": ["read:jobs"]})
    assert answer.status_code == 302, "pages know the session only"
    assert ApiToken.objects.count() == 1


def test_the_operator_makes_lists_and_revokes(rita: User, capsys: Any) -> None:
    call_command("api_token", "create", "rita", name="cron", scope=["read:jobs"], days=7)
    secret = capsys.readouterr().out.strip()
    assert bearer(secret).get(ME).status_code == 200
    call_command("api_token", "list", "rita")
    assert "cron" in capsys.readouterr().out
    token = ApiToken.objects.get()
    call_command("api_token", "revoke", str(token.pk))
    assert bearer(secret).get(ME).status_code == 401
    with pytest.raises(CommandError, match="no such account"):
        call_command("api_token", "create", "nobody", name="x", scope=["read:jobs"])
    with pytest.raises(CommandError, match="no such token"):
        call_command("api_token", "revoke", "17")


def test_guessing_is_slowed(db: None, settings: Any) -> None:
    settings.MAMMO_API_RATES = {"token": "9/min", "account": "9/min", "anonymous": "3/min"}
    cache.clear()
    answers = [bearer("mammo_guess").get(ME) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_each_caller_has_a_rate_of_its_own(rita: User, june: User, caller: Caller, settings: Any) -> None:
    settings.MAMMO_API_RATES = {"token": "2/min", "account": "3/min", "anonymous": "1/min"}
    cache.clear()
    one, other, session = caller(rita), caller(june), Client()
    session.force_login(rita)
    assert [one.get(ME).status_code for _ in range(3)] == [200, 200, 429]
    assert other.get(ME).status_code == 200, "another token is counted by itself"
    assert [session.get(ME).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [Client().get(ME).status_code for _ in range(2)] == [401, 429]
