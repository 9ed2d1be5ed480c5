"""In a real browser: a patient asks on the tablet and is thanked; a form that grew old keeps her words and goes on."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Question
from annotation.services import tablet
from mammo.accounts.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def address(plain: Campaign, rita: User, live_server: Any) -> str:
    """A Chinese patient's link."""
    Campaign.objects.filter(pk=plain.pk).update(consent_text={"zh": "我同意医院使用我的问题。"})
    plain.refresh_from_db()
    _link, token = tablet.invite(plain, by_user=rita, language="zh")
    return live_server.url + reverse("annotation:tablet", args=[token])


def _hand_in(page: Page) -> None:
    page.check("[name=agrees]")
    page.click("main form button")


def test_a_patient_hands_in_her_question_and_is_thanked(narrow: Page, address: str) -> None:
    narrow.goto(address)
    narrow.fill("[name=text]", "要复查吗？")
    _hand_in(narrow)
    expect(narrow.locator("h1")).to_have_text("谢谢您")
    assert Question.objects.get(source="tablet").turns == ["要复查吗？"]


def test_a_form_that_grew_old_says_so_in_her_language_and_goes_on(narrow: Page, address: str) -> None:
    narrow.goto(address)
    narrow.fill("[name=text]", "要复查吗？")
    narrow.context.clear_cookies()
    _hand_in(narrow)
    expect(narrow.get_by_role("alert")).to_contain_text("还没有交出")
    expect(narrow.locator("a, header")).to_have_count(0)
    assert narrow.input_value("[name=text]") == "要复查吗？"
    assert not Question.objects.filter(source="tablet").exists()
    _hand_in(narrow)
    expect(narrow.locator("h1")).to_have_text("谢谢您")
