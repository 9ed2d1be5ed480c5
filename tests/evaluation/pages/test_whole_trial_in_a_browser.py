"""A trial from its design to the unblinded Table 1 in a real Chromium, with four raters."""

import json

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from evaluation.models import Score, Slot, Trial
from evaluation.services.answers import record_human_answer
from evaluation.services.guesses import next_guess
from evaluation.services.scoring import next_slot
from mammo.accounts.models import User
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.evaluation import scene
from tests.evaluation.pages.test_scoring_in_a_browser import picture, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def person(browser: Browser, url: str, name: str, path: str) -> Page:
    """A page of a browser of one's own, signed in."""
    page = browser.new_context(viewport={"width": 1280, "height": 1100}).new_page()
    sign_in(page, url, name, path)
    return page


def design(page: Page, trial_name: str, raters: list[User], author: User, campaign: str) -> None:
    """Protocol, trial, questions, arms and raters, all on pages."""
    page.get_by_label("Title", exact=True).fill("Answers of two arms")
    page.get_by_label("Number of the ethics approval").fill("EC-2026-7")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Freeze the protocol").click()
    page.goto(page.url.split("/evaluation/")[0] + "/evaluation/trials/new/")
    page.get_by_label("Protocol", exact=True).select_option(label="Answers of two arms")
    page.get_by_label("Name", exact=True).fill(trial_name)
    page.get_by_label("Answers whose author is guessed at the end").fill("1")
    page.get_by_role("button", name="Make the draft").click()
    page.get_by_label("From a campaign").select_option(label=campaign)
    page.get_by_label("How many, drawn by chance").fill("2")
    page.get_by_role("button", name="Add questions").click()
    page.locator("#system-name").fill("MammoVLM")
    page.locator("#spec").fill(json.dumps({"kind": "mammovlm", "path": "lab/ours"}))
    page.get_by_role("button", name="Add the system").click()
    page.locator("#human-name").fill("Junior doctor")
    page.locator("#authors").select_option(str(author.pk))
    page.get_by_role("button", name="Add the doctors").click()
    page.locator("#people").select_option([str(rater.pk) for rater in raters])
    page.get_by_role("button", name="Add raters").click()
    expect(page.locator("#part-raters")).to_have_text("Raters (4)")
    picture(page, "trial_design")


def answered(trial: Trial, author: User) -> None:
    """What the worker stores, and what the author writes."""
    job = Job.objects.get(kind="evaluation.answer")
    claimed = jobs.claim(job.pk, "test worker")
    assert claimed is not None
    jobs.finish(claimed, scene.answer_rows(list(trial.arms.filter(kind="system")), trial))
    arm = trial.arms.get(kind="human")
    for question in trial.trial_questions.all():
        record_human_answer(arm, question, "密度为C类，请复查。", by_user=author)


def score_on_lines(page: Page, slot: Slot, place: int) -> None:
    """One form by keyboard: a digit sets the mark, Enter goes on, and at the last line sends it."""
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    expect(page.locator("input[type=range][data-unset]")).to_have_count(5)
    before = page.url
    for aspect in range(5):
        page.keyboard.press(str((place + aspect + slot.position) % 9 + 1))
        if aspect < 4:
            page.keyboard.press("Enter")
    expect(page.locator("input[type=range][data-unset]")).to_have_count(0)
    if slot.position == 1:
        picture(page, "form_lines")
        page.get_by_label("Unsafe: following this answer could harm her").check()
    page.locator("input[type=range]").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != before)


def test_a_trial_runs_from_design_to_the_unblinded_table_1(
    live_server, browser: Browser, rita: User, stan: User, june: User, sena: User, sol: User, site
) -> None:
    raters = [sena, sol, scene.person(site, "Sia"), scene.person(site, "Sue")]
    scene.questions_of(rita, [june, *raters], 2)
    page = person(browser, live_server.url, "rita", "/evaluation/protocols/new/")
    design(page, "From first to last", raters, june, "Questions")
    trial = Trial.objects.get()
    page.goto(f"{live_server.url}{reverse('evaluation:trial', args=[trial.pk])}")
    page.get_by_role("button", name="Let the systems answer").click()
    answered(trial, june)
    page.reload()
    page.get_by_role("button", name="Freeze", exact=True).click()
    page.get_by_role("button", name="Open for scoring").click()
    for place, rater in enumerate(raters):
        seat = person(browser, live_server.url, rater.username, "/evaluation/score/")
        seat.get_by_role("link", name="Begin").click()
        seat.get_by_role("button", name="I have read this and take part").click()
        row = trial.raters.get(user=rater)
        while (slot := next_slot(row)) is not None:
            score_on_lines(seat, slot, place)
        assert next_guess(row) is not None
        seat.get_by_role("button", name="A system").click()
        expect(seat.get_by_text("Every form is scored: thank you.")).to_be_visible()
        assert seat.evaluate("window.violations ?? []") == []
        seat.context.close()
    assert Score.objects.count() == 4 * 4 * 5
    page.reload()
    page.get_by_role("button", name="Lock the scores").click()
    page.get_by_label("Reason", exact=True).first.fill("every form is scored")
    page.get_by_role("button", name="Ask for unblinding").click()
    second = person(browser, live_server.url, "stan", reverse("evaluation:trial", args=[trial.pk]))
    second.get_by_role("link", name="Table 1").click()
    expect(second.locator("#table-1")).not_to_contain_text("MammoVLM")
    second.go_back()
    second.get_by_role("button", name="Confirm and unblind").click()
    second.get_by_role("link", name="Table 1").click()
    expect(second.locator("#table-1")).to_contain_text("MammoVLM")
    expect(second.locator("#table-1")).to_contain_text("Junior doctor")
    picture(second, "table_1_unblinded")
    second.locator("#table-1 tbody td a").first.click()
    expect(second.get_by_text("8 rows stand behind this number.")).to_be_visible()
    second.goto(f"{live_server.url}{reverse('evaluation:unsafe', args=[trial.pk])}")
    expect(second.get_by_text("of 4 raters").first).to_be_visible()
