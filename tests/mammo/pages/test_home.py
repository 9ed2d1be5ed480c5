"""The home page: work first, with a button into it; what needs a person; places gathered where they are many."""

from typing import Any

import pytest
from django.test import Client

from annotation.models import Question
from mammo.accounts.models import User
from mammo.core import attention, navigation
from mammo.core.attention import Notice, register_notices
from mammo.core.navigation import MOST_SIDE_BY_SIDE, Entry, Link, Start, menus_of
from mammo.jobs.models import Job
from tests.annotation import scene


def home_of(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.get("/").content.decode()


def links(count: int, **groups: str) -> list[Link]:
    entries = [
        Entry(label=f"place {n}", url_name="home", group=groups.get(f"at{n}", "")) for n in range(count)
    ]
    return [Link(entry, f"/{n}/", False, None) for n, entry in enumerate(entries)]


@pytest.fixture
def question(june: User, sena: User, rita: User) -> Question:
    """One question that waits to be corrected by June."""
    scene.patient_with_study(rita.sites_as("researcher").get())
    found = scene.ask(scene.open_campaign_of(rita, [june], [sena]))
    scene.propose(found[0].campaign, found)
    return found[0]


def test_one_button_leads_from_home_into_the_work(question: Question, june: User) -> None:
    client = Client()
    client.force_login(june)
    page = client.get("/").content.decode()
    assert "Correct the next question" in page
    assert "autofocus" in page
    answer = client.post("/annotation/correct/next/")
    assert answer.url == f"/annotation/correct/{question.pk}/"


def test_the_button_goes_when_nothing_waits(june: User) -> None:
    page = home_of(june)
    assert "Correct the next question" not in page
    assert "Nothing is waiting for you now." in page


def test_an_account_without_pages_is_told_what_to_do(site: Any) -> None:
    from mammo.accounts.services import create_account

    nina = create_account("nina", password="correct horse battery", roles={}, by_user=None)
    ada = create_account("ada", password="correct horse battery", roles={"author": [site]}, by_user=None)
    assert "Ask an administrator to give it one." in home_of(nina)
    assert "Author" in home_of(ada)


def test_failed_jobs_are_told_to_those_who_can_try_them_again(rita: User, june: User, site: Any) -> None:
    from django.utils import timezone

    Job.objects.create(kind="any", site=site, by_user=rita, state="failed", finished_at=timezone.now())
    assert "1 job failed in the last two weeks" in home_of(rita)
    assert "job failed" not in home_of(june)


@pytest.fixture
def own_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of notices for one test."""
    monkeypatch.setattr(attention, "_NOTICES", {})


def test_notices_are_shown_as_text_with_their_address(june: User, own_notices: None) -> None:
    register_notices("test", lambda user: [Notice(text="<b>a file</b>", url="/about/", label="Waits")])
    page = home_of(june)
    assert "&lt;b&gt;a file" in page
    assert 'href="/about/"' in page


def test_few_places_stand_side_by_side_and_many_are_gathered_by_group() -> None:
    few = links(MOST_SIDE_BY_SIDE, at0="Research", at1="Research")
    assert [menu.label for menu in menus_of(few)] == [""] * MOST_SIDE_BY_SIDE
    many = links(MOST_SIDE_BY_SIDE + 1, at0="Research", at1="Research", at3="Archive")
    menus = menus_of(many)
    assert [(menu.label, len(menu.links)) for menu in menus][:3] == [("Research", 2), ("", 1), ("", 1)]
    assert sum(len(menu.links) for menu in menus) == len(many)


def test_a_start_that_leads_nowhere_is_named_by_the_system_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(navigation, "_entries", [])
    navigation.register_entry(
        Entry(label="Work", url_name="home", start=Start(label="Go", url_name="no_such"))
    )
    assert "no_such" in navigation.check_entries()[0].msg
