"""The upload page in a real browser: pieces, a broken connection, and what the data manager sees."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pydicom
import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from mammo.accounts.models import Site, User
from mammo.archive import inbox, storage
from mammo.archive.models import Image, ImportItem
from mammo.archive.services import import_studies
from mammo.archive.views import uploads

from .files import mammogram, picture
from .studies import PASSWORD
from .test_quarantine import item, written  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def danas_page(page: Page, live_server: Any, dana: User, client: Client) -> Page:
    """Dana, signed in."""
    client.force_login(dana)
    name = "sessionid"
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    return page


def test_a_file_is_sent_in_pieces_and_goes_on_after_a_break(
    danas_page: Page, live_server: Any, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 6000)
    source = mammogram(tmp_path / "王丽 WANG LI.dcm")
    broken, addresses = [], []

    def break_once(route: Route) -> None:
        addresses.append(unquote(route.request.url))
        if route.request.method == "PUT" and "offset=6000" in route.request.url and not broken:
            broken.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    danas_page.route("**/imports/upload/**", break_once)
    danas_page.goto(live_server.url + reverse("archive:upload"))
    danas_page.set_input_files("#upload-files", str(source))
    danas_page.click("#upload-form button")
    expect(danas_page.locator("#upload-list li")).to_contain_text("received", timeout=30_000)
    assert broken
    assert not any("WANG" in address or "王丽" in address for address in addresses)
    (entry,) = inbox.entries(inbox.folder(site))
    inbox.unpack(site, entry, tmp_path / "b.dcm")
    assert (tmp_path / "b.dcm").read_bytes() == source.read_bytes()
    danas_page.goto(live_server.url + reverse("archive:imports"))
    expect(danas_page.locator("#imports-running")).to_contain_text("1 received, not imported yet")


def test_a_session_that_ends_during_an_upload_loses_no_file(
    danas_page: Page, live_server: Any, site: Site, tmp_path: Path
) -> None:
    """The sign-in page's 200 is no receipt: she signs in over the page and the rest is sent."""
    files = [mammogram(tmp_path / f"{number}.dcm", image=picture(seed=number)) for number in range(2)]
    held: list[Route] = []

    def hold_first_end(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    danas_page.route("**/finish/**", hold_first_end)
    danas_page.goto(live_server.url + reverse("archive:upload"))
    danas_page.set_input_files("#upload-files", [str(file) for file in files])
    danas_page.click("#upload-form button")
    while not held:  # ended by the test's own limit
        danas_page.wait_for_timeout(20)
    Session.objects.all().delete()
    held[0].continue_()
    dialog = danas_page.locator("#sign-in-again")
    expect(dialog.locator("input[name=login]")).to_be_visible()
    expect(danas_page.locator("#upload-said")).to_contain_text("the session has ended")
    assert inbox.entries(inbox.folder(site)) == []
    dialog.locator("input[name=login]").fill("dana")
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.locator("[data-sign-in-here] button").first.click()
    for number in range(2):
        expect(danas_page.locator("#upload-list li").nth(number)).to_contain_text("received", timeout=30_000)
    expect(danas_page.locator("#upload-said")).to_have_text("received")
    assert len(inbox.entries(inbox.folder(site))) == 2
    assert danas_page.evaluate("window.violations") == []


def test_a_file_that_is_not_sent_is_counted_at_the_end(
    danas_page: Page, live_server: Any, site: Site, tmp_path: Path
) -> None:
    files = [mammogram(tmp_path / f"{number}.dcm", image=picture(seed=number)) for number in range(2)]
    refused: list[str] = []

    def refuse_first(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=413, body="<html>too large for this proxy</html>", content_type="text/html")

    danas_page.route("**/finish/**", refuse_first)
    danas_page.goto(live_server.url + reverse("archive:upload"))
    danas_page.set_input_files("#upload-files", [str(file) for file in files])
    danas_page.click("#upload-form button")
    expect(danas_page.locator("#upload-list li").nth(1)).to_contain_text("received", timeout=30_000)
    expect(danas_page.locator("#upload-list li").nth(0)).to_have_text("0.dcm: not sent (HTTP 413)")
    expect(danas_page.locator("#upload-said")).to_have_text("not sent: 1 / 2")


def test_the_bar_and_its_words_grow_with_every_piece_over_all_files(
    danas_page: Page, live_server: Any, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 6000)
    files = [mammogram(tmp_path / f"{number}.dcm", image=picture(seed=number)) for number in range(2)]
    total = sum(file.stat().st_size for file in files)
    danas_page.goto(live_server.url + reverse("archive:upload"))
    bar = danas_page.locator("#upload-progress")
    expect(bar).to_be_hidden()
    danas_page.evaluate("""() => {
      window.seen = [];
      const bar = document.getElementById("upload-progress");
      const note = () => window.seen.push([bar.value, bar.max, document.getElementById("upload-said").textContent]);
      new MutationObserver(note).observe(document.getElementById("upload-said"), { childList: true });
    }""")
    danas_page.set_input_files("#upload-files", [str(file) for file in files])
    danas_page.click("#upload-form button")
    expect(danas_page.locator("#upload-list li").nth(1)).to_contain_text("received", timeout=30_000)
    expect(bar).to_be_visible()
    seen = danas_page.evaluate("window.seen")
    values = [value for value, _most, _said in seen]
    assert len(set(values)) >= 2 * (total // 6000 // 2)
    assert values == sorted(values)
    assert (values[-1], {most for _value, most, _said in seen}) == (total, {total})
    told = [(value, said) for value, _most, said in seen if said.endswith("%")]
    assert all(said.endswith(f": {100 * value // total} %") for value, said in told)
    assert told[-1][1].endswith(": 100 %")


def boxes_of(page: Page) -> list[list[int]]:
    lines = page.locator("[name=masks]").input_value().splitlines()
    return [[int(number) for number in line.split(",")] for line in lines]


def test_a_quarantined_file_is_seen_and_its_line_blacked_out_on_the_picture(
    danas_page: Page,
    live_server: Any,
    site: Site,
    written: Path,  # noqa: F811
) -> None:
    import_studies([written], site=site, by_user=None)
    danas_page.goto(live_server.url + reverse("archive:quarantine"))
    danas_page.click("table a")
    crop = danas_page.locator("figure img")
    expect(crop).to_be_visible(timeout=30_000)
    assert crop.evaluate("image => image.naturalWidth") > 100
    expect(danas_page.locator(".masks g")).to_have_count(1)
    (found,) = boxes_of(danas_page)
    # A box drawn with the mouse over the lower left quarter, in the file's 420 x 500 pixels.
    picture = danas_page.locator(".masks svg")
    picture.scroll_into_view_if_needed()
    place = picture.bounding_box()
    assert place is not None
    danas_page.mouse.move(place["x"] + 1, place["y"] + place["height"] / 2)
    danas_page.mouse.down()
    danas_page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] - 1, steps=4)
    danas_page.mouse.up()
    drawn = boxes_of(danas_page)[1]
    assert all(abs(got - meant) <= 3 for got, meant in zip(drawn, (0, 250, 210, 250), strict=True))
    assert danas_page.input_value("[name=decision]") == "masked"
    # It has the focus: moved, resized and taken away by the keys alone; a new one by its key.
    danas_page.keyboard.press("ArrowRight")
    danas_page.keyboard.press("Control+Shift+ArrowUp")
    x, y, width, height = drawn
    assert boxes_of(danas_page)[1] == [x + 2, y, width, height - 1]
    danas_page.keyboard.press("Delete")
    assert boxes_of(danas_page) == [found]
    danas_page.keyboard.press("a")
    assert len(boxes_of(danas_page)) == 2
    danas_page.keyboard.press("Backspace")
    assert danas_page.locator("[data-masks-said]").inner_text() == "Box 2 was taken away"
    # Typing into a field adds no box.
    danas_page.fill("[name=reason]", "")
    danas_page.type("[name=reason]", "a name beside a breast")
    assert boxes_of(danas_page) == [found]
    danas_page.click("main form button[type=submit]")
    danas_page.wait_for_url(f"**{reverse('archive:quarantine')}")
    image = Image.objects.get()
    shown = pydicom.dcmread(storage.viewing_copies_root() / image.viewing_copy).pixel_array
    x, y, width, height = found
    assert (shown[y : y + height, x : x + width] == shown.min()).all()
    assert ImportItem.objects.get(decision="masked").resolved_at is not None
    assert danas_page.evaluate("window.violations") == []
