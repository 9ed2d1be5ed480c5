"""What stands for a moment only, checked by axe-core: refusals, sheets over a page, rows behind a cell."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from tests.mammo.pages.test_every_page import IS_DARK, RUN_AXE, Walker, faults_shown
from tests.mammo.pages.test_every_page import axe as axe  # a fixture
from tests.mammo.pages.walk import Keys, furnished

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LANGUAGES = ("en", "zh-hans")
SEND = """([address, token]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = address;
  const field = document.createElement("input");
  field.name = "csrfmiddlewaretoken";
  field.value = token;
  form.append(field);
  document.body.append(form);
  form.submit();
}"""


def faults(page: Page, axe: str) -> list[str]:
    """What axe-core finds on the page as it stands, and a ground that is not dark."""
    page.evaluate(axe)
    found: list[str] = page.evaluate(RUN_AXE)
    return found + ([] if page.evaluate(IS_DARK) else ["is not dark"])


@pytest.fixture
def hospital(site: Site) -> tuple[dict[str, User], Keys]:
    """The people and objects of the walk."""
    return furnished(site)


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals_are_accessible(
    browser: Browser, live_server: Any, hospital: tuple[dict[str, User], Keys], axe: str, language: str
) -> None:
    people, keys = hospital
    walker, found = Walker(browser, live_server.url), {}

    def sent(page: Page, address: str, token: str) -> int:
        with page.expect_response(lambda answer: answer.request.method == "POST") as told:
            page.evaluate(SEND, [address, token])
        page.wait_for_load_state()
        return told.value.status

    rita = walker.tab_of(people["rita"], language)
    rita.goto(live_server.url)
    token = rita.locator("[name=csrfmiddlewaretoken]").first.input_value()
    assert sent(rita, reverse("modeling:export-take", args=[keys["release"]]), token) == 409
    found["409"] = faults(rita, axe)
    assert sent(rita, reverse("modeling:export-take", args=[keys["release"]]), "forged") == 403
    found["403"] = faults(rita, axe)
    assert rita.goto(f"{live_server.url}/nowhere/").status == 404  # type: ignore[union-attr]
    found["404"] = faults(rita, axe)
    walker.close()
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_sheets_over_a_page_and_rows_behind_a_cell_are_accessible(
    browser: Browser, live_server: Any, hospital: tuple[dict[str, User], Keys], axe: str, language: str
) -> None:
    people, keys = hospital
    walker, found = Walker(browser, live_server.url), {}
    Study.objects.update(birads_overall="4A")
    stan = walker.tab_of(people["stan"], language)
    stan.goto(f"{live_server.url}{reverse('evaluation:any-table', args=[9])}?simulated=on")
    stan.locator("main td.number a").first.click()
    expect(stan).to_have_url(re.compile(re.escape(reverse("evaluation:cell-rows", args=[9])) + r"\?row="))
    expect(stan.locator("main tbody tr, main li code").first).to_be_visible()
    found["rows behind a cell"] = faults(stan, axe)
    june = walker.tab_of(people["june"], language)
    address = f"{live_server.url}{reverse('annotation:correct', args=[keys['question']])}"
    june.goto(address)
    june.locator("h1").click()
    june.keyboard.press("?")
    expect(june.locator("dialog[open]")).to_be_visible()
    found["card of keys"] = faults(june, axe)
    june.keyboard.press("Escape")
    other = june.context.new_page()
    other.goto(address)
    with june.expect_response(lambda answer: "draft" in answer.url and answer.status < 300):
        june.locator("main textarea").first.fill("建议三个月后复查。")
    other.locator("main textarea").first.fill("建议半年后复查。")
    expect(other.locator("#conflict")).to_be_visible()
    found["conflict"] = faults(other, axe)
    Session.objects.all().delete()
    june.locator("main textarea").first.fill("建议三个月后复查乳腺。")
    expect(june.locator("#sign-in-again")).to_be_visible()
    expect(june.locator("#sign-in-again input[name=login]")).to_be_visible()
    found["sign in again"] = faults(june, axe)
    walker.close()
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_patients_link_and_her_thanks_are_accessible_and_fit_their_screen(
    browser: Browser, live_server: Any, hospital: tuple[dict[str, User], Keys], axe: str, language: str
) -> None:
    people, keys = hospital
    walker, found = Walker(browser, live_server.url), {}
    rita = walker.tab_of(people["rita"], language)
    rita.goto(live_server.url + reverse("annotation:question-list", args=[keys["campaign"]]))
    form = rita.locator(f"form[action='{reverse('annotation:question-invite', args=[keys['campaign']])}']")
    form.locator("[name=language]").select_option(language[:2])
    with rita.expect_navigation():
        form.locator("button").click()
    expect(rita.locator(".qr-code svg")).to_be_visible()
    assert rita.get_attribute("html", "lang") == language
    found["link and QR code"] = faults_shown(rita, axe)
    # Her page is in the language of the link, whatever her browser asks for.
    patient = walker.tab_of(None, "en")
    patient.goto(rita.locator("main code").inner_text())
    patient.fill("[name=text]", "要复查吗？")
    patient.check("[name=agrees]")
    with patient.expect_navigation():
        patient.locator("main form button").click()
    expect(patient.locator("form")).to_have_count(0)
    assert patient.get_attribute("html", "lang") == language
    found["thanks"] = faults_shown(patient, axe, is_light=True)
    walker.close()
    assert {name: each for name, each in found.items() if each} == {}
