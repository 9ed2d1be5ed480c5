"""A data manager, a researcher and an administrator do their work in a real browser by keyboard alone."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Question
from annotation.services.questions import import_questions
from mammo.accounts.models import Membership, Site, User
from mammo.archive.models import ImportItem
from tests.annotation import scene as annotation_scene
from tests.mammo.pages.walk import Keys, furnished

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

MOST_TABS = 120


@pytest.fixture
def hospital(site: Site) -> tuple[dict[str, User], Keys]:
    """The people and objects of the walk."""
    return furnished(site)


class Keyboard:
    """A page that is never touched with a mouse."""

    def __init__(self, page: Page, base: str, person: User) -> None:
        self.page, self.base = page, base
        client = Client()
        client.force_login(person)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base}])
        page.goto(base)

    def tab_to(self, selector: str) -> None:
        """Tab on from where the keyboard is until what is chosen has the focus, and is seen to have it."""
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                seen = self.page.evaluate(
                    "() => { const look = getComputedStyle(document.activeElement);"
                    "return look.outlineStyle !== 'none' || look.boxShadow !== 'none' }"
                )
                assert seen, f"{selector}: nothing shows that the keyboard is here"
                return
        raise AssertionError(f"{selector}: not reached within {MOST_TABS} tabs of {self.page.url}")

    def go(self, selector: str, address: str) -> None:
        """Tab to a link or button, press Enter, and arrive."""
        self.tab_to(selector)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(self.base + address)

    def open_first_row(self, address: str) -> None:
        """The first row of the page's worklist, by j and Enter."""
        self.page.keyboard.press("j")
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(self.base + address)

    def choose(self, selector: str, value: str) -> None:
        """Tab to a list of choices and go down to one of them."""
        self.tab_to(selector)
        self.page.keyboard.press("Home")
        for _ in range(MOST_TABS):
            if self.page.input_value(selector) == value:
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"{selector}: {value} is not among its choices")


def test_a_data_manager_decides_about_a_file_and_confirms_wordings(
    page: Page, live_server: Any, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, keys = hospital
    campaign = Campaign.objects.get(pk=keys["campaign"])
    import_questions(campaign, [annotation_scene.plain_row("要复查吗？")], by_user=None, table_name="q.csv")
    keyboard = Keyboard(page, live_server.url, people["dana"])
    keyboard.go(f'#main a[href="{reverse("archive:quarantine")}"]', reverse("archive:quarantine"))
    keyboard.open_first_row(reverse("archive:quarantine-item", args=[keys["item"]]))
    keyboard.choose("#id_decision", "rejected")
    keyboard.tab_to("#id_reason")
    page.keyboard.type("shows her name")
    keyboard.go('main form button[type="submit"]', reverse("archive:quarantine"))
    item = ImportItem.objects.get(pk=keys["item"])
    assert (item.decision, item.decision_reason) == ("rejected", "shows her name")
    waiting = Question.objects.unconfirmed_for(people["dana"])
    assert waiting.exists()
    page.goto(live_server.url)
    keyboard.go(f'#main a[href="{reverse("annotation:wordings")}"]', reverse("annotation:wordings"))
    keyboard.tab_to('main form button[type="submit"]')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("No wording waits.")
    assert not waiting.exists()


def test_a_researcher_goes_from_home_to_a_run_and_to_a_table(
    page: Page, live_server: Any, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, keys = hospital
    keyboard = Keyboard(page, live_server.url, people["rita"])
    keyboard.go(f'#main a[href="{reverse("modeling:run-list")}"]', reverse("modeling:run-list"))
    run = reverse("modeling:run", args=[keys["run"]])
    keyboard.go(f'a[href="{run}"]', run)
    expect(page.locator("h1")).to_be_visible()
    page.goto(live_server.url)
    keyboard.go(f'#main a[href="{reverse("evaluation:tables")}"]', reverse("evaluation:tables"))
    table = reverse("evaluation:table-page", args=[keys["locked_trial"], 1])
    keyboard.go(f'a[href="{table}"]', table)
    expect(page.locator("main table").first).to_be_visible()


def test_an_administrator_gives_a_role_and_takes_it_away(
    page: Page, live_server: Any, site: Site, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, _keys = hospital
    address = reverse("accounts:person", args=[people["june"].pk])
    keyboard = Keyboard(page, live_server.url, people["adam"])
    keyboard.go(f'#main a[href="{reverse("accounts:people")}"]', reverse("accounts:people"))
    keyboard.go(f'a[href="{address}"]', address)
    keyboard.choose('form.filters select[name="role"]', "author")
    keyboard.tab_to("form.filters button")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    given = Membership.objects.filter(user=people["june"], role="author", site=site)
    assert given.exists()
    keyboard.tab_to("main li:has(.mark) form button.btn-outline-danger")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert Membership.objects.filter(user=people["june"]).count() == 1
