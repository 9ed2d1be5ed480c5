"""A job in a real browser: its bar moves by itself, and it is cancelled and tried again by keys."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from mammo.accounts.models import Site, User
from mammo.jobs import doorbell, services
from mammo.jobs.models import Job
from modeling.models import Run
from tests.mammo.jobs.counting import KIND
from tests.mammo.pages.keyboard import Keyboard

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# What a reload would forget.
MARK = "() => { document.marked = true }"
STILL = "() => document.marked === true"


def report(job: Job, done: int, message: str) -> None:
    services.report_progress(job, {"done": done, "total": 12, "message": message})


def test_a_job_is_watched_without_a_reload_and_cancelled_and_tried_again_by_keys(
    page: Page, live_server: Any, rita: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)
    job = services.claim(services.submit(KIND, by_user=rita, site=site, parameters={}).pk, "w:1")
    assert job is not None
    run = Run.objects.create(site=site, stage="density", by_user=rita, job=job)
    keyboard = Keyboard(page, live_server.url, rita)
    bar = page.locator("main progress")

    page.goto(live_server.url + reverse("modeling:run", args=[run.pk]))
    page.evaluate(MARK)
    report(job, 3, "epoch 1")
    expect(bar).to_have_attribute("value", "25")
    assert page.evaluate(STILL), "the run's page was loaded anew"

    keyboard.go("#run-job", reverse("jobs:job", args=[job.pk]))
    page.evaluate(MARK)
    expect(bar).to_have_attribute("value", "25")
    report(job, 6, "epoch 2")
    expect(bar).to_have_attribute("value", "50")
    expect(page.locator("#job")).to_contain_text("epoch 2")
    keyboard.tab_to("#cancel-job")
    report(job, 9, "epoch 3")
    expect(bar).to_have_attribute("value", "75")
    assert page.evaluate(STILL), "the job's page was loaded anew"

    expect(page.locator("#cancel-job")).to_be_focused()  # although it was put there anew meanwhile
    page.keyboard.press("Enter")
    expect(page.locator("#job")).to_contain_text("Stopping")
    expect(page.locator("#cancel-job")).to_have_count(0)
    services.confirm_cancelled(Job.objects.get(pk=job.pk))
    expect(page.locator("#retry-job")).to_be_visible()
    keyboard.tab_to("#retry-job")
    page.keyboard.press("Enter")
    expect(page.locator("#cancel-job")).to_be_visible()
    expect(page.locator("#job")).to_contain_text("Queued")
    again = Job.objects.get(pk=job.pk)
    assert (again.state, again.failed_attempts, again.progress) == ("queued", 0, {})
    assert page.evaluate("window.violations") == []
