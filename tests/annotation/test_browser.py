"""Correcting and picking in a real browser, by keyboard, at 1280 wide."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from annotation.models import Correction, Draft, Pick, Question
from mammo.accounts.models import User
from tests.annotation import scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


@pytest.fixture
def narrow(page: Page) -> Page:
    """A laptop's page, 1280 x 800."""
    page.set_viewport_size({"width": 1280, "height": 800})
    return page


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[Page, str], None]:
    """Takes a screenshot; into MAMMO_SCREENSHOTS where that is set."""
    folder = Path(os.environ.get("MAMMO_SCREENSHOTS", tmp_path))

    def take(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", full_page=True)

    return take


def sign_in(page: Page, url: str, person: User, to: str) -> None:
    """Sign in and go to a page."""
    page.goto(f"{url}/accounts/login/?next={to}")
    page.fill("[name=login]", person.username)
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")


def fits(page: Page) -> bool:
    """Whether nothing needs horizontal scrolling."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def saved(page: Page) -> Locator:
    """The place that says whether what is typed is saved."""
    return page.locator("[data-save-state][role=status]")


def ready(page: Page) -> None:
    """Wait until all pictures are shown."""
    page.wait_for_selector("mammo-viewer[data-ready='1']", timeout=60_000)


def say_no_change(page: Page) -> None:
    """Of all three answers, by keys: once more where the first press only showed the answer."""
    for place in range(3):
        page.keyboard.press(f"Shift+Digit{place + 1}")
        if not page.locator("[data-no-change]").nth(place).is_checked():
            page.keyboard.press(f"Shift+Digit{place + 1}")


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


def test_a_double_click_sends_once(narrow: Page, live_server: object, question: Question, june: User) -> None:
    page = narrow
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")  # type: ignore[attr-defined]
    ready(page)
    say_no_change(page)
    page.locator("[data-submit]").dblclick()
    page.wait_for_url("**/annotation/correct/")
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
