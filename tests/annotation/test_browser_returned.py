"""In a browser: a question that was sent back is not sent in again by one press."""

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Comment, Correction, Question
from annotation.services.picks import return_to_juniors
from mammo.accounts.models import User
from tests.annotation.pages import at_work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_what_came_back_is_named_so_and_asks_for_a_reason(
    narrow: Page, live_server: object, waiting: Question, june: User, sena: User
) -> None:
    return_to_juniors(waiting, by_user=sena, reason="没有说明复查时间", reason_codes=["unsafe"])
    page = at_work(narrow, live_server, june, "correct", waiting)
    reason, first = (
        page.locator("#stands-because"),
        page.locator("[data-answer] textarea:not([readonly])").first,
    )
    expect(page.locator("[data-settled]")).to_have_text(["as it was sent back"] * 3)
    expect(reason).to_be_visible()
    page.get_by_role("button", name="Send in and go on").click()
    expect(reason).to_be_focused()
    assert not Correction.objects.filter(round=2).exists()
    before = first.input_value()
    first.fill(before + "三个月后复查。")
    expect(reason).to_be_hidden()
    first.fill(before)
    reason.fill("复查时间写在第二句里了")
    page.get_by_role("button", name="Send in and go on").click()
    page.wait_for_url("**/annotation/correct/")
    assert Correction.objects.filter(round=2).count() == 3
    assert "复查时间写在第二句里了" in Comment.objects.get().text
