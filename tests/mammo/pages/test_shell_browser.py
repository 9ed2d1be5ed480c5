"""The shell's scripts in a real browser: nothing typed is lost, and nothing unsaved looks saved."""

import json
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.mammo.pages import pages_urls
from tests.mammo.viewer.study_server import Study, four_views

pytestmark = [
    pytest.mark.browser,
    pytest.mark.urls("tests.mammo.pages.pages_urls"),
    pytest.mark.django_db(transaction=True),
]

PASSWORD = "correct horse battery"


@pytest.fixture
def form(page: Page, live_server, june) -> Page:
    """June, signed in, at the form."""
    page.goto(f"{live_server.url}/accounts/login/?next=/test/form")
    page.fill("[name=login]", "june")
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_selector("#answer")
    return page


def choose(page: Page, outcome: str) -> None:
    page.evaluate(f"document.getElementById('outcome').value = '{outcome}'")


def state(page: Page):
    return page.locator("[data-save-state][role=status]")


def test_sign_in_and_form_break_no_rule_of_the_policy(form: Page) -> None:
    form.fill("#answer", "text")
    expect(form.locator("#saved")).to_have_text("kept")
    assert form.evaluate("window.violations") == []
    assert form.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(0, 0, 0)"


def test_typing_is_saved_and_said_to_be(form: Page) -> None:
    form.fill("#answer", "text")
    expect(state(form)).to_contain_text("Saved")
    assert state(form).get_attribute("data-state") == "saved"


def test_a_stale_save_shows_both_texts_as_text_and_keeps_what_was_typed(form: Page) -> None:
    choose(form, "conflict")
    form.fill("#answer", "mine <img src=x>")
    panel = form.locator("#conflict")
    expect(panel).to_be_visible()
    expect(panel).to_contain_text("theirs <b>")
    expect(panel).to_contain_text("mine <img src=x>")
    assert form.input_value("#answer") == "mine <img src=x>"
    expect(state(form)).to_have_text("NOT saved")
    form.click("[data-close-conflict]")
    expect(panel).to_be_hidden()


def test_a_server_error_is_said_aloud_and_goes_with_the_next_success(form: Page) -> None:
    choose(form, "fail")
    form.fill("#answer", "text")
    expect(form.locator("#problem")).to_contain_text("500")
    expect(state(form)).to_have_text("NOT saved")
    assert form.input_value("#answer") == "text"
    choose(form, "ok")
    form.fill("#answer", "text, again")
    expect(form.locator("#problem")).to_be_hidden()
    expect(state(form)).to_contain_text("Saved")


def test_a_dead_network_is_said_aloud(form: Page) -> None:
    form.route("**/test/save", lambda route: route.abort())
    form.fill("#answer", "text")
    expect(form.locator("#problem")).to_contain_text("cannot be reached")
    expect(state(form)).to_have_text("NOT saved")


def test_an_ended_session_offers_a_sign_in_in_a_new_tab_and_leaves_the_page_alone(form: Page) -> None:
    choose(form, "gone")
    form.fill("#answer", "a long text")
    dialog = form.locator("#sign-in-again")
    expect(dialog).to_be_visible()
    assert dialog.locator("a").get_attribute("target") == "_blank"
    expect(state(form)).to_have_text("NOT saved")
    expect(form.locator("#saved")).to_have_text("")
    assert form.input_value("#answer") == "a long text"


def test_a_whole_page_is_never_swapped_into_a_form(form: Page) -> None:
    choose(form, "elsewhere")
    form.fill("#answer", "text")
    expect(state(form)).to_have_text("NOT saved")
    expect(form.locator("#saved")).to_have_text("")


def test_the_text_is_saved_after_signing_in_again_in_another_tab(form: Page, live_server) -> None:
    form.context.clear_cookies(name="sessionid")
    other = form.context.new_page()
    other.goto(f"{live_server.url}/accounts/login/")
    other.fill("[name=login]", "june")
    other.fill("[name=password]", PASSWORD)
    other.click("main form button")
    other.wait_for_selector("text=Welcome")
    form.fill("#answer", "still here")
    expect(form.locator("#saved")).to_have_text("kept")


def test_a_refused_form_shows_its_errors_and_is_not_called_saved(form: Page) -> None:
    choose(form, "invalid")
    form.fill("#answer", "x")
    expect(form.locator("#saved")).to_have_text("too short")
    expect(state(form)).to_have_text("NOT saved")
    expect(form.locator("#problem")).to_be_hidden()


def test_a_form_is_closed_until_the_viewer_shows_every_image(form: Page) -> None:
    send = form.locator("[data-needs-views]")
    expect(send).to_be_disabled()
    tell = """([name, shown]) => {
      const viewer = document.querySelector("#viewer") ?? document.createElement("div");
      viewer.id = "viewer";
      document.body.append(viewer);
      viewer.dispatchEvent(new CustomEvent(name, {bubbles: true, detail: {shown}}));
    }"""
    form.evaluate(tell, ["mammo-viewer:ready", ["RCC", "LCC"]])
    expect(send).to_be_enabled()
    assert form.input_value("[name=views_shown]") == "RCC LCC"
    form.evaluate(tell, ["mammo-viewer:failed", ["RCC"]])
    expect(send).to_be_disabled()
    assert form.input_value("[name=views_shown]") == ""


def serve_study(page: Page, study: Study) -> None:
    page.route("**/test/study.json", lambda route: route.fulfill(json=json.loads(study.description())))
    page.route(
        "**/archive/images/**",
        lambda route: route.fulfill(body=study.files[urlsplit(route.request.url).path]),
    )


def test_a_reading_page_opens_its_form_with_the_last_image(page: Page, live_server) -> None:
    study = four_views()
    serve_study(page, study)
    page.goto(f"{live_server.url}/test/reading")
    expect(page.locator("[data-needs-views]")).to_be_enabled(timeout=30_000)
    assert page.input_value("[name=views_shown]") == "RCC LCC RMLO LMLO"
    expect(page.locator("[data-gate-note]")).to_be_hidden()
    assert page.evaluate("window.violations") == []


def test_a_reading_page_keeps_its_form_closed_when_an_image_is_broken(page: Page, live_server) -> None:
    study = four_views()
    study.files[study.images[0]["url"]] = b"not an image"
    serve_study(page, study)
    page.goto(f"{live_server.url}/test/reading")
    page.wait_for_selector('mammo-viewer[data-failed="RCC"]', state="attached")
    expect(page.locator("[data-needs-views]")).to_be_disabled()
    expect(page.locator("[data-gate-note]")).to_be_visible()


def test_a_worklist_is_walked_by_keys(form: Page) -> None:
    focused = "document.activeElement.id"
    form.focus("#row1")
    for key, row in (
        ("j", "row2"),
        ("ArrowDown", "row3"),
        ("j", "row3"),
        ("k", "row2"),
        ("Home", "row1"),
        ("End", "row3"),
    ):
        form.keyboard.press(key)
        assert form.evaluate(focused) == row
    # From nowhere on the page j begins at the first row, unless single keys are off.
    form.evaluate("document.activeElement.blur()")
    form.keyboard.press("j")
    assert form.evaluate(focused) == "row1"
    form.evaluate("document.activeElement.blur(); document.documentElement.dataset.keys = 'off'")
    form.keyboard.press("j")
    assert form.evaluate(focused) == ""


def test_a_double_click_sends_a_plain_form_once(form: Page) -> None:
    pages_urls.counts["slow"] = 0
    form.evaluate(
        "() => { const b = document.getElementById('send'); b.click(); setTimeout(() => b.click(), 50); }"
    )
    form.wait_for_selector("text=done")
    assert pages_urls.counts["slow"] == 1


def test_a_form_that_answers_with_a_file_rests_a_moment_and_works_again(form: Page) -> None:
    pages_urls.counts["file"] = 0
    button, sign = form.locator("#fetch"), form.locator("#busy")
    for fetched in (1, 2):
        with form.expect_download() as download:
            button.dblclick()
            expect(sign).to_be_visible()
            expect(button).to_be_disabled()
        assert download.value.suggested_filename == "rows.csv"
        expect(button).to_be_enabled()
        expect(sign).to_be_hidden()
        assert pages_urls.counts["file"] == fetched


def test_the_page_turns_chinese_by_its_switch(form: Page) -> None:
    form.click("button[lang=zh-hans]")
    form.wait_for_selector("html[lang=zh-hans]")
    expect(form.locator(".site-foot")).to_contain_text("研究用软件")


def test_the_card_of_keys_opens_by_its_key_but_never_while_someone_writes(form: Page) -> None:
    card = form.locator("#keys-card")
    form.focus("#answer")
    form.keyboard.type("what? g1")
    expect(card).to_be_hidden()
    assert form.input_value("#answer") == "what? g1"
    form.focus("#send")
    form.keyboard.press("?")
    expect(card).to_be_visible()
    form.keyboard.press("Escape")
    expect(card).to_be_hidden()
    assert form.evaluate("document.activeElement.id") == "send"
    form.set_viewport_size({"width": 1000, "height": 300})
    form.focus("#line")
    form.keyboard.press("?")
    expect(card).to_be_visible()
    assert card.evaluate("(card) => card.scrollTop") == 0


def test_no_key_fires_while_an_input_method_composes(form: Page) -> None:
    form.focus("#send")
    form.evaluate(
        """() => document.activeElement.dispatchEvent(
             new KeyboardEvent("keydown", {key: "?", bubbles: true, isComposing: true}))"""
    )
    expect(form.locator("#keys-card")).to_be_hidden()


def test_single_keys_can_be_switched_off_and_the_browser_remembers_it(form: Page) -> None:
    form.click("[data-open-keys]")
    form.uncheck("#single-keys")
    form.keyboard.press("Escape")
    form.reload()
    form.focus("#send")
    form.keyboard.press("?")
    expect(form.locator("#keys-card")).to_be_hidden()
    form.click("[data-open-keys]")
    expect(form.locator("#keys-card")).to_be_visible()
    form.check("#single-keys")


def test_g_and_a_digit_lead_to_a_place_and_g_and_h_lead_home(form: Page, live_server) -> None:
    form.focus("#send")
    form.keyboard.press("g")
    form.keyboard.press("1")
    form.wait_for_url(f"{live_server.url}/annotation/correct/")
    form.keyboard.press("g")
    form.keyboard.press("h")
    form.wait_for_url(f"{live_server.url}/")


def test_the_first_tab_of_a_page_skips_to_its_content(form: Page, live_server) -> None:
    form.goto(f"{live_server.url}/about/")
    form.keyboard.press("Tab")
    assert form.evaluate("document.activeElement.className") == "skip-link"
    form.keyboard.press("Enter")
    assert form.evaluate("document.activeElement.id") == "main"


def test_a_slow_answer_is_said_to_be_on_its_way(form: Page) -> None:
    # The page is left while the sign stands, so it is remembered for the next one.
    form.evaluate(
        """() => {
          document.getElementById("plain").action = "/test/slower";
          const sign = document.getElementById("busy");
          const note = () => sessionStorage.setItem("busy", String(!sign.hidden));
          new MutationObserver(note).observe(sign, {attributes: true});
        }"""
    )
    form.click("#send")
    form.wait_for_selector("text=done")
    assert form.evaluate("sessionStorage.getItem('busy')") == "true"
