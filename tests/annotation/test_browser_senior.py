"""In a real browser: what a senior types beside the choice is kept as the choice is, and sent only by its own button."""

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Correction, Draft, Pick, Question, Return
from mammo.accounts.models import User
from tests.annotation.pages import at_work, open_none, saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WRITTEN = "请六个月后复查超声，如有不适请随时就诊。"


def test_an_own_answer_that_is_refused_stays_and_is_saved(
    narrow: Page,
    live_server: object,
    waiting: Question,
    sena: User,
) -> None:
    page = at_work(narrow, live_server, sena, "pick", waiting)
    open_none(page)
    copied = Correction.objects.candidates(waiting)[0].text
    page.fill("#written", copied)
    page.fill("#written_reason", "都漏了超声")
    page.fill("#return_reason", "复查时间没有写")
    expect(saved(page)).to_have_text("Not saved yet")
    page.get_by_role("button", name="Send in my answer").click()
    expect(page.get_by_text("says exactly this")).to_be_visible()
    assert page.input_value("#written") == copied
    expect(saved(page)).to_contain_text("Saved")
    page.reload()
    assert page.input_value("#written") == copied
    assert page.input_value("#written_reason") == "都漏了超声"
    assert page.input_value("#return_reason") == "复查时间没有写"
    page.fill("#written", WRITTEN)
    page.get_by_role("button", name="Send in my answer").dblclick()
    page.wait_for_url("**/annotation/pick/")
    row = Pick.objects.get()
    assert (row.correction, row.text, row.reason) == (None, WRITTEN, "都漏了超声")
    assert not Draft.objects.exists()


def test_an_answer_sent_to_a_closed_campaign_is_not_lost(
    narrow: Page,
    live_server: object,
    waiting: Question,
    sena: User,
) -> None:
    page = at_work(narrow, live_server, sena, "pick", waiting)
    open_none(page)
    page.fill("#written", WRITTEN)
    page.fill("#written_reason", "都漏了超声")
    Campaign.objects.update(state="closed")
    page.get_by_role("button", name="Send in my answer").click()
    expect(page.get_by_text("is not open")).to_be_visible()
    expect(saved(page)).to_contain_text("Saved")
    assert page.input_value("#written") == WRITTEN
    assert Draft.objects.get(user=sena).content["written"] == WRITTEN
    assert not Pick.objects.exists()


def test_enter_beside_the_choice_sends_no_judgement(
    narrow: Page,
    live_server: object,
    waiting: Question,
    sena: User,
) -> None:
    page = at_work(narrow, live_server, sena, "pick", waiting)
    page.keyboard.press("1")
    open_none(page)
    page.fill("#written_reason", "没写完的理由")
    page.locator("#written_reason").press("Enter")
    page.wait_for_timeout(500)
    assert not Pick.objects.exists()
    # With Ctrl it means the part it is typed in: never the choice above.
    page.fill("#return_reason", "复查时间没有写")
    page.locator("#return_reason").press("Control+Enter")
    page.wait_for_url("**/annotation/pick/")
    assert Return.objects.get().reason == "复查时间没有写"
    assert not Pick.objects.exists()


def test_pictures_still_loading_hold_back_every_button(
    narrow: Page,
    live_server: object,
    corrected: Question,
    sena: User,
) -> None:
    page = narrow
    page.route("**/images/**", lambda route: None)
    at_work(page, live_server, sena, "pick", corrected)
    open_none(page)
    for name in ("Pick and go on", "Send back", "Send in my answer"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()


def test_an_adjudicators_words_are_saved_and_the_question_can_be_left(
    narrow: Page, live_server: object, disputed: Question, ada: User
) -> None:
    page = at_work(narrow, live_server, ada, "adjudicate", disputed)
    page.keyboard.press("2")
    page.fill("#reason", "复查时间写对了")
    expect(saved(page)).to_contain_text("Saved")
    page.reload()
    page.wait_for_load_state()
    expect(page.locator("[data-candidate] input[type=radio]").nth(1)).to_be_checked()
    assert page.input_value("#reason") == "复查时间写对了"
    page.get_by_text("Leave it to somebody else").click()
    page.select_option("#skip-code", index=1)
    page.fill("#skip-reason", "我认识这位病人")
    page.get_by_role("button", name="Skip this question").click()
    page.wait_for_url("**/annotation/adjudicate/")
    assert Draft.objects.get(user=ada).content["reason"] == "复查时间写对了"
    assert not Pick.objects.filter(is_adjudication=True).exists()
