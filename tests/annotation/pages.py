"""What the browser tests of annotation do on every page: sign in, wait for it, read what it says of saving."""

from typing import Any

from playwright.sync_api import Locator, Page

from annotation.models import Question
from mammo.accounts.models import User

PASSWORD = "correct horse battery"


def sign_in(page: Page, url: str, person: User, to: str) -> None:
    """Sign in and go to a page."""
    page.goto(f"{url}/accounts/login/?next={to}")
    page.fill("[name=login]", person.username)
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")


def fits(page: Page) -> bool:
    """Whether nothing needs horizontal scrolling."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def saved(page: Page) -> Locator:
    """The place that says whether what is typed is saved."""
    return page.locator("[data-save-state][role=status]")


def ready(page: Page) -> None:
    """Wait until all pictures are shown."""
    page.wait_for_selector("mammo-viewer[data-ready='1']", timeout=60_000)


def say_no_change(page: Page) -> None:
    """Of all three answers, by keys: once more where the first press only showed the answer."""
    for place in range(3):
        page.keyboard.press(f"Shift+Digit{place + 1}")
        if not page.locator("[data-no-change]").nth(place).is_checked():
            page.keyboard.press(f"Shift+Digit{place + 1}")


def at_work(page: Page, live_server: Any, person: User, purpose: str, question: Question) -> Page:
    """The page where this person corrects, picks or adjudicates a question, its keys and drafts awake."""
    sign_in(page, live_server.url, person, f"/annotation/{purpose}/{question.pk}/")
    page.wait_for_load_state()  # they are a module
    return page


def open_none(page: Page) -> None:
    """Open the part for “None is acceptable”."""
    page.locator("details.return > summary").click()


def tab_to(page: Page, target: Locator, most: int = 40) -> None:
    """Press Tab until the focus is there."""
    for _press in range(most):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} was not reached by {most} presses of Tab")
