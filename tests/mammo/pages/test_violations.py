"""Violations of the content security policy are held against a test whichever of its pages committed them."""

import pytest
from playwright.sync_api import Browser, Route

from tests.browser import watched

pytestmark = pytest.mark.browser


def _answer(route: Route) -> None:
    policy = "script-src 'none'" if route.request.url.endswith("/first") else ""
    headers = {"Content-Type": "text/html", "Content-Security-Policy": policy}
    route.fulfill(body="<!doctype html><script>window.ran = true</script>", headers=headers)


def test_a_violation_outlives_the_page_that_committed_it(browser: Browser) -> None:
    context = browser.new_context()
    context.route("http://site.test/*", _answer)
    with watched(context) as seen:
        page = context.new_page()
        page.goto("http://site.test/first")
        page.goto("http://site.test/second")
        assert page.evaluate("[window.ran, window.violations]") == [True, []]
    assert [what.split()[0] for what in seen] == ["/first:"]
    assert "script-src" in seen[0]
