"""Every page in a real Chromium, in both languages: WCAG 2.2 AA by axe-core, no sideways scrolling, no policy broken."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Browser, BrowserContext, Page

from mammo.accounts.models import Site, User
from mammo.demo.pages import DEMO_PAGES, NOT_SHOWN
from tests.browser import NOTE_VIOLATIONS
from tests.conftest import missing
from tests.mammo.pages.walk import (
    NO_PAGE,
    NO_PAGES_UNDER,
    STOPS,
    Stop,
    furnished,
    page,
    people_of,
    set_up_app,
)

AXE = Path(settings.PACKAGE_DIR) / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """axe.run(document, {
  runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
  resultTypes: ["violations"],
}).then((result) => result.violations.map((found) => {
  const places = found.nodes.slice(0, 3).map((node) => node.html.slice(0, 160));
  return `${found.id} (${found.impact}): ${places.join(" | ")}`;
}))"""
# A page of the hospital's own is black from its first moment: the ground, and what the browser draws by itself.
IS_DARK = """() => {
  const look = getComputedStyle(document.documentElement);
  const light = (look.backgroundColor.match(/[\\d.]+/g) ?? []).slice(0, 3).some((part) => Number(part) > 40);
  return look.colorScheme === "dark" && look.backgroundColor !== "rgba(0, 0, 0, 0)" && !light;
}"""
# Letters that a reader sees at arm's length are 14 px at least; drawings scale their own.
SMALL_LETTERS = """() => [...document.body.querySelectorAll("*")].filter((part) =>
  !part.closest("svg") && part.checkVisibility() && parseFloat(getComputedStyle(part).fontSize) < 14 &&
  [...part.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim())
).slice(0, 3).map((part) => `small letters: ${part.outerHTML.slice(0, 120)}`)"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
WIDE = {"width": 1280, "height": 720}
TABLET = {"width": 768, "height": 1024}


def addresses(
    patterns: list[URLPattern | URLResolver], path: str = "", space: str = ""
) -> Iterator[tuple[str, str]]:
    """Name and path of every address."""
    for pattern in patterns:
        here = path + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name}", here
        else:
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from addresses(pattern.url_patterns, here, inner)


def test_every_address_is_walked_or_said_to_be_no_page() -> None:
    names = {
        name for name, path in addresses(get_resolver().url_patterns) if not path.startswith(NO_PAGES_UNDER)
    }
    walked = {stop.url_name for stop in STOPS if stop.url_name}
    assert names - walked - NO_PAGE.keys() == set(), "add these to STOPS (or NO_PAGE) in walk.py"
    assert (walked | NO_PAGE.keys()) - names == set(), "these are addresses no more: take them out of walk.py"


def test_every_page_of_the_walk_has_a_picture_or_a_reason_for_none() -> None:
    walked = {stop.url_name for stop in STOPS if stop.url_name}
    pictured = {page.url_name for page in DEMO_PAGES}
    assert walked - pictured - NOT_SHOWN.keys() == set(), "add these to DEMO_PAGES in mammo/demo/pages.py"


@pytest.fixture
def axe() -> str:
    """The source of axe-core, which `make setup` brings for the tests."""
    if not AXE.exists():
        missing("axe-core is not installed (make setup)")
    return AXE.read_text(encoding="utf-8")


class Walker:
    """One tab per person, each signed in once."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.browser, self.base = browser, base
        self._tabs: dict[str, Page] = {}

    def tab_of(self, person: User | None, language: str) -> Page:
        """The tab of this person, in `language` from its next page on."""
        name = person.username if person else ""
        if name not in self._tabs:
            context = self.browser.new_context(viewport=WIDE, reduced_motion="reduce")
            if person is not None:
                client = Client()
                client.force_login(person)
                session = client.session
                session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time()}]
                session.save()
                key = client.cookies[settings.SESSION_COOKIE_NAME].value
                self._keep(context, settings.SESSION_COOKIE_NAME, key)
            self._tabs[name] = context.new_page()
            self._tabs[name].add_init_script(NOTE_VIOLATIONS)
        self._keep(self._tabs[name].context, settings.LANGUAGE_COOKIE_NAME, language)
        return self._tabs[name]

    def _keep(self, context: BrowserContext, name: str, value: str) -> None:
        context.add_cookies([{"name": name, "value": value, "url": self.base}])

    def close(self) -> None:
        """Close every tab."""
        for tab in self._tabs.values():
            tab.context.close()


def faults_of(page: Page, stop: Stop, address: str, axe: str, language: str) -> list[str]:
    """What is wrong with one page."""
    page.set_viewport_size(WIDE)
    answer = page.goto(address)
    expected = 200 if stop.url_name else 404
    if answer is None or answer.status != expected:
        return [f"answers {answer.status if answer else None}"]
    found = [] if page.get_attribute("html", "lang") == (stop.language or language) else ["another language"]
    is_light = stop.url_name == "annotation:tablet"  # the one page for patients
    return found + faults_shown(page, axe, is_light=is_light, reads=stop.reads)


def faults_shown(page: Page, axe: str, *, is_light: bool = False, reads: bool = False) -> list[str]:
    """What is wrong with the page that a tab shows, at 1280 x 720."""
    found = []
    if not is_light and not page.evaluate(IS_DARK):
        found.append("is not black")
    found += page.evaluate(SMALL_LETTERS)
    page.evaluate(axe)
    found += page.evaluate(RUN_AXE)
    if page.evaluate(SIDEWAYS) > 0:
        found.append(f"scrolls sideways at {WIDE}")
    if not reads:
        page.set_viewport_size(TABLET)
        if page.evaluate(SIDEWAYS) > 0:
            found.append(f"scrolls sideways at {TABLET}")
    return found + page.evaluate("window.violations")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_page_is_accessible_and_fits_its_screen_in_both_languages(
    browser: Browser, live_server, site: Site, axe: str
) -> None:
    people, keys = furnished(site)
    walker, faults = Walker(browser, live_server.url), {}
    for stop in STOPS:
        address = stop.at(keys)
        for language in ("en", "zh-hans"):
            tab = walker.tab_of(people.get(stop.person), language)
            found = faults_of(tab, stop, live_server.url + address, axe, language)
            if found:
                faults[f"{stop.person or 'signed out'} {stop.url_name} {address} {language}"] = found
    walker.close()
    assert faults == {}


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_second_step_of_a_sign_in_is_accessible_and_fits_its_screen(
    browser: Browser, live_server, site: Site, axe: str
) -> None:
    people = people_of(site)
    set_up_app(people["tess"])
    walker, faults = Walker(browser, live_server.url), {}
    step = page("mfa_authenticate", "")
    tab = walker.tab_of(None, "en")
    tab.goto(f"{live_server.url}/accounts/login/")
    tab.fill("[name=login]", "tess")
    tab.fill("[name=password]", "correct horse battery")
    with tab.expect_navigation():
        tab.click("main form button")
    assert tab.url == live_server.url + step.at({})
    for language in ("en", "zh-hans"):
        found = faults_of(walker.tab_of(None, language), step, tab.url, axe, language)
        if found:
            faults[language] = found
    walker.close()
    assert faults == {}


def wrong_form(tab: Page, base: str) -> None:
    """A form of an earlier sign-in: its token is no longer good."""
    tab.goto(f"{base}/accounts/login/")
    tab.locator("main input[name=csrfmiddlewaretoken]").evaluate("field => field.value = 'x'.repeat(64)")
    tab.fill("[name=login]", "june")
    tab.fill("[name=password]", "correct horse battery")
    with tab.expect_navigation():
        tab.click("main form button")


def locked_out(tab: Page, base: str) -> None:
    """One attempt more than are allowed."""
    for _ in range(settings.AXES_FAILURE_LIMIT):
        Client().post("/accounts/login/", {"login": "june", "password": "wrong wrong wrong"})
    tab.goto(f"{base}/accounts/login/")
    tab.fill("[name=login]", "june")
    tab.fill("[name=password]", "correct horse battery")
    with tab.expect_navigation():
        tab.click("main form button")


FAILURES = {
    "The server failed": (500, lambda tab, base: tab.goto(f"{base}/test/broken")),
    "Not found": (404, lambda tab, base: tab.goto(f"{base}/no-such-page/")),
    "Not allowed": (403, lambda tab, base: tab.goto(f"{base}/test/forbidden")),
    "This form has grown old": (403, wrong_form),
    "Too many attempts": (429, locked_out),
}


@pytest.mark.browser
@pytest.mark.urls("tests.mammo.pages.pages_urls")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("title", FAILURES)
def test_pages_of_failures_are_accessible_and_fit_their_screen(
    browser: Browser, live_server, june: User, axe: str, title: str
) -> None:
    status, meet = FAILURES[title]
    walker = Walker(browser, live_server.url)
    tab = walker.tab_of(None, "en")
    statuses: list[int] = []
    tab.on("response", lambda answer: statuses.append(answer.status))
    meet(tab, live_server.url)
    assert tab.locator("h1").inner_text() == title
    assert status in statuses
    found = faults_shown(tab, axe)
    walker.close()
    assert found == []
