"""No white flash: a page is black before any of its style sheets has come, and so is the way from one to the next."""

import base64
import io
import re
import time
from collections.abc import Iterator

import numpy as np
import pytest
from django.conf import settings
from PIL import Image
from playwright.sync_api import CDPSession, Page, Route

from mammo.accounts.models import User
from mammo.core import dark_ground
from tests.annotation.test_browser import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GROUND = """() => {
  const look = getComputedStyle(document.documentElement);
  return {
    background: look.backgroundColor, scheme: look.colorScheme, state: document.readyState,
    sheets: [...document.styleSheets].filter((sheet) => sheet.href).length,
  };
}"""
BRIGHT = 60  # of 255: grey of a panel and below count as dark
HELD_MS = 700


def held_back(page: Page) -> list[Route]:
    """From now on no style sheet is answered until the test does so; returns the list of those that wait."""
    waiting: list[Route] = []
    page.route("**/*.css", lambda route: waiting.append(route))  # a bound method would not do
    return waiting


def comes_dark(page: Page, address: str) -> None:
    """Open `address` with its style sheets held back, and look at its ground before and after they come."""
    waiting = held_back(page)
    page.goto(address, wait_until="commit")
    deadline = time.monotonic() + 30
    while (
        not waiting and time.monotonic() < deadline
    ):  # nothing is drawn yet: playwright's own waiting would wait
        page.wait_for_timeout(50)
    early = page.evaluate(GROUND)
    assert waiting, "the page asked for no style sheet: this test proves nothing"
    assert early["sheets"] == 0
    assert early["state"] != "complete"
    assert (early["background"], early["scheme"]) == ("rgb(0, 0, 0)", "dark")
    while waiting:
        waiting.pop().continue_()
    page.unroute("**/*.css")
    page.wait_for_load_state("load")
    late = page.evaluate(GROUND)
    assert late["sheets"] > 0
    assert max(int(part) for part in re.findall(r"\d+", late["background"])[:3]) <= 40
    assert page.evaluate("window.violations") == []


def test_the_sign_in_page_is_black_before_its_style_sheets_come(page: Page, live_server) -> None:
    comes_dark(page, f"{live_server.url}/accounts/login/")


@pytest.mark.parametrize("address", ["/", "/annotation/correct/", "/api/docs/"])
def test_a_juniors_pages_are_black_before_their_style_sheets_come(
    page: Page, live_server, june: User, address: str
) -> None:
    sign_in(page, live_server.url, june, "/about/")
    page.wait_for_url("**/about/")
    comes_dark(page, live_server.url + address)


@pytest.mark.urls("tests.mammo.pages.pages_urls")
def test_the_page_of_a_failed_server_is_black_before_its_style_sheet_comes(page: Page, live_server) -> None:
    comes_dark(page, f"{live_server.url}/test/broken")


class Frames:
    """What the screen shows, picture by picture, while something is done."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.bright: list[float] = []
        self._tool: CDPSession = page.context.new_cdp_session(page)
        self._tool.on("Page.screencastFrame", self._seen)

    def _seen(self, frame: dict) -> None:
        picture = Image.open(io.BytesIO(base64.b64decode(frame["data"]))).convert("L")
        self.bright.append(float((np.asarray(picture) > BRIGHT).mean()))
        self._tool.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    def __enter__(self) -> "Frames":
        self._tool.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})
        return self

    def __exit__(self, *_: object) -> None:
        self.page.wait_for_timeout(300)
        self._tool.send("Page.stopScreencast")


@pytest.fixture
def slow_sheets(page: Page) -> Iterator[Page]:
    """A page whose style sheets all come late, as from a server far away."""

    def late(route: Route) -> None:
        page.wait_for_timeout(HELD_MS)
        route.continue_()

    page.route("**/*.css", late)
    yield page
    page.unroute_all(behavior="ignoreErrors")


def test_no_frame_between_two_pages_is_bright(slow_sheets: Page, live_server, june: User) -> None:
    page = slow_sheets
    sign_in(page, live_server.url, june, "/")
    page.wait_for_load_state("load")
    with Frames(page) as seen:
        for address in ("/annotation/correct/", "/annotation/news/", "/accounts/password/change/", "/"):
            page.goto(live_server.url + address)
        page.click("footer a")
        page.wait_for_url("**/about/")
        page.go_back()
    assert len(seen.bright) > 5
    assert max(seen.bright) < 0.3
    # The same measure sees a page that is light.
    with Frames(page) as seen:
        page.evaluate("document.body.style.background = 'white'")
    assert max(seen.bright) > 0.6


def test_the_policy_allows_this_one_rule_and_no_other(client, db: None) -> None:
    policy = client.get("/accounts/login/").headers["Content-Security-Policy"]
    assert dark_ground.SOURCE in policy
    assert client.get("/accounts/login/").content.decode().count("<style") == 1
    allowed = [word for word in settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["style-src"] if "sha" in word]
    assert allowed == [dark_ground.SOURCE]
