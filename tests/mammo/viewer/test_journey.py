"""A reader describes the display, judges without a view that can't be decoded, and sends in: browser and server."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.models import Correction, Question
from mammo.accounts.models import User
from mammo.archive import displays, storage
from mammo.archive.models import DisplayCheck, JudgedOnScreen, ViewsShown
from tests.annotation import scene
from tests.mammo.viewer import screens

pytestmark = [pytest.mark.browser, pytest.mark.real_screens, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def question(site: Any, rita: User, june: User, sena: User) -> Question:
    """A question about a study of four views, one of which is cut off on the disk."""
    study = scene.patient_with_study(site, "M001", "N001")
    campaign = scene.open_campaign_of(rita, [june], [sena], name="Screens")
    (asked,) = scene.ask(campaign, scene.row("我需要复查吗？", 2, "M001", "N001"))
    scene.propose(campaign, [asked])
    broken = storage.viewing_copies_root() / study.images.get(laterality="L", view="MLO").viewing_copy
    broken.write_bytes(broken.read_bytes()[:-200])
    asked.refresh_from_db()
    return asked


@pytest.fixture
def signed_in(page: Page, live_server: Any, client: Client) -> Callable[[User], Page]:
    def enter(user: User) -> Page:
        client.force_login(user)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
        page.context.add_cookies([cookie])
        return page

    return enter


def describe_display(page: Page) -> None:
    """The form of the page "This display", as a reader fills it in."""
    expect(page.locator("[data-found][data-verdict=yes]")).to_be_visible()
    # The pattern is drawn pixel for pixel: no line of it is lost or doubled.
    assert page.get_attribute("#pattern [data-slot=LOTHER]", "data-mm-per-pixel") == "0.25000"
    page.locator("[data-card-width]").evaluate(
        "(slider) => { slider.value = 428; slider.dispatchEvent(new Event('input')); }"
    )
    page.check("#id_card_fits")
    page.check("#id_dark")
    page.check("#id_light")
    page.fill("#id_model", "Maker M5")
    page.fill("#id_columns", "2048")
    page.fill("#id_rows", "2560")
    page.fill("#id_luminance", "500")
    page.click("#display button[type=submit]")


@pytest.mark.parametrize("earlier", [None, {"screen_width": 1280, "screen_height": 800}])
def test_the_reason_and_the_way_stand_beside_the_dead_button(
    signed_in: Callable[[User], Page],
    live_server: Any,
    question: Question,
    june: User,
    earlier: dict[str, Any] | None,
) -> None:
    if earlier:  # the screen has another size than the one described
        displays.record_display(screens.measured(**earlier), screens.stated(), by_user=june)
    page = signed_in(june)
    page.set_viewport_size({"width": 1280, "height": 720})
    address = reverse("annotation:correct", args=[question.pk])
    page.goto(live_server.url + address)
    expect(page.locator("mammo-viewer")).to_have_attribute("data-refusal", re.compile("not described"))
    for box in page.locator("[data-no-change]").all():
        box.check()
    expect(page.locator("[data-answer][data-state=open]")).to_have_count(0)
    expect(page.locator("[data-submit]")).to_be_in_viewport()
    note = page.locator("[data-gate-note]")
    expect(note).to_be_in_viewport()
    expect(note).to_contain_text("not described")
    # Full lines over the whole width of the bar, which takes no more than these and the button's.
    bar, told = page.locator(".send").bounding_box(), note.bounding_box()
    assert bar is not None
    assert told is not None
    assert told["width"] > 0.9 * bar["width"]
    assert bar["height"] < 100
    # Said once more after a draft was saved, in the same words.
    page.locator("[data-note]").first.evaluate("note => { note.closest('details').open = true; }")
    page.locator("[data-note]").first.fill("More.")
    expect(page.locator("[data-save-state][role=status]")).to_contain_text("Saved")
    expect(note.locator("a")).to_have_count(1)
    note.locator("a").click()
    page.wait_for_url(f"**{reverse('archive:display')}?next={address.replace('/', '%2F')}")


def test_a_display_is_described_and_a_view_that_fails_is_judged_without(
    signed_in: Callable[[User], Page], live_server: Any, question: Question, june: User
) -> None:
    page = signed_in(june)
    page.goto(live_server.url + reverse("annotation:correct", args=[question.pk]))
    # Said above the answers and, where those scroll it away, beside the button; not over the pictures as well.
    expect(page.locator("mammo-viewer")).to_have_attribute("data-refusal", re.compile("not described"))
    expect(page.locator("[data-display-notice]")).to_have_count(1)
    expect(page.locator(".mv-refusal")).to_have_count(0)
    expect(page.locator("[data-gate-note] a")).to_be_visible()
    page.click("[data-display-notice] a")
    describe_display(page)
    page.wait_for_url(f"**{reverse('annotation:correct', args=[question.pk])}")
    check = DisplayCheck.objects.get(by_user=june)
    assert (check.model, check.webgl, check.decodes, check.verdict) == ("Maker M5", True, True, "limits")
    assert float(check.mm_per_device_pixel or 0) == pytest.approx(85.6 / 428, abs=1e-4)
    # The view that does not decode says so in its slot, and nothing can be sent in.
    failed = page.locator("[data-slot=LMLO]")
    expect(failed).to_have_attribute("data-state", "error")
    expect(failed.locator(".mv-notice")).to_contain_text("could not be shown")
    for box in page.locator("[data-no-change]").all():
        box.check()
    expect(page.locator("[data-submit]")).to_be_disabled()
    note = page.locator("[data-gate-note]")
    expect(note).to_contain_text("LMLO")
    # What lacks is still said once a draft was saved, which settles the page anew.
    page.evaluate(
        "document.body.addEventListener('htmx:afterSettle', () => { document.body.dataset.hasSettled = 1; })"
    )
    page.locator("textarea").first.press_sequentially("More.")
    expect(page.locator("body")).to_have_attribute("data-has-settled", "1")
    expect(note).to_contain_text("LMLO")
    # Declared by the button, taken back by the key, declared again.
    failed.locator(".mv-declare-open").click()
    page.click(".mv-declare button >> nth=0")
    expect(page.locator("[data-submit]")).to_be_enabled()
    failed.press("u")
    expect(page.locator("[data-submit]")).to_be_disabled()
    failed.press("u")
    page.locator(".mv-declare button").first.click()
    expect(failed.locator(".mv-notice")).to_contain_text("declared unavailable")
    page.click("[data-submit]")
    expect(page).not_to_have_url(live_server.url + reverse("annotation:correct", args=[question.pk]))
    assert Correction.objects.filter(proposal__question=question).count() == 3
    views = ViewsShown.objects.order_by("-created_at")[0]
    assert (views.unavailable, views.display, len(views.shown)) == ({"LMLO": "not_loaded"}, check, 3)
    assert JudgedOnScreen.objects.filter(views=views).count() == 3
    assert page.evaluate("window.violations") == []
