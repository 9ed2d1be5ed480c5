"""Correcting and picking in a real browser, by keyboard, at 1280 wide."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from annotation.models import Correction, Draft, Pick, Question
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.pages import fits, ready, saved, say_no_change, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_junior_corrects_and_a_senior_picks(
    narrow: Page,
    live_server: object,
    question: Question,
    june: User,
    sena: User,
    picture: Callable[[Page, str], None],
) -> None:
    page, url = narrow, live_server.url  # type: ignore[attr-defined]
    sign_in(page, url, june, "/annotation/correct/")
    picture(page, "worklist")
    page.click("text=Correct the next question")
    ready(page)
    send = page.locator("[data-submit]")
    expect(send).to_be_enabled()
    assert fits(page)
    picture(page, "correct_open")
    # Digits go to the texts, Escape leaves them, Shift and a digit is "no change needed".
    page.keyboard.press("1")
    page.keyboard.press("End")
    page.keyboard.type("1 次复查 vi 3")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("Control+End")
    page.keyboard.type("半年后复查。")
    expect(page.locator("[data-difference] ins").first).to_contain_text("复查")
    # What is not settled is not sent, and takes the focus.
    page.keyboard.press("Control+Enter")
    assert page.evaluate("document.activeElement.name").startswith("text-")
    page.keyboard.press("Escape")
    # Of an answer out of sight nothing is said: the first key shows it, the second marks it.
    page.locator("h1").first.scroll_into_view_if_needed()
    page.keyboard.press("Shift+Digit3")
    third = page.locator("[data-no-change]").nth(2)
    expect(third).not_to_be_checked()
    expect(third).to_be_in_viewport()
    page.keyboard.press("Shift+Digit3")
    expect(page.locator("[data-answer][data-state=open]")).to_have_count(0)
    page.locator("[data-answer] .tag input").first.check()
    expect(saved(page)).to_contain_text("Saved")
    picture(page, "correct_settled")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/correct/")
    expect(page.locator("#messages")).to_contain_text("sent in")
    assert Correction.objects.count() == 3
    assert sorted(Correction.objects.values_list("no_change", flat=True)) == [False, False, True]
    assert not Draft.objects.exists()
    assert page.evaluate("window.violations") == []

    page.context.clear_cookies()
    sign_in(page, url, sena, "/annotation/pick/")
    page.click("text=Pick for the next question")
    ready(page)
    assert fits(page)
    page.keyboard.press("2")
    expect(page.locator("[data-candidate] input[type=radio]").nth(1)).to_be_checked()
    page.keyboard.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type("请放心。")
    page.keyboard.press("Escape")
    page.locator("input[name=reasons]").first.check()
    expect(saved(page)).to_contain_text("Saved")
    picture(page, "pick")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/pick/")
    row = Pick.objects.get()
    assert row.edited
    assert row.text.endswith("请放心。")
    assert page.evaluate("window.violations") == []


def test_the_enter_of_an_input_method_neither_sends_nor_fires(
    narrow: Page, live_server: object, question: Question, june: User
) -> None:
    page = narrow
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")  # type: ignore[attr-defined]
    ready(page)
    say_no_change(page)
    expect(page.locator("[data-answer][data-state=open]")).to_have_count(0)
    fire = """([target, code, key, keyCode, isComposing]) => {
        const place = target === "body" ? document.body : document.querySelector(target);
        const event = new KeyboardEvent("keydown",
            { key, code, isComposing, ctrlKey: key === "Enter", bubbles: true, cancelable: true });
        Object.defineProperty(event, "keyCode", { get: () => keyCode });
        place.dispatchEvent(event);
    }"""
    page.evaluate(fire, ["textarea", "Enter", "Enter", 13, True])
    page.evaluate(fire, ["textarea", "Enter", "Enter", 229, False])
    page.evaluate(fire, ["body", "Digit1", "1", 229, False])
    page.evaluate(fire, ["textarea", "Digit2", "2", 50, False])
    page.wait_for_timeout(400)
    assert page.evaluate("document.activeElement.tagName") != "TEXTAREA"
    assert not Correction.objects.exists()


@pytest.mark.both_databases
def test_two_tabs_show_both_texts_and_lose_neither(
    narrow: Page,
    browser: Browser,
    live_server: object,
    question: Question,
    june: User,
    picture: Callable[[Page, str], None],
) -> None:
    page = narrow
    address = f"/annotation/correct/{question.pk}/"
    sign_in(page, live_server.url, june, address)  # type: ignore[attr-defined]
    other = page.context.new_page()
    other.goto(f"{live_server.url}{address}")  # type: ignore[attr-defined]
    page.locator("textarea").first.fill("第一个标签页的文字")
    expect(saved(page)).to_contain_text("Saved")
    other.locator("textarea").first.fill("第二个标签页的文字")
    panel = other.locator("#conflict")
    expect(panel).to_be_visible()
    expect(panel).to_contain_text("第一个标签页的文字")
    expect(panel).to_contain_text("第二个标签页的文字")
    expect(saved(other)).to_have_text("NOT saved")
    assert other.locator("textarea").first.input_value() == "第二个标签页的文字"
    picture(other, "conflict")
    # Typing on neither saves nor says so.
    other.locator("textarea").first.fill("第二个标签页的文字，继续")
    other.wait_for_timeout(2500)
    expect(saved(other)).to_have_text("Not saved yet")
    assert "第一个标签页的文字" in str(Draft.objects.get().content)
    # What is typed lies on the server alone.
    for tab in (page, other):
        kept = tab.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
        assert "标签页" not in kept
        assert "text-" not in kept


@pytest.mark.both_databases
def test_a_double_click_and_the_back_button_send_once(
    narrow: Page, live_server: object, question: Question, june: User
) -> None:
    page = narrow
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")  # type: ignore[attr-defined]
    ready(page)
    say_no_change(page)
    page.locator("[data-submit]").dblclick()
    page.wait_for_url("**/annotation/correct/")
    # Back to the page that was sent: it says so, and offers nothing to be sent a second time.
    page.go_back()
    page.wait_for_url(f"**/annotation/correct/{question.pk}/")
    expect(page.locator("main")).to_contain_text("What you sent in")
    expect(page.locator("[data-submit]")).to_have_count(0)
    assert Correction.objects.count() == 3
    assert set(Correction.objects.values_list("revision", flat=True)) == {1}


def test_the_pages_speak_chinese(
    narrow: Page, live_server: object, corrected: Question, sena: User, picture: Callable[[Page, str], None]
) -> None:
    page = narrow
    page.context.set_extra_http_headers({"Accept-Language": "zh-CN"})
    sign_in(page, live_server.url, sena, f"/annotation/pick/{corrected.pk}/")  # type: ignore[attr-defined]
    ready(page)
    expect(page.locator("[data-submit]")).to_have_text("选定并继续")
    expect(page.locator("legend").first).to_have_text("哪个回答最好？")
    picture(page, "pick_zh")
    assert scene.ANSWERS[2] in page.content()
