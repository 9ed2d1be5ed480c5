"""Sessions end by themselves, sign-ins are locked after bad passwords, cookies are closed to scripts."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from mammo.accounts.models import AuditEvent, User

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
MINUTE = 60


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    """Rates are counted in the cache, which outlives a test."""
    cache.clear()


def move_clocks(client: Client, **minutes: float) -> None:
    """Put the session's clocks back by so many minutes."""
    session = client.session
    for name, count in minutes.items():
        session[f"mammo_{name}"] -= count * MINUTE
    session.save()


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/session/", headers={"HX-Request": "true"}).status_code == 200


@pytest.mark.parametrize(("name", "limit"), [("dana", 30), ("june", 120)])
def test_an_idle_session_ends(request: pytest.FixtureRequest, client: Client, name: str, limit: int) -> None:
    client.force_login(request.getfixturevalue(name))
    move_clocks(client, seen=limit - 1)
    assert is_signed_in(client)
    move_clocks(client, seen=2)
    assert not is_signed_in(client)
    assert client.get("/").headers["Location"].startswith("/accounts/login/")
    assert AuditEvent.objects.get(action="accounts.session_ended").details == {"why": "idle"}


def test_a_persons_acts_keep_a_session_alive_and_a_pages_own_questions_do_not(
    client: Client, dana: User
) -> None:
    client.force_login(dana)
    for _ in range(3):
        move_clocks(client, seen=20)
        assert client.get("/archive/imports/").status_code == 200
    move_clocks(client, seen=20)
    client.get("/home/progress/", headers={"HX-Request": "true"})
    move_clocks(client, seen=20)
    assert not is_signed_in(client)


def test_a_session_ends_after_a_working_day_however_busy(client: Client, june: User) -> None:
    client.force_login(june)
    move_clocks(client, opened=12 * 60 + 1)
    assert not is_signed_in(client)
    assert AuditEvent.objects.get(action="accounts.session_ended").details == {"why": "absolute"}


def test_a_session_without_clocks_is_over(client: Client, june: User) -> None:
    client.force_login(june)
    session = client.session
    for name in ("mammo_opened", "mammo_seen", "mammo_idle"):
        del session[name]
    session.save()
    assert not is_signed_in(client)


def test_signing_out_kills_the_session_on_the_server(client: Client, june: User) -> None:
    client.force_login(june)
    stolen = Client(cookies=client.cookies)
    stolen.cookies = client.cookies.copy()
    assert is_signed_in(stolen)
    client.post("/accounts/logout/")
    assert not is_signed_in(stolen)


def test_the_session_gets_a_new_name_at_sign_in(client: Client, june: User) -> None:
    """Session fixation: a name planted before signing in is worth nothing after."""
    client.get("/accounts/login/")
    session = client.session
    session["planted"] = 1
    session.save()
    client.cookies["sessionid"] = session.session_key or ""
    before = session.session_key
    client.post("/accounts/login/", {"login": "june", "password": "correct horse battery"})
    assert client.session.session_key != before
    assert is_signed_in(client)


def test_the_session_cookie_is_closed_to_scripts_and_ends_with_the_browser(
    client: Client, june: User
) -> None:
    client.post("/accounts/login/", {"login": "june", "password": "correct horse battery"})
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["max-age"]


def test_a_post_without_its_token_is_refused(june: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(june)
    assert strict.post("/annotation/correct/next/").status_code == 403


def test_eight_bad_passwords_lock_the_sign_in_even_for_the_right_one(client: Client, june: User) -> None:
    for _ in range(8):
        answer = client.post("/accounts/login/", {"login": "june", "password": "wrong wrong wrong"})
    assert answer.status_code in (200, 429)
    answer = client.post("/accounts/login/", {"login": "june", "password": "correct horse battery"})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()
    assert not is_signed_in(client)
    taken = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"accounts.sign_in_failed", "accounts.locked_out"} <= taken
    assert "june" not in str(AuditEvent.objects.filter(action__contains="fail").values()), (
        "names typed are not kept"
    )


def test_a_lock_of_one_account_leaves_the_others(client: Client, june: User, jack: User) -> None:
    for _ in range(8):
        client.post("/accounts/login/", {"login": "june", "password": "wrong wrong wrong"})
    client.post("/accounts/login/", {"login": "jack", "password": "correct horse battery"})
    assert is_signed_in(client)


def test_unknown_name_and_wrong_password_are_answered_alike(client: Client, june: User) -> None:
    pages = []
    for name in ("june", "nobody-here"):
        answer = client.post("/accounts/login/", {"login": name, "password": "wrong wrong wrong"})
        text = answer.content.decode().replace(f'value="{name}"', 'value="…"')
        pages.append((answer.status_code, [line for line in text.splitlines() if "csrf" not in line.lower()]))
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/signup/", "/accounts/email/", "/accounts/password/set/", "/accounts/login/code/confirm/",
        "/accounts/password/reset/key/abc-def/", "/accounts/password/reset/done/", "/accounts/confirm-email/x/",
    ],
)  # fmt: skip
def test_what_allauth_brings_beside_signing_in_is_closed(client: Client, june: User, address: str) -> None:
    assert client.get(address).status_code == 404
    client.force_login(june)
    assert client.get(address).status_code == 404
    assert client.post(address).status_code == 404


def production(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAMMO_", "DJANGO_"))}
    return {
        **kept,
        "MAMMO_HOME": os.environ["MAMMO_HOME"],
        "MAMMO_PRODUCTION": "1",
        "MAMMO_SECRET_KEY": "k9" * 40 + "!xQ7z",
        "MAMMO_HOSTS": "mammo.example.org",
        **more,
    }


def test_the_deployment_check_finds_nothing_under_production_settings() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=production(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout


def test_cookies_in_production_are_bound_to_the_host_and_https() -> None:
    names = [
        "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE",
        "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "MAMMO_DEMO", "DEBUG",
    ]  # fmt: skip
    code = f"from mammo import settings as s; print([getattr(s, n) for n in {names}])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=production(PYTHONPATH="platform"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == str(
        ["__Host-session", True, "__Host-csrf", True, True, 31536000, False, False]
    ), done.stderr


def test_the_clocks_are_read_from_the_environment() -> None:
    code = "from mammo import settings as s; print(s.MAMMO_SESSION_IDLE_MINUTES, s.SESSION_COOKIE_AGE)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
        env=production(PYTHONPATH="platform", MAMMO_SESSION_IDLE_MINUTES="15", MAMMO_SESSION_HOURS="8"),
    )  # fmt: skip
    assert done.stdout.split() == ["15.0", str(8 * 3600)], done.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"MAMMO_DEMO": "1"}, "MAMMO_DEMO: demo sign-ins are never allowed with MAMMO_PRODUCTION=1"),
        ({"signins.json": "{}"}, "MAMMO_DEMO: demo sign-ins are never allowed with MAMMO_PRODUCTION=1"),
        ({"MAMMO_SECRET_KEY": ""}, "MAMMO_SECRET_KEY is not set; give a long random string"),
    ],
    ids=["asked for", "left in the home", "no secret key"],
)
@pytest.mark.parametrize(
    "start", [("manage.py", "check"), ("-c", "import mammo.asgi")], ids=["command", "web"]
)
def test_production_does_not_start_with_demo_sign_ins_or_without_a_secret_key(
    tmp_path: Path, given: dict[str, str], says: str, start: tuple[str, ...]
) -> None:
    variables = {name: value for name, value in given.items() if name.isupper()}
    if signins := given.get("signins.json"):
        (tmp_path / "demo").mkdir()
        (tmp_path / "demo" / "signins.json").write_text(signins)
    done = subprocess.run(
        [sys.executable, *start], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env=production(MAMMO_HOME=str(tmp_path), PYTHONPATH="platform", **variables),
    )  # fmt: skip
    assert done.returncode != 0
    assert says in done.stderr
    assert not (tmp_path / "secret_key").exists(), "none is made up"


@pytest.mark.slow
def test_the_demo_refuses_to_run_in_production(tmp_path: Path) -> None:
    # A size that the demo refuses as well: without its own refusal nothing is built here either.
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--serve", "0", "--studies", "1", "--patients", "1"], cwd=ROOT,
        env=production(MAMMO_HOME=str(tmp_path)), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "MAMMO_PRODUCTION is set: the demo makes accounts with public passwords" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "db.sqlite3").exists()


def test_time_is_what_ends_a_session(client: Client, june: User, settings: Any) -> None:
    """With real time, no clock put back."""
    settings.MAMMO_SESSION_IDLE_MINUTES_OTHERS = 2 / MINUTE
    for _ in range(5):  # a busy machine may need longer than the limit to ask
        client.force_login(june)
        began = time.monotonic()
        if is_signed_in(client):
            break
        assert time.monotonic() - began > 2
    else:
        pytest.fail("the machine never answered within two seconds")
    time.sleep(2.2)
    assert not is_signed_in(client)
