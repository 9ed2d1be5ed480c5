"""Every page says where it stands, or is a top page; and on an empty installation every page says what to do next."""

import re
import time

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.test import Client
from django.urls import reverse

from mammo.accounts.models import Site, User
from mammo.core.navigation import links_for
from tests.mammo.pages.walk import STOPS, furnished, people_of

pytestmark = pytest.mark.django_db

# Pages that stand under no other: those of the navigation, of the way in and out, and of one moment.
TOP_LEVEL = {
    "about", "account_change_password", "account_login", "account_logout", "account_reauthenticate",
    "accounts:audit", "accounts:password-forgotten", "accounts:people", "annotation:adjudicate-list",
    "annotation:campaign-list", "annotation:correct-list", "annotation:endpoints", "annotation:news",
    "annotation:pick-list", "annotation:tablet", "annotation:wordings", "api:tokens", "archive:cohorts",
    "archive:display", "archive:erasures", "archive:imports", "archive:overview", "archive:splits",
    "archive:studies", "evaluation:protocols", "evaluation:reader-studies", "evaluation:readings",
    "evaluation:scoring", "evaluation:tables", "evaluation:trials", "evaluation:writing", "home", "jobs:list",
    "mfa_reauthenticate", "modeling:consultations", "modeling:run-list",
}  # fmt: skip
# Pages that hold something from the first day: a form that needs no row, who has an account, what happened.
NEVER_EMPTY = {"/evaluation/analyse/", "/accounts/people/", "/accounts/audit/"}


def signed_in(person: User | None) -> Client:
    """A browser in which this person signed in a moment ago."""
    client = Client()
    if person is not None:
        client.force_login(person)
        session = client.session
        session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time()}]
        session.save()
    return client


@pytest.mark.slow
def test_every_page_says_where_it_stands_or_is_a_top_page(site: Site) -> None:
    people, keys = furnished(site)
    without, within = set(), set()
    for stop in STOPS:
        if not stop.url_name:
            continue
        page = signed_in(people.get(stop.person)).get(stop.at(keys)).content.decode()
        (within if 'aria-label="You are here"' in page else without).add(stop.url_name)
    assert without - TOP_LEVEL == set(), "give these breadcrumbs (docs/design_system.md)"
    assert TOP_LEVEL & within == set()


def next_steps_of(page: str) -> list[str]:
    """Of each empty state: what follows its title (a sentence, a command, a link)."""
    blocks = re.findall(r'<div class="empty">(.*?)</div>', page, re.S)
    return [re.sub(r"<[^>]+>", " ", block.partition("</p>")[2]).strip() for block in blocks]


@pytest.mark.parametrize("name", ["june", "sena", "ada", "dana", "rita", "stan", "otis", "adam", "nina"])
def test_on_an_empty_installation_every_page_says_what_to_do_next(site: Site, name: str) -> None:
    person = people_of(site)[name]
    browser, silent = signed_in(person), []
    for address in {link.url for link in links_for(person, "/")} | {reverse("home")}:
        answer = browser.get(address, follow=True)
        assert answer.status_code == 200, address
        page = answer.content.decode()
        steps = next_steps_of(page)
        # The home of who is never sent work leads on by its places.
        leads_on = address in NEVER_EMPTY or (address == "/" and not answer.context["has_work_places"])
        if not all(steps) or not (steps or (leads_on and re.search(r"<main.*?<(a|button) ", page, re.S))):
            silent.append(address)
    assert silent == []
