"""A page in a real browser that is used by keys alone."""

import re

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from mammo.accounts.models import User

MOST_TABS = 120


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

    def start(self, selector: str, address: str) -> None:
        """From home into the work by one button and one key, which has the focus already or is tabbed to."""
        if not self.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            self.tab_to(selector)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(re.compile(f"^{re.escape(self.base)}{address}$"))

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
