"""Every address x every role x own, another's, another hospital's and unknown objects, against the written table."""

import logging
import os
import re
import time
import uuid
from html import escape
from itertools import zip_longest
from typing import Any

import pytest
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponseNotFound
from django.template import Template
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import _TestState
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from django.views.generic import TemplateView

from mammo import urls
from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.accounts.session_limits import SECONDS_BETWEEN_NOTES, SEEN
from mammo.api.tokens import create_token
from mammo.core.idempotency import HEADER
from mammo.core.views import home
from tests.access import matrix
from tests.access.addresses import (
    IN_FORM,
    ONLY_UNKNOWN,
    UNKNOWN_NAME,
    address_of,
    addresses,
    form_of,
    kind_of,
    lines,
    methods_of,
)
from tests.access.objects import Objects, furnish
from tests.access.test_headers import unguarded
from tests.evaluation import scene

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("no_browsers_loop")]

# What no role reaches here, although the object is there: why, and who asks for it instead.
REFUSED_TO_ALL = {
    (
        "evaluation:reader-result-figure",
        "GET",
    ): "the study furnished here is not locked; tests/evaluation/pages/test_results.py takes its figures",
    ("accounts:closed", "GET"): "nobody signs up: accounts are made by an administrator",
    ("accounts:closed", "POST"): "as GET",
    ("api:unknown", "GET"): "no address: the answer to whatever stands nowhere else",
    ("api:unknown", "POST"): "as GET",
    ("annotation:tablet", "GET"): "opens by a link that works once; tests/annotation/test_campaign_pages.py",
    ("annotation:tablet", "POST"): "as GET",
    (
        "evaluation:cell-rows",
        "GET",
    ): "names a cell of the table that a page made; tests/evaluation/pages/test_designing.py",
    ("mfa_deactivate_totp", "GET"): "nobody here has an app; tests/access/test_second_factor.py",
    ("mfa_deactivate_totp", "POST"): "as GET",
    ("mfa_deactivate_totp", "PUT"): "as GET",
    ("mfa_view_recovery_codes", "GET"): "as mfa_deactivate_totp",
    ("mfa_download_recovery_codes", "GET"): "as mfa_deactivate_totp",
    ("archive:stow", "POST"): "answers sending systems by their own key; tests/mammo/archive",
    ("archive:stow-study", "POST"): "as archive:stow",
    ("archive:views-shown", "POST"): "names a piece of work by its kind; tests/mammo/archive",
}
# Pages that name objects of another hospital by intent: what belongs to no hospital, and Django's own admin.
OF_EVERY_HOSPITAL = {
    "accounts:audit": ("account", "site", "token"),  # events of no hospital: who signs in, who made a token
    "archive:erasures": ("backup",),  # a backup is of the whole installation
    "admin:accounts_user_changelist": ("account",),
    "admin:annotation_pick_changelist": ("pick",),
}
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class Hospital:
    """The two hospitals, everybody of the table, and a browser for each."""

    def __init__(self, north: Site, south: Site) -> None:
        roles = {
            "june": "junior", "jack": "junior", "sena": "senior", "sol": "senior", "ada": "author",
            "dana": "data_manager", "rita": "researcher", "stan": "statistician", "otis": "auditor",
            "adam": "admin",
        }  # fmt: skip
        people = {name: scene.person(north, name.title(), role) for name, role in roles.items()}
        strangers = {
            name: scene.person(south, f"{name}-south", roles[name])
            for name in ("june", "jack", "sena", "sol", "rita")
        }
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
        self.foreign = foreign_keys(self.theirs)
        self.browsers: dict[str, Client] = {}
        for name in matrix.PEOPLE:
            self.browsers[name] = Client(raise_request_exception=False)
            if name:
                self.browsers[name].force_login(people[name])
        self.noted_at = time.monotonic()
        self.unguarded: set[str] = set()

    def stay_signed_in(self) -> None:
        """Note everybody's activity for good: else each answer would write it anew, and have it undone."""
        if time.monotonic() - self.noted_at > SECONDS_BETWEEN_NOTES - 5:
            for browser in self.browsers.values():
                session = browser.session
                if SEEN in session:
                    session[SEEN] = time.time()
                    session.save()
            self.noted_at = time.monotonic()

    def ask(self, person: str, name: str, method: str, address: str, key: Any) -> tuple[int, str]:
        """Status and body (without what differs from one asking to the next); what it changed is undone."""
        browser = self.browsers[person]
        cache.clear()  # rates are counted there
        kept = {name: morsel.value for name, morsel in browser.cookies.items()}
        with transaction.atomic():
            answer = browser.generic(method, address, **self._sent(name, method, address, key))
            lacks = unguarded(answer)
            body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
            transaction.set_rollback(True)
        if lacks:
            self.unguarded.add(f"{method} {name} ({answer.status_code}) lacks {', '.join(lacks)}")
        browser.cookies.clear()
        for cookie, value in kept.items():
            browser.cookies[cookie] = value
        return answer.status_code, body.decode(errors="replace")

    def cell(
        self, person: str, name: str, arguments: list[str], method: str, kind: str
    ) -> tuple[str, list[str]]:
        """The statuses of one cell, and what is wrong with it beside them."""
        answers, wrong = [], []
        who = f"{person or 'signed out'} {method} {name}"
        for key in self._keys(kind):
            address = address_of(name, arguments, key, self.ours.own["cell"])
            status, body = self.ask(person, name, method, address, key)
            told = {self.foreign.get(found, "") for found in UUID.findall(body)} if status == 200 else set()
            told -= {"", *OF_EVERY_HOSPITAL.get(name, ())}
            if told:
                wrong.append(f"{who}: the page names another hospital's: {', '.join(sorted(told))}")
            answers.append((status, comparable(body, address, str(key) if name in IN_FORM else "")))
        unknown = answers[-1]
        wrong += [
            f"{who}: a forbidden object does not look like an unknown one: "
            f"{first_difference(answer[1], unknown[1])}"
            for answer in answers[:-1]
            if answer[0] in (403, 404) and answer != unknown
        ]
        if len(answers) > 1 and answers[-2] != unknown:
            wrong.append(f"{who}: another hospital's object is not unknown")
        return " ".join(str(status) for status, _ in answers), wrong

    def _sent(self, name: str, method: str, address: str, key: Any) -> dict[str, Any]:
        """Body and headers: JSON under /api/v1/, a piece of a file by PUT, a form elsewhere."""
        if method in ("GET", "DELETE"):
            return {}
        if address.startswith("/api/v1/"):
            headers = {HEADER: str(uuid.uuid4())}
            return {"data": b"{}", "content_type": "application/json", "headers": headers}
        if method == "PUT":
            return {"data": b"DICM", "content_type": "application/octet-stream"}
        data = encode_multipart(BOUNDARY, form_of(name, key, self.ours.own))
        return {"data": data, "content_type": MULTIPART_CONTENT}

    def _keys(self, kind: str) -> list[Any]:
        if kind in ("", ONLY_UNKNOWN):
            return [uuid.uuid4()]
        unknown = UNKNOWN_NAME if isinstance(self.ours.own[kind], str) else uuid.uuid4()
        anothers = [self.ours.anothers[kind]] if kind in matrix.PERSONAL else []
        return [self.ours.own[kind], *anothers, self.theirs.own[kind], unknown]


def foreign_keys(theirs: Objects) -> dict[str, str]:
    """The kind of each of another hospital's objects, by its key as pages write it."""
    rows = (*theirs.own.items(), *theirs.anothers.items())
    return {str(key): kind for kind, key in rows if isinstance(key, uuid.UUID)}


def first_difference(one: str, other: str) -> str:
    """The first lines that differ."""
    pairs = zip_longest(one.splitlines(), other.splitlines(), fillvalue="(end)")
    return next((f"{a.strip()[:120]!r} / {b.strip()[:120]!r}" for a, b in pairs if a != b), "the status")


def comparable(body: str, address: str, typed: str) -> str:
    """The body without tokens, seconds that are left, the address itself, and what was typed into the form."""
    body = re.sub(r'data-session-seconds="\d+"', "", body)
    body = re.sub(
        r'(csrfmiddlewaretoken" value=|X-CSRFToken":|X-CSRFToken&quot;:) ?["&quot;]*[A-Za-z0-9]+', "", body
    )
    for found in filter(None, (address, address.replace("/", "%2F"), escape(address), typed)):
        body = body.replace(found, "ADDRESS")
    return UUID.sub("KEY", body) if len(body) < 400 else body


def is_refused(row: matrix.Row) -> bool:
    """No role gets further than where strangers stand."""
    statuses = {status for cell in row.cells[:-1] for status in cell.split()}
    return statuses <= {"401", "403", "404", "405"}


def test_every_address_has_a_line_for_each_of_its_methods() -> None:
    listed = [(row.name, row.method) for row in matrix.read()]
    there = lines()
    assert len(listed) == len(set(listed)), "two lines of matrix.tsv for one address and method"
    assert sorted(there - set(listed)) == [], "what matrix.tsv does not name: decide who reaches it"
    assert sorted(set(listed) - there) == [], "lines of matrix.tsv that nothing answers"


def test_the_methods_of_a_view_are_what_it_lets_by() -> None:
    assert methods_of(require_http_methods(["GET", "HEAD", "PUT"])(login_required(home))) == {"GET", "PUT"}
    assert methods_of(login_required(require_POST(home))) == {"POST"}
    assert methods_of(csrf_exempt(login_required(home))) == {"GET", "POST"}
    assert methods_of(TemplateView.as_view()) == {"GET"}


def test_every_line_is_reached_by_somebody_or_says_why_not() -> None:
    refused = {(row.name, row.method) for row in matrix.read() if is_refused(row)}
    assert sorted(refused - REFUSED_TO_ALL.keys()) == [], (
        "nobody reaches these: furnish their object in tests/access/objects.py, or say why in REFUSED_TO_ALL"
    )
    assert sorted(REFUSED_TO_ALL.keys() - refused) == [], "somebody reaches these: no reason is needed"


def test_no_line_is_answered_before_the_object_is_looked_for() -> None:
    """A 400 (or 415) for an unknown object comes from a body that was read before anybody was let in."""
    wrong = [
        f"{row.method} {row.name}: {cell}"
        for row in matrix.read()
        for cell in row.cells
        if row.kind and " " in cell and cell.split()[-1] in ("400", "409", "415")
        if row.name not in IN_FORM
    ]
    assert wrong == []


def test_a_key_of_another_hospital_is_found_in_a_page() -> None:
    theirs = Objects(own={"study": uuid.UUID(int=3)}, anothers={"job": uuid.UUID(int=4), "token": 5})
    assert foreign_keys(theirs) == {str(uuid.UUID(int=3)): "study", str(uuid.UUID(int=4)): "job"}
    assert UUID.findall(f'<a href="/studies/{uuid.UUID(int=3)}/">') == [str(uuid.UUID(int=3))]


def test_the_page_shows_the_table() -> None:
    assert matrix.PAGE.read_text(encoding="utf-8") == matrix.page(matrix.read()), (
        "python -m tests.access.matrix"
    )


@pytest.mark.timeout(
    2700
)  # 9,500 requests: minutes, and many of them where six other processes share two cores
def test_the_site_is_as_the_table_says(site: Site, other_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """MAMMO_WRITE_MATRIX=1 writes what the site does into the table, with lines for new addresses: for a person
    to judge, line by line, before it is committed."""
    # Thousands of answers: the test client's notes on every template (with copies of their contexts) are left out.
    monkeypatch.setattr(Template, "_render", _TestState.saved_data.template_render)
    # The page of "not found" as one line: drawing it is half of a refusal's work, and what it shows hangs on the
    # address and the person alone (the test below draws it).
    monkeypatch.setattr(
        urls, "handler404", lambda request, exception: HttpResponseNotFound("nothing"), raising=False
    )
    # And their log lines, one for each refusal.
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)
    hospital, known = Hospital(site, other_site), addresses()
    wrong, found = [], []
    writes = bool(os.environ.get("MAMMO_WRITE_MATRIX"))
    rows = [row for row in matrix.read() if (row.name, row.method) in lines()]
    if writes:
        missing = lines() - {(row.name, row.method) for row in rows}
        unjudged = ("?",) * len(matrix.PEOPLE)
        rows += [matrix.Row(name, method, "", unjudged) for name, method in sorted(missing)]
    order = {name: place for place, name in enumerate(known)}
    for row in sorted(rows, key=lambda row: (order[row.name], row.method)):
        arguments, cells = known[row.name], []
        kind = kind_of(row.name, arguments)
        if kind != row.kind:
            wrong.append(f"{row.method} {row.name}: names {kind or 'nothing'}, the table says {row.kind}")
        hospital.stay_signed_in()
        for person, written in zip(matrix.PEOPLE, row.cells, strict=True):
            cell, problems = hospital.cell(person, row.name, arguments, row.method, kind)
            cells.append(cell)
            wrong += problems
            if cell != written:
                wrong.append(
                    f"{person or 'signed out'} {row.method} {row.name}: {cell}, the table says {written}"
                )
        found.append(matrix.Row(row.name, row.method, kind, tuple(cells)))
    if writes:
        matrix.write(found)
    assert not wrong, "\n".join(wrong)
    assert not hospital.unguarded, "\n".join(sorted(hospital.unguarded))


def test_the_drawn_page_of_nothing_says_no_more_of_a_forbidden_object(site: Site, other_site: Site) -> None:
    hospital, known = Hospital(site, other_site), addresses()
    named = [row for row in matrix.read() if row.method == "GET" and row.kind and row.name in known]
    pages, wrong = 0, []
    for row in named[:: len(named) // 12]:
        for person in ("june", "rita", "dana"):
            cell, problems = hospital.cell(person, row.name, known[row.name], row.method, row.kind)
            wrong += problems
            pages += "404" in cell
    assert not wrong, "\n".join(wrong)
    assert not hospital.unguarded, "\n".join(sorted(hospital.unguarded))
    assert pages > 12
