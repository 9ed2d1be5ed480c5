"""Every role finds and does its work in a real browser by keyboard alone."""

import re
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Lease, Question
from annotation.services.questions import import_questions
from evaluation.models import Score
from mammo.accounts.models import Membership, Site, User
from mammo.archive.models import ImportItem
from modeling.models import Run
from tests.annotation import scene as annotation_scene
from tests.mammo.pages.keyboard import Keyboard
from tests.mammo.pages.walk import Keys, furnished

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ANY_KEY = "[0-9a-f-]{36}"


@pytest.fixture
def hospital(site: Site) -> tuple[dict[str, User], Keys]:
    """The people and objects of the walk."""
    return furnished(site)


def test_a_data_manager_decides_about_a_file_and_confirms_wordings(
    page: Page, live_server: Any, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, keys = hospital
    campaign = Campaign.objects.get(pk=keys["campaign"])
    import_questions(campaign, [annotation_scene.plain_row("要复查吗？")], by_user=None, table_name="q.csv")
    keyboard = Keyboard(page, live_server.url, people["dana"])
    keyboard.go(f'#main a[href="{reverse("archive:quarantine")}"]', reverse("archive:quarantine"))
    keyboard.open_first_row(reverse("archive:quarantine-item", args=[keys["item"]]))
    keyboard.choose("#id_decision", "rejected")
    keyboard.tab_to("#id_reason")
    page.keyboard.type("shows her name")
    keyboard.go('main form button[type="submit"]', reverse("archive:quarantine"))
    item = ImportItem.objects.get(pk=keys["item"])
    assert (item.decision, item.decision_reason) == ("rejected", "shows her name")
    waiting = Question.objects.unconfirmed_for(people["dana"])
    assert waiting.exists()
    page.goto(live_server.url)
    keyboard.go(f'#main a[href="{reverse("annotation:wordings")}"]', reverse("annotation:wordings"))
    keyboard.tab_to('main form button[type="submit"]')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("No wording waits.")
    assert not waiting.exists()


def test_a_researcher_starts_a_run_and_goes_to_another_and_to_a_table(
    page: Page, live_server: Any, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, keys = hospital
    keyboard = Keyboard(page, live_server.url, people["rita"])
    keyboard.go(f'#main a[href="{reverse("modeling:run-list")}"]', reverse("modeling:run-list"))
    keyboard.go(f'#main a[href="{reverse("modeling:run-new")}"]', reverse("modeling:run-new"))
    keyboard.choose("#id_stage", "density")
    keyboard.choose("#id_snapshot", str(keys["snapshot"]))
    keyboard.choose("#id_preset", "demo")
    keyboard.tab_to("#id_name")
    page.keyboard.type("by keys")
    keyboard.start('main form button:not([type="button"])', f"/modeling/runs/{ANY_KEY}/")
    started = Run.objects.get(name="by keys")
    assert page.url.endswith(reverse("modeling:run", args=[started.pk]))
    assert (started.stage, str(started.snapshot_id)) == ("density", str(keys["snapshot"]))
    assert started.job is not None
    assert (started.job.state, started.by_user) == ("queued", people["rita"])
    expect(page.locator("#run-state")).to_contain_text("Queued")
    page.goto(f"{live_server.url}{reverse('modeling:run-list')}")
    run = reverse("modeling:run", args=[keys["run"]])
    keyboard.go(f'a[href="{run}"]', run)
    expect(page.locator("h1")).to_be_visible()
    page.goto(live_server.url)
    keyboard.go(f'#main a[href="{reverse("evaluation:tables")}"]', reverse("evaluation:tables"))
    table = reverse("evaluation:table-page", args=[keys["locked_trial"], 1])
    keyboard.go(f'a[href="{table}"]', table)
    expect(page.locator("main table").first).to_be_visible()


def test_an_administrator_gives_a_role_and_takes_it_away(
    page: Page, live_server: Any, site: Site, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, _keys = hospital
    address = reverse("accounts:person", args=[people["june"].pk])
    keyboard = Keyboard(page, live_server.url, people["adam"])
    keyboard.go(f'#main a[href="{reverse("accounts:people")}"]', reverse("accounts:people"))
    keyboard.go(f'a[href="{address}"]', address)
    keyboard.choose('form.filters select[name="role"]', "author")
    keyboard.tab_to("form.filters button")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    given = Membership.objects.filter(user=people["june"], role="author", site=site)
    assert given.exists()
    keyboard.tab_to("main li:has(.mark) form button.btn-outline-danger")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert Membership.objects.filter(user=people["june"]).count() == 1


def test_a_junior_is_in_a_question_with_one_key_and_reaches_every_answer(
    page: Page, live_server: Any, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, _keys = hospital
    keyboard = Keyboard(page, live_server.url, people["june"])
    begin = f'form[action="{reverse("annotation:correct-next")}"] button'
    assert page.evaluate("(begin) => document.activeElement.matches(begin)", begin), (
        "the first work has the focus"
    )
    keyboard.start(begin, f"/annotation/correct/{ANY_KEY}/")
    found = re.search(ANY_KEY, page.url)
    assert found is not None
    # Opening a question leases it to her: it is hers to answer.
    assert Lease.objects.filter(question=found[0], user=people["june"]).exists()
    expect(page.locator("main fieldset[data-answer]")).to_have_count(3)
    for number in range(3):
        keyboard.tab_to(f"fieldset[data-answer]:nth-of-type({number + 1}) textarea")
    keyboard.tab_to("[data-submit]")


def test_a_senior_is_among_the_answers_with_one_button(
    page: Page, live_server: Any, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, _keys = hospital
    keyboard = Keyboard(page, live_server.url, people["sena"])
    begin = f'form[action="{reverse("annotation:pick-next")}"] button'
    keyboard.start(begin, f"/annotation/pick/{ANY_KEY}/")
    expect(page.locator("[data-candidate]")).to_have_count(3)
    keyboard.tab_to("[data-candidate] input[type=radio]")
    keyboard.tab_to("[data-submit]")


def test_a_rater_goes_from_home_to_the_next_form_and_scores_on_it(
    page: Page, live_server: Any, hospital: tuple[dict[str, User], Keys]
) -> None:
    people, keys = hospital
    keyboard = Keyboard(page, live_server.url, people["sena"])
    scoring = reverse("evaluation:scoring")
    keyboard.go(f'#main a.btn[href="{scoring}"]', scoring)
    keyboard.start('#main a.btn[href*="/score/"]', f"/evaluation/score/{ANY_KEY}/")
    assert str(keys["slot"]) in page.url
    expect(page.locator("form[data-scoring] .scoring-foot button")).to_be_enabled()
    lines = page.locator(".scoring-aspect input[type=range]")
    expect(lines.first).to_be_focused()
    for _line in range(lines.count()):
        page.keyboard.press("7")
        page.keyboard.press("Enter")
    page.wait_for_url(lambda url: str(keys["slot"]) not in url)
    assert Score.objects.filter(slot=keys["slot"]).exists()
