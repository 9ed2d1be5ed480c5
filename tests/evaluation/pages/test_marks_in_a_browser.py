"""Marks on lines, typing as an exception, the clock and the click on a lesion, in a real Chromium."""

import re

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Locator, Page, Route, expect

from evaluation.models import FormRemark, Reading, Score, Trial
from evaluation.services.readings import next_reading
from evaluation.services.scoring import next_slot
from mammo.accounts.models import User
from tests.evaluation import reading_scene, scene
from tests.evaluation.pages.test_scoring_in_a_browser import ANSWER, picture, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lines(rita: User, june: User, sena: User, sol: User) -> Trial:
    """A trial of two questions whose form has lines; Sena has agreed."""
    return scene.open_trial(rita, june, [sena, sol], 2, input_mode="line")


def form_address(trial: Trial, user: User) -> str:
    return reverse("evaluation:form", args=[next_slot(trial.raters.get(user=user)).pk])


def click_at(page: Page, line: Locator, share: float) -> None:
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def test_a_click_on_an_empty_line_sets_the_mark_and_then_the_number_shows(
    page: Page, live_server, lines: Trial, sena: User
) -> None:
    sign_in(page, live_server.url, "sena", form_address(lines, sena))
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    marks, numbers = page.locator("input[type=range]"), page.locator("[data-aspect] input[type=number]")
    expect(page.locator("input[type=range][data-unset]")).to_have_count(5)
    assert [numbers.nth(i).input_value() for i in range(5)] == [""] * 5
    click_at(page, marks.nth(0), 0.25)
    expect(page.locator("input[type=range][data-unset]")).to_have_count(4)
    # The thumb has a width: a click at a quarter is a quarter of the scale within a few points.
    assert int(numbers.nth(0).input_value()) == pytest.approx(25, abs=4)
    # Where the hidden thumb stands already, at the low end, a click sets the mark too.
    click_at(page, marks.nth(1), 0.005)
    assert int(numbers.nth(1).input_value()) <= 2
    page.get_by_role("button", name="Save and next").click()
    expect(numbers.nth(2)).to_have_attribute("data-wrong", "")
    assert not Score.objects.exists()
    names = page.locator("[data-aspect] > label").all_text_contents()
    lacks = page.get_by_role("status").and_(page.locator("[data-lacks]"))
    expect(lacks).to_have_text(f"Still to score: {names[2]}, {names[3]}, and {names[4]}")
    for place, share in ((2, 0.5), (3, 0.75), (4, 0.98)):
        click_at(page, marks.nth(place), share)
        expect(lacks).not_to_contain_text(names[place])
    expect(lacks).to_have_text("")
    shown = [int(numbers.nth(i).input_value()) for i in range(5)]
    assert shown[2:] == pytest.approx([50, 75, 98], abs=4)
    first = page.url
    page.get_by_role("button", name="Save and next").click()
    page.wait_for_url(lambda url: url != first)
    order = lines.raters.get(user=sena).aspect_order
    stored = {score.aspect.key: score.value for score in Score.objects.select_related("aspect")}
    assert [stored[key] for key in order] == shown
    assert not FormRemark.objects.exists()


def test_a_digit_sets_tenths_of_the_scale_as_the_hint_says(
    page: Page, live_server, lines: Trial, sena: User
) -> None:
    sign_in(page, live_server.url, "sena", form_address(lines, sena))
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    expect(page.locator("[data-keys-hint]")).to_contain_text("tenths of the scale (5 is 50)")
    numbers = page.locator("[data-aspect] input[type=number]")
    page.locator("input[type=range]").first.focus()
    for place, (digit, mark) in enumerate({"5": "50", "4": "40", "3": "30", "9": "90", "0": "1"}.items()):
        page.keyboard.press(digit)
        expect(numbers.nth(place)).to_have_value(mark)
        if place < 4:
            page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (1, 100, [1, 10, 20, 30, 40, 50, 60, 70, 80, 90]),
        (0, 100, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]),
        (0, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (10, 20, [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
        (-50, 50, [-50, -40, -30, -20, -10, 0, 10, 20, 30, 40]),
    ],
)
def test_digits_count_from_nought_where_the_scale_begins_at_nought_or_one(
    low: int, high: int, marks: list[int]
) -> None:
    assert Trial(scale_min=low, scale_max=high).digit_marks == marks


def edges(part: Locator) -> tuple[float, float]:
    """Upper and lower edge in the window."""
    box = part.bounding_box()
    assert box is not None
    return box["y"], box["y"] + box["height"]


@pytest.mark.parametrize("height", [720, 800])
def test_the_answer_stays_in_sight_while_the_last_aspects_are_scored(
    page: Page, live_server, lines: Trial, sena: User, height: int
) -> None:
    page.set_viewport_size({"width": 1280, "height": height})
    sign_in(page, live_server.url, "sena", form_address(lines, sena))
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    answer, foot, aspects = (page.locator(f".scoring-{part}") for part in ("answer", "foot", "aspect"))
    page.locator("input[type=range]").first.focus()
    # Down to the last line by Enter, and up again by Shift and Tab.
    for place, key in [*((n, "Enter") for n in range(1, 5)), *((n, "Shift+Tab") for n in (3, 2, 1, 0))]:
        page.keyboard.press(key)
        expect(page.locator("input[type=range]").nth(place)).to_be_focused()
        (top, bottom), (upper, lower) = edges(answer), edges(aspects.nth(place))
        assert 0 <= top < bottom <= upper
        assert lower <= edges(foot)[0]
        picture(page, f"answer_in_sight_{height}_{place}")


def test_the_answer_goes_with_the_page_on_a_tablet_held_upright(
    page: Page, live_server, lines: Trial, sena: User
) -> None:
    page.set_viewport_size({"width": 820, "height": 1180})
    sign_in(page, live_server.url, "sena", form_address(lines, sena))
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    page.mouse.wheel(0, 5000)
    expect(page.locator(".scoring-foot button")).to_be_in_viewport()
    section = page.locator("section:has(> .scoring-answer)")
    assert section.evaluate("e => getComputedStyle(e).position") == "static"


def test_typing_beside_the_lines_is_recorded_as_an_exception(
    page: Page, live_server, lines: Trial, sena: User
) -> None:
    sign_in(page, live_server.url, "sena", form_address(lines, sena))
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    expect(page.locator("[data-aspect] input[type=number]").first).to_have_attribute("readonly", "")
    page.get_by_text("I can't use the lines").click()
    page.get_by_role("button", name="Type the values").click()
    first = page.url
    for value in ("11", "22", "33", "44", "55"):
        page.keyboard.type(value)
        page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first)
    assert sorted(Score.objects.values_list("value", flat=True)) == [11, 22, 33, 44, 55]
    assert FormRemark.objects.get().is_typed


def test_the_clock_of_a_form_starts_when_its_images_show(
    page: Page, live_server, lines: Trial, sena: User
) -> None:
    held: list[Route] | None = []

    def hold(route: Route) -> None:
        if held is None:
            route.continue_()
        else:
            held.append(route)

    page.route("**/images/*.dcm", hold)
    with page.expect_request("**/images/*.dcm"):
        sign_in(page, live_server.url, "sena", form_address(lines, sena))
    expect(page.get_by_text("Waiting for the images …")).to_be_visible()
    clock = page.locator("input[name=active_seconds]")
    page.wait_for_timeout(2500)
    assert held
    assert float(clock.input_value()) == 0
    waiting, held = held, None
    for route in waiting:
        route.continue_()
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    expect(clock).to_have_value(re.compile(r"^[1-9]"))
    assert page.evaluate("window.violations") == []


def test_the_clock_of_a_form_that_came_back_goes_on_from_what_was_sent(
    page: Page, live_server, lines: Trial, sena: User
) -> None:
    def as_refused(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('data-before="0.0"', 'data-before="70.0"'))

    address = form_address(lines, sena)
    sign_in(page, live_server.url, "sena", address)
    page.route(f"**{address}", as_refused)  # after the sign-in, whose redirect is not routed
    page.goto(live_server.url + address)
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    expect(page.locator("input[name=active_seconds]")).to_have_value(re.compile(r"^7[1-9]"))
    assert page.evaluate("window.violations") == []


def test_a_click_on_the_lesion_places_it_in_the_readers_form_and_is_stored(
    page: Page, live_server, rita: User, june: User, sena: User
) -> None:
    study = reading_scene.open_study(rita, [june, sena], 4, design="sequential")
    slot = next_reading(study.readers.get(user=june))
    sign_in(page, live_server.url, "june", reverse("evaluation:read", args=[slot.pk]))
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    place = {name: page.locator(f"[name=point_{name}]") for name in ("view", "across", "down")}
    picture = page.locator("[data-slot=LCC]")
    # Before a finding is named a click places the view too; "none" takes no place.
    page.locator("#finding").select_option("none")
    picture.click()
    assert place["view"].input_value() == ""
    page.locator("#finding").select_option("mass")
    # The case is the left breast: a click on the right one is not taken, and the page says so.
    said = page.locator("[data-other-breast]")
    page.locator("[data-slot=RCC]").click()
    expect(said).to_contain_text("the click lies in the other one")
    assert place["view"].input_value() == ""
    page.wait_for_timeout(600)
    box = picture.bounding_box()
    assert box is not None
    seen = []
    for down in (0.45, 0.6):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + down * box["height"])
        expect(place["view"]).to_have_value("LCC")
        seen.append((float(place["across"].input_value()), float(place["down"].input_value())))
        page.wait_for_timeout(600)  # two quick clicks enlarge the view
    expect(said).to_have_text("")
    assert seen[0][0] == pytest.approx(seen[1][0], abs=0.5)
    assert 0 < seen[0][1] < seen[1][1] < 100
    assert page.locator("#side").input_value() == "L"
    page.locator("#category").select_option("4B")
    page.locator("#likelihood").fill("60")
    first = page.url
    page.get_by_role("button", name="Save and next").click()
    page.wait_for_url(lambda url: url != first)
    row = Reading.objects.get()
    assert row.point["view"] == "LCC"
    assert (row.point["across"], row.point["down"]) == pytest.approx(
        (seen[1][0] / 100, seen[1][1] / 100), abs=1e-4
    )
    assert (row.side, row.finding, row.decision) == ("L", "mass", True)
    assert row.seconds > 0


@pytest.fixture
def long_answers(rita: User, june: User, sena: User, sol: User, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """The same with answers as long as real ones."""
    real = scene.answer_rows
    monkeypatch.setattr(scene, "answer_rows", lambda arms, trial: real(arms, trial, ANSWER))
    questions = scene.questions_of(rita, [june, sena, sol], 2)
    draft = scene.draft_trial(rita, questions, june, input_mode="line")
    scene.answer_all(draft, rita, june, written=ANSWER + "{}")
    return scene.opened(draft, rita, [sena, sol])


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_five_lines_stand_beside_images_and_answer_without_scrolling(
    page: Page, live_server, long_answers: Trial, sena: User, language: str
) -> None:
    cookie = {"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": live_server.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    page.set_viewport_size({"width": 1280, "height": 720})
    sign_in(page, live_server.url, "sena", form_address(long_answers, sena))
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    page.reload()  # without the note of the sign-in
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    picture(page, f"form_five_lines_{language}")
    foot = page.locator(".scoring-foot").bounding_box()
    answer = page.locator(".scoring-answer").first.bounding_box()
    assert foot is not None
    assert answer is not None
    assert answer["y"] >= 0
    assert answer["height"] >= 100
    for aspect in page.locator("[data-aspect]").all():
        box = aspect.bounding_box()
        assert box is not None
        assert box["y"] >= answer["y"] + answer["height"]
        assert box["y"] + box["height"] <= foot["y"] + 1
    assert foot["y"] + foot["height"] <= 720
    sizes = page.locator("[data-aspect] :is(label, span)").evaluate_all(
        "found => found.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 14
    # Each definition is one click away and in the description of its line.
    about = page.locator("[data-aspect] > p").first
    expect(about).to_be_hidden()
    page.locator("[data-definitions] > summary").click()
    expect(about).to_be_visible()
    line = page.locator("input[type=range]").first
    expect(line).to_have_accessible_description(str(about.text_content()))
