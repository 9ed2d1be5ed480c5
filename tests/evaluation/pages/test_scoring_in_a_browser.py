"""A rater scores a form from end to end in a real Chromium, by keyboard."""

import os
import re
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from evaluation.models import FormRemark, Score, Trial
from evaluation.services.screening import settle
from mammo.accounts.models import User
from tests.access.test_signing_in_again import HOURS, put_clock
from tests.evaluation import scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"
ANSWER = (
    "您的乳腺属于不均匀致密型（C类），这在您的年龄段很常见。致密的腺体会遮挡小病灶，因此建议：\n\n"
    "• 每年做一次乳腺X线检查；\n• 可加做乳腺超声；\n• 自己摸到肿块时及时就诊。\n\n不必紧张，这不是疾病。"
)


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where SCREENSHOTS names a folder."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def sign_in(page: Page, url: str, username: str, path: str) -> None:
    page.goto(f"{url}/accounts/login/?next={path}")
    page.fill("[name=login]", username)
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")


@pytest.fixture
def open_trial(rita: User, june: User, sena: User, sol: User, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """A trial of nine questions whose answers look like answers; sittings of two forms; no consent yet."""
    real = scene.answer_rows
    monkeypatch.setattr(scene, "answer_rows", lambda arms, trial: real(arms, trial, ANSWER))
    questions = scene.questions_of(rita, [june, sena, sol], 9)
    draft = scene.draft_trial(rita, questions, june, sitting_slots=2, input_mode="number")
    scene.answer_all(draft, rita, june)
    settle(draft, "", "accept", "doctors write short answers", by_user=rita, kind="length")
    trial = scene.opened(draft, rita, [sena, sol])
    trial.raters.update(consented_at=None)
    return trial


def test_a_rater_scores_by_keyboard_from_consent_to_the_break(
    page: Page, live_server, open_trial: Trial, sena: User
) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    sign_in(page, live_server.url, "sena", "/evaluation/score/")
    picture(page, "scoring_list")
    page.get_by_role("link", name="Begin").click()
    picture(page, "conditions")
    page.get_by_role("button", name="I have read this and take part").click()
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    first = page.url
    expect(page.locator("[data-save-state]").first).to_contain_text("Not scored yet")
    picture(page, "form_empty")
    for value in ("87", "7", "91", "64", "100"):
        page.keyboard.type(value)
        if value == "100":
            picture(page, "form_filled")
        page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first)
    order = open_trial.raters.get(user=sena).aspect_order
    stored = {s.aspect.key: s.value for s in Score.objects.select_related("aspect")}
    assert [stored[key] for key in order] == [87, 7, 91, 64, 100]
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    # The second form ends the sitting.
    for value in ("50", "51", "52", "53", "54"):
        page.keyboard.type(value)
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Time for a break")).to_be_visible()
    picture(page, "break")
    assert Score.objects.count() == 10
    # Back to the first form: saved values, one change, a new row.
    page.goto(first)
    expect(page.locator("[data-save-state]").first).to_contain_text("Saved")
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    field = page.locator("input[type=number]").first
    field.fill("12")
    expect(page.locator("[data-save-state]").first).to_contain_text("Not saved yet")
    page.get_by_role("button", name="Save the changes").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert Score.objects.count() == 11
    assert Score.objects.standing().get(aspect__key=order[0], slot__position=1).value == 12
    assert page.evaluate("window.violations") == []
    assert max(Score.objects.values_list("active_seconds", flat=True)) > 0


def ground(page: Page) -> tuple[int, int]:
    """Lightness (0 to 255) of the answer's background and of its text, as drawn."""
    found: list[int] = page.locator(".scoring-answer").first.evaluate(
        "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color].map(c => {"
        " const [r, g, b] = c.match(/[\\d.]+/g).map(Number); return Math.round((r + g + b) / 3); })"
    )
    return found[0], found[1]


def test_the_text_stands_on_a_light_ground_on_request_and_stays_so_on_the_next_form(
    page: Page, live_server, open_trial: Trial, sena: User
) -> None:
    sign_in(page, live_server.url, "sena", "/evaluation/score/")
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I have read this and take part").click()
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    button = page.get_by_role("button", name="Light background")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert ground(page)[1] > 128, "light text on dark before anybody asks"
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    background, text = ground(page)
    assert background > 220
    assert text < 60
    # The images stay on black.
    black = page.locator("mammo-viewer").evaluate(
        "e => { let n = e; while (n && getComputedStyle(n).backgroundColor === 'rgba(0, 0, 0, 0)') n = n.parentElement;"
        " return n ? getComputedStyle(n).backgroundColor : ''; }"
    )
    assert max(int(part) for part in re.findall(r"\d+", black)[:3]) < 60
    first = page.url
    page.locator("input[type=number]").first.click()
    for value in ("50", "51", "52", "53", "54"):
        page.keyboard.type(value)
        page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first)
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    assert ground(page)[0] > 220
    page.get_by_role("button", name="Light background").click()
    assert ground(page)[1] > 128
    assert page.evaluate("window.violations") == []


def test_a_form_outside_the_scale_is_not_sent(page: Page, live_server, open_trial: Trial, sena: User) -> None:
    sign_in(page, live_server.url, "sena", "/evaluation/score/")
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I have read this and take part").click()
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    for value in ("87", "101", "91", "64", "100"):
        page.keyboard.type(value)
        page.keyboard.press("Enter")
    expect(page.locator("input[data-wrong]")).to_have_count(1)
    expect(page.locator("input[data-wrong]")).to_be_focused()
    name = page.locator("[data-aspect]:has(input[data-wrong]) label").text_content()
    lacks = page.locator("[data-lacks]")
    expect(lacks).to_have_text(f"Not a whole number from 1 to 100: {name}")
    page.keyboard.type("99")
    expect(lacks).to_have_text("")
    assert not Score.objects.exists()


def test_a_researcher_takes_a_trial_to_table_1(
    page: Page, live_server, open_trial: Trial, rita: User, stan: User, browser
) -> None:
    from evaluation.services.raters import consent

    for rater in open_trial.raters.select_related("user"):
        consent(rater, by_user=rater.user)
    scene.score_all(open_trial)
    page.set_viewport_size({"width": 1280, "height": 1100})
    sign_in(page, live_server.url, "rita", "/evaluation/")
    picture(page, "trials")
    page.get_by_role("link", name="First trial").click()
    picture(page, "trial_scoring")
    page.get_by_role("button", name="Lock the scores").click()
    page.get_by_role("link", name="Table 1").click()
    expect(page.locator("#table-1")).to_be_visible()
    expect(page.locator("#table-1")).not_to_contain_text("MammoVLM")
    page.go_back()
    page.get_by_label("Reason").first.fill("scoring is over")
    page.get_by_role("button", name="Ask for unblinding").click()
    expect(page.get_by_text("has to confirm").first).to_be_visible()
    picture(page, "trial_locked")
    other = browser.new_context(viewport={"width": 1280, "height": 1100})
    second = other.new_page()
    sign_in(second, live_server.url, "stan", f"/evaluation/trials/{open_trial.pk}/")
    second.get_by_role("button", name="Confirm and unblind").click()
    second.get_by_role("link", name="Table 1").click()
    expect(second.locator("#table-1")).to_contain_text("MammoVLM")
    picture(second, "trial_unblinded")
    with second.expect_download() as download:
        second.get_by_role("link", name="CSV", exact=True).click()
    assert download.value.suggested_filename == "table1.csv"
    assert "MammoVLM" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    other.close()


def test_a_comment_outlives_the_end_of_the_session_and_the_form_is_sent_once_after_signing_in_over_it(
    page: Page, live_server, open_trial: Trial, sena: User
) -> None:
    sign_in(page, live_server.url, "sena", "/evaluation/score/")
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I have read this and take part").click()
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    first = page.url
    for number, value in enumerate(("87", "7", "91", "64", "100")):
        page.locator("input[type=number]").nth(number).fill(value)
    page.locator("details summary", has_text="Comment").click()
    comment = page.locator("textarea[name=comment]")
    comment.fill("第二段与报告不符，")
    Session.objects.all().delete()
    comment.press_sequentially("这些字不能丢。")
    typed = "第二段与报告不符，这些字不能丢。"
    # As after five minutes without an answer of the server: the session is asked for before the page is given up.
    page.evaluate("document.body.dataset.askSessionAfter = '0'")
    page.get_by_role("button", name="Save and next").click()
    dialog = page.locator("#sign-in-again")
    expect(dialog.locator("input[name=login]")).to_be_visible()
    assert page.url == first
    assert comment.input_value() == typed
    assert not Score.objects.exists()
    dialog.locator("input[name=login]").fill("sena")
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.locator("[data-sign-in-here] button").first.click()
    page.wait_for_url(lambda url: url != first)
    remark = FormRemark.objects.get()
    assert remark.comment == typed
    order = open_trial.raters.get(user=sena).aspect_order
    stored = {score.aspect.key: score.value for score in Score.objects.select_related("aspect")}
    assert [stored[key] for key in order] == [87, 7, 91, 64, 100]
    assert Score.objects.count() == 5
    assert page.evaluate("window.violations ?? []") == []


def test_a_form_that_meets_the_end_of_a_working_day_soon_after_it_was_opened_is_not_lost(
    page: Page, live_server, open_trial: Trial, sena: User
) -> None:
    page.clock.install()
    sign_in(page, live_server.url, "sena", "/evaluation/score/")
    page.get_by_role("link", name="Begin").click()
    put_clock("opened", 12 * HOURS - 250)
    page.get_by_role("button", name="I have read this and take part").click()
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    first = page.url
    expect(page.locator("#session-end")).to_be_visible()
    for number, value in enumerate(("87", "7", "91", "64", "100")):
        page.locator("input[type=number]").nth(number).fill(value)
    page.locator("details summary", has_text="Comment").click()
    page.locator("textarea[name=comment]").fill("这些字不能丢。")
    # Four minutes later, so within the five for which the page trusts what it last heard, the day is over.
    put_clock("opened", 12 * HOURS + 1)
    page.clock.fast_forward(251_000)
    page.get_by_role("button", name="Save and next").click()
    dialog = page.locator("#sign-in-again")
    expect(dialog.locator("input[name=login]")).to_be_visible()
    assert page.url == first
    assert not Score.objects.exists()
    dialog.locator("input[name=login]").fill("sena")
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.locator("[data-sign-in-here] button").first.click()
    page.wait_for_url(lambda url: url != first)
    assert FormRemark.objects.get().comment == "这些字不能丢。"
    assert sorted(Score.objects.values_list("value", flat=True)) == [7, 64, 87, 91, 100]
    expect(page.locator("#session-end")).to_be_hidden()
