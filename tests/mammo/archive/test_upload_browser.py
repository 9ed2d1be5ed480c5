"""The upload page in a real browser: pieces, a broken connection, and what the data manager sees."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from mammo.accounts.models import Site, User
from mammo.archive import inbox
from mammo.archive.models import ImportItem
from mammo.archive.services import import_studies
from mammo.archive.views import uploads

from .files import mammogram
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
    source = mammogram(tmp_path / "a.dcm")
    broken = []

    def break_once(route: Route) -> None:
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
    (entry,) = inbox.entries(inbox.folder(site))
    inbox.unpack(site, entry, tmp_path / "b.dcm")
    assert (tmp_path / "b.dcm").read_bytes() == source.read_bytes()
    danas_page.goto(live_server.url + reverse("archive:imports"))
    expect(danas_page.locator("#imports-running")).to_contain_text("1 received, not imported yet")


def test_a_quarantined_file_is_seen_with_its_line(
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
    assert danas_page.locator("[name=masks]").input_value().count(",") == 3
    assert ImportItem.objects.get().resolved_at is None
