"""The session ends while somebody works: they sign in over the page, and nothing they typed is lost."""

import time

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from annotation.models import Draft, Pick, Question
from mammo.accounts.models import User
from tests.access.test_second_factor import code_of
from tests.annotation.conftest import campaign, corrected, question, study  # noqa: F401
from tests.annotation.pages import ready, saved, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "correct horse battery"
TYPED = "您的乳腺密度为C类，建议一年后复查。这些字不能丢。"


HOURS = 3600


def put_clock(name: str, seconds_ago: float) -> None:
    """Let the clock `opened` or `seen` of every session have started so many seconds ago."""
    for key in Session.objects.values_list("session_key", flat=True):
        store = SessionStore(key)
        store[f"mammo_{name}"] = time.time() - seconds_ago
        store.save()


def type_password(page: Page, name: str) -> None:
    dialog = page.locator("#sign-in-again")
    expect(dialog).to_be_visible()
    dialog.locator("input[name=login]").fill(name)
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.locator("[data-sign-in-here] button").first.click()


@pytest.mark.both_databases
def test_a_junior_types_on_and_signs_in_over_the_page(
    page: Page,
    live_server: object,
    question: Question,  # noqa: F811
    june: User,
    jack: User,
) -> None:
    address = f"/annotation/correct/{question.pk}/"
    sign_in(page, live_server.url, june, address)  # type: ignore[attr-defined]
    ready(page)
    Session.objects.all().delete()
    page.locator("textarea").first.fill(TYPED)
    expect(page.locator("#sign-in-again")).to_be_visible()
    assert not Draft.objects.exists()
    # Somebody else of the same room is told that the page is not theirs, and is signed out again.
    dialog = page.locator("#sign-in-again")
    type_password(page, "jack")
    expect(page.locator("[data-sign-in-note]")).to_contain_text("another account")
    expect(dialog.locator("input[name=login]")).to_be_visible()
    assert not Draft.objects.exists()
    # A wrong password is said, and changes nothing.
    dialog.locator("input[name=login]").fill("june")
    dialog.locator("input[name=password]").fill("not the password")
    dialog.locator("[data-sign-in-here] button").first.click()
    expect(dialog.locator(".alert, .invalid-feedback").first).to_be_visible()
    type_password(page, "june")
    expect(dialog).to_be_hidden()
    expect(saved(page)).to_contain_text("Saved")
    assert page.url.endswith(address)
    assert page.locator("textarea").first.input_value() == TYPED
    assert TYPED in str(Draft.objects.get().content)
    assert page.evaluate("window.violations") == []


def test_a_senior_picks_over_the_end_of_a_session(
    page: Page,
    live_server: object,
    corrected: Question,  # noqa: F811
    sena: User,
) -> None:
    sign_in(page, live_server.url, sena, f"/annotation/pick/{corrected.pk}/")  # type: ignore[attr-defined]
    ready(page)
    Session.objects.all().delete()
    page.locator("input[name=correction]").nth(1).check()
    page.locator("textarea[name=reason], input[name=reason]").first.fill("理由不能丢")
    type_password(page, "sena")
    expect(page.locator("#sign-in-again")).to_be_hidden()
    expect(saved(page)).to_contain_text("Saved")
    assert "理由不能丢" in str(Draft.objects.get().content)
    # The sending itself meets the end of the session, and is sent once.
    Session.objects.all().delete()
    page.locator("[data-submit]").click()
    type_password(page, "sena")
    page.wait_for_url("**/annotation/pick/")
    assert Pick.objects.get().reason == "理由不能丢"


def test_before_a_working_day_is_over_the_page_warns_and_a_junior_signs_in_over_it(
    page: Page,
    live_server: object,
    question: Question,  # noqa: F811
    june: User,
) -> None:
    address = f"/annotation/correct/{question.pk}/"
    sign_in(page, live_server.url, june, address)  # type: ignore[attr-defined]
    ready(page)
    warning = page.locator("#session-end")
    expect(warning).to_be_hidden()
    put_clock("opened", 12 * HOURS - 250)
    page.reload()
    ready(page)
    expect(warning).to_be_visible()
    assert warning.locator("time").inner_text()
    page.locator("textarea").first.fill(TYPED)
    warning.locator("[data-stay]").click()
    type_password(page, "june")
    expect(page.locator("#sign-in-again")).to_be_hidden()
    expect(warning).to_be_hidden()
    assert page.locator("textarea").first.input_value() == TYPED
    page.locator("textarea").first.press_sequentially("还有。")
    expect(saved(page)).to_contain_text("Saved")
    assert "还有。" in str(Draft.objects.get().content)
    (key,) = Session.objects.values_list("session_key", flat=True)
    assert time.time() - SessionStore(key)["mammo_opened"] < HOURS, "a new working day"
    assert page.evaluate("window.violations") == []


def test_an_idle_page_warns_and_an_act_keeps_the_session(
    page: Page,
    live_server: object,
    june: User,
) -> None:
    page.clock.install()
    sign_in(page, live_server.url, june, "/annotation/correct/")  # type: ignore[attr-defined]
    page.wait_for_url("**/annotation/correct/")
    warning = page.locator("#session-end")
    put_clock("seen", 2 * HOURS - 250)
    page.clock.fast_forward((2 * HOURS - 250) * 1000)
    expect(warning).to_be_visible()
    # Work in another window moved the end meanwhile: nothing is said any more.
    put_clock("seen", 0)
    page.clock.fast_forward(60_000)
    expect(warning).to_be_hidden()
    put_clock("seen", 2 * HOURS - 200)
    page.clock.fast_forward((2 * HOURS - 200) * 1000)
    expect(warning).to_be_visible()
    warning.locator("[data-stay]").click()
    expect(warning).to_be_hidden()
    expect(page.locator("#sign-in-again")).to_be_hidden()
    (key,) = Session.objects.values_list("session_key", flat=True)
    assert time.time() - SessionStore(key)["mammo_seen"] < 60


@pytest.mark.real_sign_in
def test_security_key_and_app_in_the_browser(page: Page, live_server: object, dana: User) -> None:
    """Chromium's own virtual authenticator: set up on being told to, sign in with it, and once more in place."""
    url = live_server.url  # type: ignore[attr-defined]
    tool = page.context.new_cdp_session(page)
    tool.send("WebAuthn.enable")
    tool.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True,
                "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    sign_in(page, url, dana, "/archive/imports/")
    page.wait_for_url("**/accounts/2fa/")
    expect(page.locator(".alert-warning")).to_be_visible()
    page.click("text=Add a key")
    page.locator("input[name=name]").fill("青色的钥匙")
    page.click("#mfa_webauthn_add")
    page.wait_for_url("**/accounts/2fa/recovery-codes/**")
    page.goto(f"{url}/accounts/2fa/totp/activate/")
    secret = page.locator("#authenticator_secret").input_value()
    assert page.locator("img.totp-code").evaluate("image => image.naturalWidth") > 100
    page.locator("input[name=code]").fill(code_of(secret))
    page.click("main form button")
    page.wait_for_url("**/accounts/2fa/**")
    page.context.clear_cookies()
    sign_in(page, url, dana, "/archive/imports/")
    page.wait_for_url("**/accounts/2fa/authenticate/**")
    page.click("#mfa_webauthn_authenticate")
    page.wait_for_url("**/archive/imports/")
    # The end of the session meets a plain form: it waits, both steps are taken over the page, then it is sent.
    Session.objects.all().delete()
    page.evaluate("document.body.dataset.askSessionAfter = 0")
    page.locator("form[action$='setlang/'] button[value=zh-hans]").click()
    type_password(page, "dana")
    page.locator("#sign-in-again #mfa_webauthn_authenticate").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    assert page.evaluate("window.violations") == []
