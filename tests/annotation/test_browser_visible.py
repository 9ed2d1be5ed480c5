"""In a real browser, on a laptop: what a senior needs is in view and in reach of the keys, and counts once."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Draft, Pick, Question, Return
from annotation.services import leases
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.pages import at_work, fits, open_none, saved, sign_in, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_whether_it_is_saved_is_in_view_wherever_a_senior_types(
    narrow: Page, live_server: object, waiting: Question, sena: User
) -> None:
    narrow.set_viewport_size({"width": 1280, "height": 560})
    page = at_work(narrow, live_server, sena, "pick", waiting)
    page.keyboard.press("1")
    expect(saved(page)).to_contain_text("Saved")
    open_none(page)
    for field in ("#reason", "#return_reason", "#written", "#written_reason"):
        page.locator(field).evaluate("field => field.scrollIntoView({ block: 'center' })")
        page.locator(field).press_sequentially("改")
        expect(page.locator(field)).to_be_in_viewport(ratio=1)
        expect(saved(page)).to_have_text("Not saved yet")
        expect(saved(page)).to_be_in_viewport(ratio=1)
        expect(saved(page)).to_contain_text("Saved")
        expect(saved(page)).to_be_in_viewport(ratio=1)
        # It hides no line that is being written, and nothing hides it.
        assert page.evaluate(
            """(name) => {
                const [field, state] = [name, "[data-save-state][role=status]"].map((one) => document.querySelector(one));
                const seen = (part) => {
                    const box = part.getBoundingClientRect();
                    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                    return part === top || part.contains(top);
                };
                return seen(field) && seen(state);
            }""",
            field,
        ), field
    assert Draft.objects.get().content["written_reason"] == "改"


def test_a_third_senior_decides_by_keys_alone_from_the_list(
    narrow: Page, live_server: object, disputed: Question, ada: User
) -> None:
    page = narrow
    sign_in(page, live_server.url, ada, "/annotation/adjudicate/")  # type: ignore[attr-defined]
    page.wait_for_load_state()
    assert fits(page)
    tab_to(page, page.locator("main form[action$='/next/'] button"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/annotation/adjudicate/{disputed.pk}/")
    page.wait_for_load_state()
    assert fits(page)
    chosen = page.locator("[data-candidate] input[type=radio]")
    page.keyboard.press("2")
    expect(chosen.nth(1)).to_be_checked()
    why = page.locator("input[name=reasons]").first
    tab_to(page, why)
    page.keyboard.press("Space")
    reason = page.locator("#reason")
    tab_to(page, reason)
    # Digits and the Enter of an input method belong to what is being written.
    page.keyboard.type("复查时间 1")
    reason.evaluate(
        """(area) => {
            area.dispatchEvent(new CompositionEvent("compositionstart", { data: "", bubbles: true }));
            for (const [key, code, ctrlKey] of [["1", "Digit1", false], ["Enter", "Enter", true]]) {
                const event = new KeyboardEvent("keydown",
                    { key, code, ctrlKey, isComposing: true, bubbles: true, cancelable: true });
                Object.defineProperty(event, "keyCode", { get: () => 229 });
                area.dispatchEvent(event);
            }
            area.dispatchEvent(new CompositionEvent("compositionend", { data: "", bubbles: true }));
        }"""
    )
    page.wait_for_timeout(400)
    expect(chosen.nth(1)).to_be_checked()
    assert not Pick.objects.filter(is_adjudication=True).exists()
    upheld = chosen.nth(1).get_attribute("value")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/adjudicate/")
    row = Pick.objects.get(is_adjudication=True)
    assert row.text == Pick.objects.get(pk=upheld).text
    assert (row.reason, len(row.reason_codes)) == ("复查时间 1", 1)


@pytest.mark.parametrize(
    ("purpose", "button"),
    [("pick", "Pick and go on"), ("pick", "Send back"), ("adjudicate", "Decide and go on")],
)
def test_a_double_click_and_the_back_button_judge_once(
    narrow: Page, live_server: object, request: pytest.FixtureRequest, purpose: str, button: str
) -> None:
    question = request.getfixturevalue({"pick": "waiting", "adjudicate": "disputed"}[purpose])
    person = request.getfixturevalue({"pick": "sena", "adjudicate": "ada"}[purpose])
    before = Pick.objects.count()
    page = at_work(narrow, live_server, person, purpose, question)
    page.keyboard.press("1")
    if button == "Send back":
        open_none(page)
        page.fill("#return_reason", "复查时间没有写")
    elif purpose == "adjudicate":
        page.fill("#reason", "更安全")
    page.get_by_role("button", name=button).dblclick()
    page.wait_for_url(f"**/annotation/{purpose}/")
    page.go_back()
    page.wait_for_url(f"**/annotation/{purpose}/{question.pk}/")
    page.wait_for_load_state()
    # Nothing is offered that would judge a second time.
    expect(page.get_by_role("button", name=button)).to_have_count(0)
    assert (Pick.objects.count() - before, Return.objects.count()) == (
        (0, 1) if button == "Send back" else (1, 0)
    )


@pytest.mark.parametrize("width", [1280, 820])
def test_the_lists_of_one_page_stand_in_the_same_columns(
    narrow: Page,
    live_server: object,
    plain: Campaign,
    june: User,
    sena: User,
    picture: Callable[[Page, str], None],
    width: int,
) -> None:
    for question in scene.proposed(plain, 3):
        scene.settle(question, june)
    leases.next_question(by_user=sena, purpose="pick")
    page = narrow
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, live_server.url, sena, "/annotation/pick/")  # type: ignore[attr-defined]
    lists = page.locator("table.worklist")
    expect(lists).to_have_count(2)
    picture(page, f"lists_{width}")
    begins = (
        "list => [...list.querySelectorAll('th')].map((head) => Math.round(head.getBoundingClientRect().x))"
    )
    mine, waiting = lists.nth(0).evaluate(begins), lists.nth(1).evaluate(begins)
    assert mine == waiting
    assert len(mine) == 4
    assert fits(page)


@pytest.mark.parametrize(("language", "word"), [("en", "Saved"), ("zh-hans", "已保存")])
def test_when_it_was_saved_is_said_in_hours_of_a_day_of_24(
    narrow: Page, live_server: object, waiting: Question, sena: User, language: str, word: str
) -> None:
    page = narrow
    page.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])  # type: ignore[attr-defined]
    at_work(page, live_server, sena, "pick", waiting)
    page.clock.set_fixed_time("2020-01-02T21:33:00")
    page.keyboard.press("1")
    expect(saved(page)).to_have_text(f"{word} 21:33")
    page.reload()
    # By the browser's clock the draft is of another day.
    expect(saved(page)).to_have_text(re.compile(rf"^{word} \d{{4}}-\d\d-\d\d \d\d:\d\d$"))


@pytest.mark.parametrize("height", [720, 800])
def test_a_message_covers_nothing_and_moves_no_picture(
    narrow: Page,
    live_server: object,
    question: Question,
    june: User,
    picture: Callable[[Page, str], None],
    height: int,
) -> None:
    narrow.set_viewport_size({"width": 1280, "height": height})
    page = at_work(narrow, live_server, june, "correct", question)
    message = page.locator("#messages .alert")
    expect(message).to_contain_text("june")
    picture(page, f"message_{height}")
    boxes = {
        name: page.locator(name).first.bounding_box()
        for name in ("#messages .alert", "header", "mammo-viewer", "h1", ".crumb-line", ".send")
    }
    said = boxes.pop("#messages .alert")
    assert said
    for name, box in boxes.items():
        assert box, name
        is_apart = (
            box["x"] >= said["x"] + said["width"]
            or box["x"] + box["width"] <= said["x"]
            or box["y"] >= said["y"] + said["height"]
            or box["y"] + box["height"] <= said["y"]
        )
        assert is_apart, (name, box, said)
    viewer = boxes["mammo-viewer"]
    assert viewer
    before = viewer["y"]
    message.get_by_role("button").click()
    expect(message).to_have_count(0)
    after = page.locator("mammo-viewer").bounding_box()
    assert after
    assert after["y"] == before
