"""A NUL in what is sent is answered 400 on both databases: PostgreSQL stores none and would answer 500."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(site: Site) -> Client:
    """Otis's, an auditor and administrator at north."""
    roles = {"auditor": [site], "admin": [site]}
    otis = create_account("otis", password="correct horse battery", roles=roles, by_user=None)
    client = Client(raise_request_exception=False)
    client.force_login(otis)
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/audit/?action=%00",
        "/accounts/audit/?a%00b=1",
        "/accounts/audit/?site=north%00",
        "/ap%00i/v1/",
    ],
)
def test_in_an_address(browser: Client, address: str) -> None:
    assert browser.get(address).status_code == 400


def test_a_program_is_answered_as_by_the_interface(browser: Client) -> None:
    answer = browser.get("/api/v1/studies/?site=%5B%5D+%00")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json()["code"] == "invalid"
    assert "NUL" in answer.json()["detail"]


def test_in_a_form(browser: Client, june: User) -> None:
    fields = {"idempotency_key": str(uuid.uuid4()), "reason": "asked\0"}
    assert browser.post(f"/accounts/people/{june.pk}/second-factors/", fields).status_code == 400
    file = SimpleUploadedFile("anchors.jsonl", b"\0\0")
    answer = browser.post("/accounts/audit/verify/", {"anchors": file, "idempotency_key": str(uuid.uuid4())})
    assert b"anchors.jsonl" in answer.content, "a file's bytes are its view's matter"


def test_in_a_cookie(browser: Client) -> None:
    browser.cookies["sessionid"] = "\0" * 12
    assert browser.get("/accounts/audit/").status_code == 400


def test_other_addresses_and_forms_are_served(browser: Client) -> None:
    assert browser.get("/accounts/audit/?action=accounts").status_code == 200


def test_a_form_where_json_is_wanted_is_refused_and_not_a_fault(browser: Client) -> None:
    assert browser.post("/archive/viewer/preferences/", {"a": "b"}).status_code == 400
