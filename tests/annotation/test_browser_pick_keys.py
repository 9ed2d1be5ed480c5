"""In a real browser: picking by keys alone, with its reasons, and "none is acceptable" both ways."""

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Correction, Pick, Question, Return
from annotation.reasons import PickReason
from mammo.accounts.models import User
from tests.annotation.pages import sign_in, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def taken_by_keys(page: Page, live_server: object, sena: User) -> None:
    """From the worklist to the question."""
    sign_in(page, live_server.url, sena, "/annotation/pick/")  # type: ignore[attr-defined]
    page.wait_for_load_state()
    tab_to(page, page.locator("main form[action$='/next/'] button"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/annotation/pick/*-*/")
    page.wait_for_load_state()


def test_an_answer_is_picked_with_its_reason_and_a_small_edit_by_keys_alone(
    narrow: Page,
    live_server: object,
    waiting: Question,
    sena: User,
) -> None:
    page = narrow
    taken_by_keys(page, live_server, sena)
    shown = [one.get_attribute("value") for one in page.locator("[name=correction]").all()]
    page.keyboard.press("2")
    expect(page.locator("[name=correction]").nth(1)).to_be_checked()
    page.keyboard.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type("1。")
    page.keyboard.press("Escape")
    expect(page.locator("[name=correction]").nth(1)).to_be_checked()
    page.keyboard.press("3")
    page.keyboard.press("2")
    reason = page.locator("input[name=reasons]").first
    tab_to(page, reason)
    page.keyboard.press("Space")
    expect(reason).to_be_checked()
    tab_to(page, page.locator("#reason"))
    page.keyboard.type("时间写对了 1 2 3 e")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/pick/")
    row = Pick.objects.get()
    assert (str(row.correction_id), row.edited, row.reason) == (shown[1], True, "时间写对了 1 2 3 e")
    assert row.text.endswith("1。")
    assert row.reason_codes == [PickReason.values[0]]


def test_none_is_acceptable_goes_back_with_reasons_by_keys_alone(
    narrow: Page,
    live_server: object,
    waiting: Question,
    sena: User,
) -> None:
    page = narrow
    taken_by_keys(page, live_server, sena)
    tab_to(page, page.locator("details.return > summary"))
    page.keyboard.press("Enter")
    wrong = page.locator("input[name=return_reasons]")
    expect(wrong.first).to_be_visible()
    for place in (0, 1):
        tab_to(page, wrong.nth(place))
        page.keyboard.press("Space")
        expect(wrong.nth(place)).to_be_checked()
    codes = sorted(str(wrong.nth(place).get_attribute("value")) for place in (0, 1))
    tab_to(page, page.locator("#return_reason"))
    page.keyboard.type("复查时间没有写 3")
    tab_to(page, page.get_by_role("button", name="Send back"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/annotation/pick/")
    row = Return.objects.get()
    assert (row.reason, row.reason_codes) == ("复查时间没有写 3", codes)
    assert not Pick.objects.exists()


def test_an_own_answer_is_written_and_sent_by_keys_alone(
    narrow: Page,
    live_server: object,
    waiting: Question,
    sena: User,
) -> None:
    page = narrow
    taken_by_keys(page, live_server, sena)
    tab_to(page, page.locator("details.return > summary"))
    page.keyboard.press("Space")
    tab_to(page, page.locator("#written"))
    page.keyboard.type("请六个月后复查超声。")
    tab_to(page, page.locator("#written_reason"))
    page.keyboard.type("都漏了超声")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/pick/")
    row = Pick.objects.get()
    assert (row.correction, row.text, row.reason) == (None, "请六个月后复查超声。", "都漏了超声")
    assert Correction.objects.count() == 3
