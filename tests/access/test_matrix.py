"""Every address x every role x own, another's, another hospital's and unknown objects, against the written table."""

import os
import re
import uuid
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.template import Template
from django.test import Client
from django.test.utils import _TestState
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.api.tokens import create_token
from tests.access import matrix
from tests.access.objects import Objects, furnish
from tests.evaluation import scene

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("no_browsers_loop")]

# Of Django's admin stand a few for all: each address goes through the same guard (mammo.core.admin_site).
ADMIN = ("admin:index", "admin:accounts_user_changelist", "admin:annotation_pick_changelist", "admin:login")
# Names that allauth brings and `accounts:closed` or `accounts:password-forgotten` answer before them.
SHADOWED = {
    "account_signup", "account_email", "account_email_verification_sent", "account_set_password",
    "account_reset_password", "account_confirm_login_code", "account_confirm_email",
    "account_reset_password_from_key_done", "account_reset_password_from_key", "account_reset_password_done",
}  # fmt: skip
# Which object the key of an address names.
KINDS = {
    "checkpoint_id": "checkpoint", "consultation_id": "consultation", "turn_id": "turn", "release_id": "release",
    "study_id": "study", "image_id": "image", "batch_id": "batch", "item_id": "item", "job_id": "job",
    "question_id": "question", "campaign_id": "campaign", "run_id": "run", "trial_id": "trial",
    "rater_id": "rater", "slot_id": "slot", "token_id": "token", "site_id": "site",
    "erasure_id": "erasure", "export_id": "export", "upload_id": "upload", "skip_id": "skip",
    "table_id": "table", "fetch_id": "fetch", "cohort_id": "cohort", "split_id": "split", "report_id": "report",
    "user_id": "account", "flag_id": "flag", "phrase_id": "phrase", "approval_id": "approval",
    "protocol_id": "protocol", "asked_id": "asked", "reader_id": "reader", "reading_slot_id": "reading_slot",
    "study_key": "reader_study", "data_export_id": "data_export",
}  # fmt: skip
API_KINDS = {
    "uploads": "upload", "skips": "skip", "flags": "flag", "phrases": "phrase", "news": "news",
    "endpoints": "approval",
    "sites": "site", "studies": "study", "images": "image", "imports": "batch", "jobs": "job",
    "campaigns": "campaign", "questions": "question", "proposals": "proposal", "corrections": "correction",
    "picks": "pick", "exports": "export", "snapshots": "snapshot", "runs": "run", "checkpoints": "checkpoint",
    "protocols": "protocol", "reader-studies": "reader_study",
    "trials": "trial", "arms": "arm", "forms": "slot", "scores": "score",
}  # fmt: skip
# Objects that live for minutes, or under a name only their owner knows: an unknown one is asked for.
ONLY_UNKNOWN = "unknown only"
RANDOM_NAMES = {"archive:upload-piece", "archive:upload-finish"}
OTHER_ARGUMENTS = {
    "purpose": "correct",
    "name": "table_4",
    "study_uid": "1.2.840.1",
    "number": 1,
    "kind": "csv",
    "rest": "nothing",
    "pk": 999_999,
}


def addresses(
    resolver: URLResolver | None = None, namespace: str = "", before: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[str]]]:
    """Name and arguments of every address of the site, but for Django's admin."""
    for pattern in (resolver or get_resolver()).url_patterns:
        arguments = (*before, *(pattern.pattern.converters or pattern.pattern.regex.groupindex))
        if isinstance(pattern, URLPattern):
            yield namespace + (pattern.name or f"unnamed:{pattern.pattern}"), list(arguments)
        elif pattern.namespace != "admin":
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from addresses(pattern, inner, arguments)


def kind_of(name: str, arguments: list[str]) -> str:
    """The kind of object that the address names; empty for none."""
    room, _, short = name.partition(":")
    if room == "annotation" and (short.startswith("pick") or short == "return"):
        return "corrected" if arguments else ""
    if name in ("jobs:retry", "api:jobs-retry"):
        return "failed_job"
    if (room == "api" and arguments == ["pk"]) or (room == "api" and arguments[:1] == ["pk"]):
        room_of_api = "reader-studies" if short.startswith("reader-studies-") else short.split("-")[0]
        found = API_KINDS.get(room_of_api, "unknown kind")
        return "corrected" if short == "questions-pick" else found
    named = [KINDS[argument] for argument in arguments if argument in KINDS]
    if named:
        return named[0]
    return ONLY_UNKNOWN if set(arguments) - set(OTHER_ARGUMENTS) or name in RANDOM_NAMES else ""


def address_of(name: str, arguments: list[str], key: Any) -> str:
    """The address with this object's key."""
    given = {}
    for argument in arguments:
        is_key = argument in KINDS or (argument == "pk" and name.startswith("api:"))
        if is_key or kind_of(name, arguments) == ONLY_UNKNOWN:
            given[argument] = key if is_key else uuid.uuid4()
        else:
            given[argument] = OTHER_ARGUMENTS[argument]
    if name == "accounts:closed":
        return "/accounts/signup/"
    return reverse(name, kwargs=given)


class Hospital:
    """The two hospitals, everybody of the table, and a browser for each."""

    def __init__(self, north: Site, south: Site) -> None:
        roles = {
            "june": "junior", "jack": "junior", "sena": "senior", "sol": "senior", "ada": "author",
            "dana": "data_manager", "rita": "researcher", "stan": "statistician", "otis": "auditor",
            "adam": "admin",
        }  # fmt: skip
        people = {name: scene.person(north, name.title(), role) for name, role in roles.items()}
        strangers = {name: scene.person(south, f"{name}-south", roles[name]) for name in ("june", "jack", "sena", "sol", "rita")}  # fmt: skip  # noqa: E501
        self.ours: Objects = furnish(north, people)
        self.theirs: Objects = furnish(south, strangers)
        for keys, owner in (
            (self.ours.own, people["june"]),
            (self.ours.anothers, people["dana"]),
            (self.theirs.own, strangers["june"]),
        ):
            keys["token"] = create_token(owner, "one", scopes=["read:jobs"], days=5, by_user=owner)[0].pk
        people["root"] = User.objects.create_superuser("root", password="correct horse battery")
        people["nina"] = create_account("nina", password="correct horse battery", roles={}, by_user=None)
        self.browsers: dict[str, Client] = {}
        self.cookies: dict[str, Any] = {}
        for name in matrix.PEOPLE:
            self.browsers[name] = Client(raise_request_exception=False)
            if name:
                self.browsers[name].force_login(people[name])
            self.cookies[name] = self.browsers[name].cookies.output()

    def ask(self, person: str, method: str, address: str) -> tuple[int, str]:
        """Status and body (without what differs from one asking to the next); what it changed is undone."""
        browser = self.browsers[person]
        cache.clear()  # rates are counted there
        kept = {name: morsel.value for name, morsel in browser.cookies.items()}
        with transaction.atomic():
            data = {"idempotency_key": str(uuid.uuid4())}
            answer = browser.post(address, data) if method == "POST" else browser.get(address)
            body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
            transaction.set_rollback(True)
        browser.cookies.clear()
        for name, value in kept.items():
            browser.cookies[name] = value
        return answer.status_code, comparable(body.decode(errors="replace"), address)

    def new_line(self, name: str, arguments: list[str]) -> matrix.Row:
        """An empty line for an address that has none: by GET, or by POST where GET is refused."""
        kind = kind_of(name, arguments)
        status, _ = self.ask("root", "GET", address_of(name, arguments, uuid.uuid4() if kind else None))
        return matrix.Row(name, "POST" if status == 405 else "GET", kind, ("?",) * len(matrix.PEOPLE))

    def cell(
        self, person: str, name: str, arguments: list[str], method: str, kind: str
    ) -> tuple[str, list[str]]:
        """The statuses of one cell, and what is wrong with it beside them."""
        if kind in ("", ONLY_UNKNOWN):
            status, _ = self.ask(person, method, address_of(name, arguments, uuid.uuid4()))
            return str(status), []
        keys = [self.ours.own[kind]]
        if kind in matrix.PERSONAL:
            keys.append(self.ours.anothers[kind])
        keys += [self.theirs.own[kind], uuid.uuid4()]
        answers = [self.ask(person, method, address_of(name, arguments, key)) for key in keys]
        unknown = answers[-1]
        wrong = [
            f"{person or 'signed out'} {method} {name}: a forbidden object does not look like an unknown one: "
            f"{first_difference(answer[1], unknown[1])}"
            for answer in answers[:-1]
            if answer[0] in (403, 404) and answer != unknown
        ]
        if answers[-2] != unknown:
            wrong.append(
                f"{person or 'signed out'} {method} {name}: another hospital's object is not unknown"
            )
        return " ".join(str(status) for status, _ in answers), wrong


def first_difference(one: str, other: str) -> str:
    """The first lines that differ."""
    pairs = zip_longest(one.splitlines(), other.splitlines(), fillvalue="(end)")
    return next((f"{a.strip()[:120]!r} / {b.strip()[:120]!r}" for a, b in pairs if a != b), "the status")


def comparable(body: str, address: str) -> str:
    """The body without tokens, and without the address itself."""
    body = re.sub(
        r'(csrfmiddlewaretoken" value=|X-CSRFToken":|X-CSRFToken&quot;:) ?["&quot;]*[A-Za-z0-9]+', "", body
    )
    for found in (address, address.replace("/", "%2F")):
        body = body.replace(found, "ADDRESS")
    return re.sub(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "KEY", body) if len(body) < 400 else body


def test_every_address_has_its_line() -> None:
    listed = {row.name for row in matrix.read()}
    there = {name for name, _ in addresses()} - SHADOWED | set(ADMIN)
    assert sorted(there - listed) == [], "addresses that matrix.tsv does not name: decide who reaches them"
    assert sorted(listed - there) == [], "lines of matrix.tsv without an address"


def test_the_page_shows_the_table() -> None:
    assert matrix.PAGE.read_text(encoding="utf-8") == matrix.page(matrix.read()), (
        "python -m tests.access.matrix"
    )


def test_the_site_is_as_the_table_says(site: Site, other_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """MAMMO_WRITE_MATRIX=1 writes what the site does into the table, with lines for new addresses: for a person
    to judge, line by line, before it is committed."""
    # Thousands of answers: the test client's notes on every template (with copies of their contexts) are left out.
    monkeypatch.setattr(Template, "_render", _TestState.saved_data.template_render)
    hospital = Hospital(site, other_site)
    known = dict(addresses()) | {name: [] for name in ADMIN}
    wrong, found = [], []
    writes = bool(os.environ.get("MAMMO_WRITE_MATRIX"))
    rows = [row for row in matrix.read() if row.name in known]
    if writes:
        missing = known.keys() - SHADOWED - {row.name for row in rows}
        rows += [hospital.new_line(name, known[name]) for name in missing]
    for row in sorted(rows, key=lambda row: list(known).index(row.name)):
        arguments = known[row.name]
        cells = []
        for person, written in zip(matrix.PEOPLE, row.cells, strict=True):
            cell, problems = hospital.cell(person, row.name, arguments, row.method, row.kind)
            cells.append(cell)
            wrong += problems
            if cell != written:
                wrong.append(
                    f"{person or 'signed out'} {row.method} {row.name}: {cell}, the table says {written}"
                )
        found.append(matrix.Row(row.name, row.method, row.kind, tuple(cells)))
    if writes:
        matrix.write(found)
    assert not wrong, "\n".join(wrong)
