"""In a browser: the guideline's drawer by keys alone, and beside two texts that are to be compared."""

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Question
from annotation.services import campaign_settings
from annotation.services.drafts import save_draft
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.pages import at_work, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def guided(plain: Campaign, rita: User) -> Question:
    """A question without a study in a campaign with a guideline."""
    campaign_settings.change_guideline(
        plain, "## 复查时间\n3类六个月。", edition="第2版", by_user=rita, expected_version=plain.version
    )
    (question,) = scene.proposed(plain, 1)
    return question


def test_the_drawer_takes_the_focus_and_gives_it_back(
    narrow: Page, live_server: object, plain: Campaign, june: User, rita: User
) -> None:
    page = at_work(narrow, live_server, june, "correct", guided(plain, rita))
    drawer, switch = page.locator("#guideline"), page.locator("[data-no-change]").first
    switch.focus()
    page.keyboard.press("l")
    expect(drawer).to_be_focused()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(switch).to_be_focused()


def test_the_drawer_makes_room_for_two_texts(
    narrow: Page, live_server: object, plain: Campaign, june: User, rita: User
) -> None:
    question = guided(plain, rita)
    page = at_work(narrow, live_server, june, "correct", question)
    drawer, conflict = page.locator("#guideline"), page.locator("#conflict")
    page.locator("[data-guideline]").click()
    expect(drawer).to_be_focused()
    save_draft(question, by_user=june, purpose="correct", content={"items": {}}, expected_version=0)
    page.locator("[data-answer] textarea").first.fill("密度为C类。")
    expect(conflict).to_be_visible()
    expect(drawer).to_be_hidden()
    expect(conflict).to_be_focused()
    page.keyboard.press("l")
    expect(drawer).to_be_focused()
    left, right = conflict.bounding_box(), drawer.bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] >= right["x"] + right["width"]


def test_closing_a_campaign_is_asked_first(
    narrow: Page, live_server: object, plain: Campaign, rita: User
) -> None:
    page = narrow
    sign_in(page, live_server.url, rita, f"/annotation/campaigns/{plain.pk}/")  # type: ignore[attr-defined]
    page.get_by_text("Close the campaign", exact=True).click()
    plain.refresh_from_db()
    assert plain.state == "open"
    expect(page.get_by_text("the campaign can be opened again")).to_be_visible()
    page.get_by_label("Why it is closed").fill("招募结束")
    page.get_by_role("button", name="Close it now").click()
    expect(page.locator("#messages")).to_contain_text("The campaign is closed.")
    plain.refresh_from_db()
    assert plain.state == "closed"
