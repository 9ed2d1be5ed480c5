"""Every answer carries the policy and its companions: pages, data, images, downloads, static files, errors."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from mammo.accounts.models import User
from mammo.core.assets import built_folder
from mammo.core.middleware import HEADERS

pytestmark = pytest.mark.django_db


def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


urlpatterns = [path("", include("mammo.urls")), path("breaks/", breaks)]

ADDRESSES = [
    "/accounts/login/", "/healthz", "/about/", "/accounts/session/", "/accounts/2fa/", "/", "/jobs/", "/nothing",
    "/archive/imports/", "/archive/images/00000000-0000-4000-8000-000000000000/view.dcm", "/admin/",
    "/evaluation/score/", "/static/mammo.css", "/static/no-such-file.css", "/breaks/", "/i18n/setlang/",
]  # fmt: skip

LOOSE = {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "data:"}


def policy(answer: HttpResponse) -> dict[str, list[str]]:
    parts = answer.headers["Content-Security-Policy"].split(";")
    return {words[0]: words[1:] for words in (part.split() for part in parts) if words}


def unguarded(answer: HttpResponse) -> list[str]:
    """The headers that the answer lacks, or that say another thing than they must."""
    wrong = [name for name, value in HEADERS.items() if answer.headers.get(name) != value]
    if "Content-Security-Policy" not in answer.headers:
        return [*wrong, "Content-Security-Policy"]
    found = policy(answer)
    closed = ("default-src", "frame-ancestors", "base-uri")
    wrong += [directive for directive in closed if found.get(directive) != ["'none'"]]
    named = ("script-src", "style-src", "connect-src", "form-action")
    return wrong + [
        directive for directive in named if not found.get(directive) or LOOSE & set(found[directive])
    ]


def is_guarded(answer: HttpResponse) -> None:
    assert unguarded(answer) == []


@pytest.mark.parametrize("lost", [*HEADERS, "Content-Security-Policy"])
def test_an_answer_that_lost_a_header_is_found(client: Client, lost: str) -> None:
    answer = client.get("/healthz")
    del answer.headers[lost]
    assert unguarded(answer) == [lost]


@pytest.mark.parametrize(
    ("there", "instead", "directive"),
    [
        ("script-src 'self'", "script-src 'self' 'unsafe-inline'", "script-src"),
        ("default-src 'none'", "default-src 'self'", "default-src"),
        ("form-action 'self'", "form-action *", "form-action"),
    ],
)
def test_a_policy_that_lets_more_by_is_found(
    client: Client, there: str, instead: str, directive: str
) -> None:
    answer = client.get("/healthz")
    said = answer.headers["Content-Security-Policy"]
    assert there in said
    answer.headers["Content-Security-Policy"] = said.replace(there, instead)
    assert unguarded(answer) == [directive]


@pytest.mark.parametrize("signed_in", [False, True])
def test_every_kind_of_answer_is_guarded(client: Client, dana: User, signed_in: bool) -> None:
    if signed_in:
        client.force_login(dana)
    client.raise_request_exception = False
    with override_settings(ROOT_URLCONF="tests.access.test_headers"):
        statuses = {}
        for address in ADDRESSES:
            answer = client.get(address)
            statuses[address] = answer.status_code
            is_guarded(answer)
    assert statuses["/breaks/"] == 500
    assert statuses["/nothing"] == 404
    assert statuses["/static/mammo.css"] == 200
    if signed_in:
        assert statuses["/archive/imports/"] == 200


def test_answers_that_no_view_makes_are_guarded_too(client: Client, june: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(june)
    for answer, status in (
        (strict.post("/jobs/"), 403),  # no token
        (client.get("/", headers={"host": "evil.example"}), 400),  # no such host
        (client.get("/about"), 301),  # the slash that is missing
        (client.delete("/jobs/"), 302),
    ):
        assert answer.status_code == status
        is_guarded(answer)
    with override_settings(SECURE_SSL_REDIRECT=True):
        answer = Client().get("/")  # a fresh one: middleware reads the setting when it is made
        assert answer.status_code == 301
        is_guarded(answer)


@pytest.mark.parametrize(
    "address", ["/", "/jobs/", "/archive/imports/", "/accounts/login/", "/accounts/session/"]
)
def test_pages_are_not_kept_by_the_browser(client: Client, dana: User, address: str) -> None:
    client.force_login(dana)
    assert "no-store" in client.get(address).headers["Cache-Control"]


def test_a_worker_script_carries_the_policy_it_runs_under(client: Client) -> None:
    folder = built_folder()
    if folder is None:
        pytest.skip("the browser files are not built (make setup)")
    answer = client.get(f"/static/built/{folder}/decodeImageFrameWorker.js")
    assert answer.status_code == 200
    is_guarded(answer)


def test_no_template_carries_a_script_or_style_of_its_own() -> None:
    """What the policy would refuse: inline scripts, handlers, styles, and addresses elsewhere."""
    folders = [Path(app) / "templates" for app in ("annotation", "modeling", "evaluation")]
    root = Path(django_settings.BASE_DIR)
    templates = [
        *(root / "platform" / "mammo").rglob("templates/**/*.html"),
        *(found for folder in folders for found in (root / folder).rglob("*.html")),
    ]
    assert len(templates) > 30
    wrong: list[Any] = []
    for template in templates:
        text = template.read_text(encoding="utf-8")
        for needle in (
            "<style",
            " onclick=",
            " onsubmit=",
            " onchange=",
            "javascript:",
            '<div style="',
            '<span style="',
            '<td style="',
            "//cdn",
            "https://unpkg",
        ):
            if needle in text:
                wrong.append((str(template.relative_to(root)), needle))
        for piece in text.split("<script")[1:]:
            head = piece.split(">", 1)[0]
            if "src=" not in head and "application/json" not in head:
                wrong.append((str(template.relative_to(root)), "inline script"))
    assert not wrong
