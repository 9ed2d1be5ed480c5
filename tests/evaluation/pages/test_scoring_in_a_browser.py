"""A rater scores a form from end to end in a real Chromium, by keyboard."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from evaluation.models import Score, Trial
from mammo.accounts.models import User
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
    trial = scene.open_trial(rita, june, [sena, sol], sitting_slots=2, input_mode="number")
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
