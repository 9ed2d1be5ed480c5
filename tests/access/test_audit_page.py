"""The auditor's page: one's own sites, narrowed and paged; and the acts that must be in the trail."""

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client

from mammo.accounts import audit, views
from mammo.accounts.models import AuditEvent, User
from mammo.accounts.services import create_account, grant_role, revoke_role
from mammo.core import append_only
from tests.evaluation import scene

pytestmark = pytest.mark.django_db
PAGE = "/accounts/audit/"


@pytest.fixture
def otis(site: Any) -> User:
    """An auditor at north."""
    return create_account("otis", password="correct horse battery", roles={"auditor": [site]}, by_user=None)


def shown(client: Client, query: str = "") -> list[int]:
    """Numbers of the events on the page, as they stand."""
    return [event.sequence for event in client.get(f"{PAGE}{query}").context["events"]]


def test_an_auditor_reads_the_trail_of_their_sites(
    client: Client, otis: User, june: User, site: Any, other_site: Any
) -> None:
    here = audit.record("tests.here", by_user=june, site=site, on=june, reason="because", number=7)
    there = audit.record("tests.there", by_user=None, site=other_site)
    client.force_login(otis)
    numbers = shown(client)
    assert here.sequence in numbers
    assert there.sequence not in numbers
    assert numbers == sorted(numbers, reverse=True)
    text = client.get(PAGE).content.decode()
    assert "tests.here" in text
    assert "because" in text
    assert "tests.there" not in text


def test_what_belongs_to_no_site_is_read_by_who_did_it_or_whom_it_is_about(
    client: Client, otis: User, june: User, otto: User, site: Any
) -> None:
    """Signing in and out belong to no site: those of another hospital's people are not this auditor's."""
    nina = create_account("nina", password="correct horse battery", roles={}, by_user=None)
    expected = {
        audit.record("tests.siteless", by_user=june, on=june).sequence: True,
        audit.record("tests.siteless", by_user=otto, on=otto).sequence: False,
        audit.record("tests.siteless", by_user=nina, on=nina).sequence: False,
        audit.record("tests.siteless", by_user=None, on=june).sequence: True,
        audit.record("tests.siteless", by_user=None, on=otto).sequence: False,
        audit.record("tests.siteless", by_user=None, on=nina).sequence: False,
        audit.record("tests.siteless", by_user=None).sequence: True,  # a failed sign-in names nobody
    }
    client.force_login(otis)
    numbers = shown(client, "?action=tests.siteless")
    assert {number: number in numbers for number in expected} == expected


@pytest.mark.parametrize("name", ["june", "sena", "rita", "dana", "otto"])
def test_nobody_else_finds_the_page(request: pytest.FixtureRequest, client: Client, name: str) -> None:
    client.force_login(request.getfixturevalue(name))
    assert client.get(PAGE).status_code == 404


def test_the_page_says_whether_the_trail_is_whole(client: Client, otis: User, june: User, site: Any) -> None:
    event = audit.record("tests.here", by_user=june, site=site)
    client.force_login(otis)
    noted = json.dumps({"sequence": event.sequence, "sha256": event.sha256}) + "\n"
    whole = client.post(f"{PAGE}verify/", {"anchors": ContentFile(noted, name="heads.jsonl")})
    assert whole.context["problems"] == []
    assert whole.context["anchors"] == 1
    assert "The trail is whole" in whole.content.decode()
    other = json.dumps({"sequence": event.sequence, "sha256": "0" * 64})
    unmet = client.post(f"{PAGE}verify/", {"anchors": ContentFile(other, name="heads.jsonl")})
    assert "anchor 1: the trail does not hold" in unmet.content.decode()
    with append_only.lifted(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_auditevent SET reason = 'another' WHERE sequence = %s", [event.sequence]
        )
    edited = client.post(f"{PAGE}verify/").content.decode()
    assert f"event {event.sequence}: was edited" in edited
    assert "The trail is whole" not in edited


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no json", "heads.jsonl, line 1: not JSON"),
        (b"{}", "heads.jsonl, anchor 1: needs"),
        (b"\xff\xfe", "heads.jsonl: not a text"),
        (b" ", "heads.jsonl: holds no anchor"),
    ],
)
def test_a_file_of_heads_that_is_none_is_told(client: Client, otis: User, content: bytes, said: str) -> None:
    client.force_login(otis)
    answer = client.post(f"{PAGE}verify/", {"anchors": ContentFile(content, name="heads.jsonl")})
    assert answer.status_code == 400
    assert said in answer.content.decode()


@pytest.mark.parametrize("name", ["june", "sena", "rita", "dana"])
def test_nobody_else_verifies(request: pytest.FixtureRequest, client: Client, name: str) -> None:
    client.force_login(request.getfixturevalue(name))
    assert client.post(f"{PAGE}verify/").status_code == 404


def test_it_is_narrowed_by_act_account_object_site_and_day(
    client: Client, otis: User, june: User, site: Any
) -> None:
    wanted = audit.record("tests.wanted", by_user=june, site=site, on=june)
    audit.record("tests.other", by_user=otis, site=site)
    client.force_login(otis)
    for query in (
        "?action=tests.w",
        "?actor=june",
        f"?object={june.pk}&action=tests",
        "?action=tests.wanted&site=north",
    ):
        numbers = shown(client, query)
        assert wanted.sequence in numbers, query
        assert not AuditEvent.objects.filter(sequence__in=numbers, action="tests.other").exists(), query
    assert shown(client, "?action=tests&since=2999-01-01") == []
    assert shown(client, "?action=tests&until=1999-01-01") == []
    assert "Choose less narrowly" in client.get(f"{PAGE}?action=nothing").content.decode()


@pytest.mark.parametrize("query", ["?since=yesterday", "?until=2026-13-45", "?before=x", "?before=٣"])
def test_bad_input_is_told_in_one_line(client: Client, otis: User, query: str) -> None:
    client.force_login(otis)
    answer = client.get(f"{PAGE}{query}")
    assert answer.status_code == 400
    assert query[1:].split("=")[0] in answer.content.decode()


def test_pages_follow_each_other_without_a_gap(
    client: Client, otis: User, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "EVENTS_PER_PAGE", 4)
    made = [audit.record("tests.paged", by_user=None, site=site).sequence for _ in range(10)]
    client.force_login(otis)
    seen: list[int] = []
    query = "?action=tests.paged"
    while query:
        page = client.get(f"{PAGE}{query}")
        seen += [event.sequence for event in page.context["events"]]
        query = page.context["older"]
    assert seen == made[::-1]


def test_a_change_of_permissions_is_in_the_trail(site: Any, rita: User, june: User) -> None:
    membership = grant_role(june, "senior", site, by_user=rita)
    revoke_role(membership, by_user=rita)
    taken = (
        AuditEvent.objects.filter(actor=rita)
        .order_by("sequence")
        .values_list("action", "object_id", "details__role")
    )
    assert list(taken) == [
        ("accounts.role_granted", str(june.pk), "senior"),
        ("accounts.role_revoked", str(june.pk), "senior"),
    ]


def test_a_trial_leaves_its_life_in_the_trail(
    client: Client, site: Any, rita: User, june: User, sena: User, sol: User
) -> None:
    """Score, lock, download of a table, unblinding by two persons."""
    from evaluation.services.scoring import lock_trial
    from evaluation.services.unblinding import confirm_unblinding, request_unblinding

    second = scene.person(site, "Rosa", "researcher")
    trial = scene.open_trial(rita, june, [sena, sol], count=3)
    scene.score_all(trial)
    lock_trial(trial, by_user=rita, reason="all forms are scored")
    client.force_login(rita)
    assert client.get(f"/evaluation/trials/{trial.pk}/table1.csv").status_code == 200
    request_unblinding(trial, by_user=rita, reason="analysis is done")
    trial.refresh_from_db()
    confirm_unblinding(trial, by_user=second)
    taken = set(AuditEvent.objects.values_list("action", flat=True))
    assert {
        "evaluation.scored", "evaluation.trial_locked", "evaluation.table_downloaded", "evaluation.unblinded",
        "annotation.questions_imported",
    } <= taken  # fmt: skip
    event = AuditEvent.objects.get(action="evaluation.table_downloaded")
    assert (event.actor, event.object_id, event.details["table"]) == (rita, str(trial.pk), 1)
    assert audit.verify().ok
