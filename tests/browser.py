"""Fixtures of tests in a real Chromium that notes every violation of the policy (named by tests/conftest.py).

A test fails at its end if any page that its tab showed violated the policy, unless it is marked `violates`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from mammo.core.assets import built_folder
from mammo.demo.browser import FLAGS
from tests.conftest import missing

# `window.violations` are those of this page; `noteViolation` tells the test, which the next page does not forget.
NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  const what = `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`;
  window.violations.push(what);
  if (window.noteViolation) window.noteViolation(`${location.pathname}: ${what}`);
});
"""


@contextmanager
def watched(context: BrowserContext) -> Iterator[list[str]]:
    """Violations of all pages of a context, as they happen; closes it."""
    seen: list[str] = []
    context.expose_binding("noteViolation", lambda _source, what: seen.append(what))
    context.add_init_script(NOTE_VIOLATIONS)
    try:
        yield seen
        for page in context.pages:
            with suppress(Error):  # a page that is gone has told what it had to tell
                page.evaluate("0")
    finally:
        context.close()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests of the folder."""
    if built_folder() is None:
        missing("the browser files are not built (make setup)")
    expect.set_options(timeout=30_000)  # a busy machine is no fault of the page
    with sync_playwright() as playwright:
        chromium_browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield chromium_browser
        chromium_browser.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page, 1400 x 1000; none of the pages that it shows may violate the policy."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    with watched(context) as seen:
        fresh = context.new_page()
        fresh.set_default_timeout(30_000)
        yield fresh
    if request.node.get_closest_marker("violates") is None:
        assert seen == [], "pages violated the content security policy"
