"""In a real browser: an answer is lost on its way; the same button finds the way, and typing goes on."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from annotation.models import Campaign, CampaignMember, Correction, Draft, Flag, Pick, Question, Return, Skip
from annotation.services.campaigns import remove_member
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.pages import at_work, open_none, saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def lose_one_answer(page: Page, address: str) -> Callable[[], int]:
    """The server does what is asked of it once, and its answer never arrives; returns how many were lost."""
    lost: list[int] = []

    def answer(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.fetch(max_redirects=0).status)
        return route.abort()

    page.route(address, answer)
    return lambda: len(lost)


def note_states(page: Page) -> None:
    """Keep every text of the place that says what is saved."""
    page.evaluate(
        """() => {
            window.said = [];
            const place = document.querySelector("[data-save-state][role=status]");
            new MutationObserver(() => window.said.push(place.textContent))
                .observe(place, { childList: true, characterData: true, subtree: true });
        }"""
    )


@pytest.fixture
def asked(plain: Campaign) -> Question:
    """A question without a study that waits to be corrected."""
    (question,) = scene.proposed(plain, 1)
    return question


def first_text(page: Page) -> Locator:
    """The text of the first answer."""
    return page.locator("[data-answer] textarea").first


def leave_as_they_are(page: Page, *places: int) -> None:
    """Say of these answers that no change is needed."""
    for place in places:
        page.locator("[data-no-change]").nth(place).check()


def test_a_correction_whose_answer_was_lost_is_sent_again_as_the_same(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = at_work(narrow, live_server, june, "correct", asked)
    lost = lose_one_answer(page, "**/submit/")
    leave_as_they_are(page, 1, 2)
    expect(saved(page)).to_contain_text("Saved")
    note_states(page)
    first_text(page).press("Control+End")
    page.keyboard.type("半年后复查。")
    page.locator("[data-submit]").click()
    expect(saved(page)).to_have_text("No answer came: send it again")
    assert lost() == 1
    assert Correction.objects.count() == 3
    # The page counts on and its pending draft comes due: neither makes other contents of it.
    counted = float(page.input_value("[name=active_seconds]"))
    page.mouse.move(300, 300)
    page.wait_for_timeout(2200)
    page.wait_for_function(
        "counted => Number(document.querySelector('[name=active_seconds]').value) > counted", arg=counted
    )
    expect(saved(page)).to_have_text("No answer came: send it again")
    expect(page.locator("#problem")).to_contain_text("it may be saved or not")
    assert "NOT saved" not in page.evaluate("window.said.join('|')")
    page.locator("[data-submit]").click()
    page.wait_for_url("**/annotation/correct/")
    assert Correction.objects.count() == 3
    assert set(Correction.objects.values_list("revision", flat=True)) == {1}
    assert not Draft.objects.exists()


def test_what_is_typed_after_a_lost_answer_is_not_silently_dropped(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = at_work(narrow, live_server, june, "correct", asked)
    lose_one_answer(page, "**/submit/")
    leave_as_they_are(page, 0, 1, 2)
    page.locator("[data-submit]").click()
    expect(saved(page)).to_have_text("No answer came: send it again")
    page.locator("[data-no-change]").first.uncheck()
    first_text(page).fill("后来改的回答。")
    expect(page.locator("#conflict")).to_contain_text("sent already")
    expect(saved(page)).to_have_text("NOT saved")
    expect(first_text(page)).to_have_value("后来改的回答。")
    assert Correction.objects.filter(no_change=True).count() == 3


def test_a_choice_whose_answer_was_lost_is_one_pick(
    narrow: Page,
    live_server: object,
    waiting: Question,
    sena: User,
) -> None:
    page = at_work(narrow, live_server, sena, "pick", waiting)
    lose_one_answer(page, "**/submit/")
    note_states(page)
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    expect(saved(page)).to_have_text("No answer came: send it again")
    page.mouse.move(300, 300)
    page.wait_for_timeout(2200)
    assert "NOT saved" not in page.evaluate("window.said.join('|')")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/pick/")
    assert Pick.objects.count() == 1


@pytest.mark.both_databases
def test_typing_goes_on_over_a_draft_whose_answer_was_lost(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = at_work(narrow, live_server, june, "correct", asked)
    lost = lose_one_answer(page, "**/draft/")
    first_text(page).fill("我写的第一句。")
    expect(saved(page)).to_have_text("NOT saved")
    assert lost() == 1
    assert "我写的第一句。" in str(Draft.objects.get().content)
    first_text(page).fill("我写的第一句。又一句。")
    expect(saved(page)).to_contain_text("Saved")
    expect(page.locator("#conflict")).to_be_hidden()
    assert "又一句。" in str(Draft.objects.get().content)
    leave_as_they_are(page, 1, 2)
    page.locator("[data-submit]").click()
    page.wait_for_url("**/annotation/correct/")
    assert Correction.objects.filter(no_change=False).get().text == "我写的第一句。又一句。"
    assert Correction.objects.count() == 3


def test_work_is_sent_over_a_draft_whose_answer_was_lost(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = at_work(narrow, live_server, june, "correct", asked)
    leave_as_they_are(page, 1, 2)
    expect(saved(page)).to_contain_text("Saved")
    lose_one_answer(page, "**/draft/")
    first_text(page).fill("我写的回答。")
    expect(saved(page)).to_have_text("NOT saved")
    page.locator("[data-submit]").click()
    page.wait_for_url("**/annotation/correct/")
    assert Correction.objects.filter(no_change=False).get().text == "我写的回答。"


@pytest.mark.both_databases
def test_another_tab_still_meets_both_texts_after_a_lost_draft(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = at_work(narrow, live_server, june, "correct", asked)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_load_state()
    lose_one_answer(page, "**/draft/")
    first_text(page).fill("第一个标签页的文字")
    expect(saved(page)).to_have_text("NOT saved")
    first_text(other).fill("第二个标签页的文字")
    for text in ("第一个标签页的文字", "第二个标签页的文字"):
        expect(other.locator("#conflict")).to_contain_text(text)
    expect(saved(other)).to_have_text("NOT saved")
    assert "第一个标签页的文字" in str(Draft.objects.get().content)


def judging(page: Page, button: str) -> Locator:
    """Fill in what this button sends beside the choice; the button."""
    if button == "Decide and go on":
        page.keyboard.press("1")
        page.fill("#reason", "更安全")
    elif button == "Skip this question":
        page.get_by_text("Leave it to somebody else").click()
        page.select_option("#skip-code", "other")
        page.fill("#skip-reason", "我认识这位病人")
    else:
        open_none(page)
        page.fill("#return_reason", "复查时间没有写")
        if button == "Send in my answer":
            page.fill("#written", "请六个月后复查超声。")
            page.fill("#written_reason", "都漏了超声")
    return page.get_by_role("button", name=button)


@pytest.mark.parametrize(
    ("purpose", "button", "address"),
    [
        ("pick", "Send back", "**/return/"),
        ("pick", "Send in my answer", "**/write/"),
        ("pick", "Skip this question", "**/skip/"),
        ("adjudicate", "Decide and go on", "**/submit/"),
        ("adjudicate", "Send back", "**/return/"),
        ("adjudicate", "Skip this question", "**/skip/"),
    ],
)
def test_a_button_whose_answer_was_lost_is_pressed_again_and_leads_on(
    narrow: Page,
    live_server: object,
    request: pytest.FixtureRequest,
    purpose: str,
    button: str,
    address: str,
) -> None:
    question = request.getfixturevalue({"pick": "waiting", "adjudicate": "disputed"}[purpose])
    person = request.getfixturevalue({"pick": "sena", "adjudicate": "ada"}[purpose])
    before = {model: model.objects.count() for model in (Pick, Return, Skip)}
    page = at_work(narrow, live_server, person, purpose, question)
    pressed = judging(page, button)
    # Drafts are not what is looked at here: they would be saved meanwhile.
    expect(saved(page)).not_to_have_text("Not saved yet")
    lost = lose_one_answer(page, address)
    pressed.click()
    expect(page.locator("#problem")).to_contain_text("it may be saved or not")
    assert lost() == 1
    made = {model: model.objects.count() - before[model] for model in before}
    assert sorted(made.values()) == [0, 0, 1]
    pressed.click()
    page.wait_for_url(f"**/annotation/{purpose}/")
    assert {model: model.objects.count() - before[model] for model in before} == made


def test_a_flag_whose_answer_was_lost_is_one_flag_and_is_said(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = at_work(narrow, live_server, june, "correct", asked)
    page.get_by_text("Something is wrong with the question", exact=True).click()
    page.select_option("#flag-kind", "unclear")
    page.fill("#flag-note", "问题不完整")
    lose_one_answer(page, "**/flag/")
    flag = page.get_by_role("button", name="Flag the question")
    flag.click()
    expect(page.locator("#problem")).to_contain_text("it may be saved or not")
    flag.click()
    expect(page.locator("#flagged")).to_contain_text("its researchers are told")
    expect(page.locator("#problem")).to_be_hidden()
    assert Flag.objects.get().note == "问题不完整"


def test_who_was_taken_out_while_typing_reads_so(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
    rita: User,
) -> None:
    page = at_work(narrow, live_server, june, "correct", asked)
    first_text(page).fill("密度为C类。")
    expect(saved(page)).to_contain_text("Saved")
    remove_member(CampaignMember.objects.get(user=june), by_user=rita)
    first_text(page).fill("密度为C类，请半年后复查。")
    expect(page.locator("#problem")).to_contain_text("you no longer work on this question")
    expect(page.locator("#problem")).not_to_contain_text("404")
    expect(saved(page)).to_contain_text("NOT saved")
    expect(first_text(page)).to_have_value("密度为C类，请半年后复查。")
