"""The page of correcting in a real browser: by keys only, with an input method, with large text, on two screens."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from annotation.models import Campaign, Correction, Draft, Question
from annotation.services import campaign_settings, phrases
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.pages import fits, ready, saved, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# As long as a model's answers are.
ANSWERS = (
    "您的乳腺密度为C类，属于不均匀致密型。致密的腺体在X线上显示为白色，可能会遮挡小的病灶，因此建议您除了钼靶检查之外再做一次"
    "乳腺超声。右侧乳腺的结节评为BI-RADS 4A类，恶性的可能性较低，但仍需要穿刺活检来明确性质。",
    "根据报告，您的乳腺密度是C类，属于致密型乳腺。这种情况在您这个年龄很常见，不是疾病。右乳的4A类结节建议尽快做活检，左乳为2类，"
    "是良性改变，按时复查就可以了。",
    "C类密度表示乳腺内腺体组织较多。右乳4A类，建议穿刺活检；左乳2类，建议每年复查一次钼靶。如果出现乳头溢血或肿块增大，请及时就诊。",
)


@pytest.fixture
def asked(campaign: Campaign, june: User, rita: User) -> Question:
    """A question about a study, in a campaign with a guideline and a phrase book."""
    campaign_settings.change_guideline(
        campaign,
        "## 复查时间\n3类六个月。\n## 用语\n不下诊断。",
        edition="科室指南 第2版",
        by_user=rita,
        expected_version=campaign.version,
    )
    phrases.add(campaign, by_user=june, text="如有不适请随时就诊。")
    (question,) = scene.ask(campaign, scene.row("我的乳腺密度是多少？右边那个结节严重吗？"))
    scene.propose(campaign, [question], ANSWERS)
    return question


def texts(page: Page) -> Locator:
    """The three answers' texts, in the order in which they stand."""
    return page.locator("[data-answer] textarea:not([data-note])")


def opened(page: Page, live_server: Any, question: Question, june: User) -> Page:
    """The page of correcting, with its pictures."""
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")
    ready(page)
    return page


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_all_three_answers_can_be_read_at_once_on_a_screen_of_1440_by_900(
    page: Page, live_server: object, asked: Question, june: User, language: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.context.set_extra_http_headers({"Accept-Language": language})
    opened(page, live_server, asked, june)
    bar = page.locator(".send").bounding_box()
    boxes = [texts(page).nth(n).bounding_box() for n in range(3)]
    assert bar is not None
    assert all(box is not None and box["y"] + box["height"] <= bar["y"] for box in boxes)
    # Nothing of a text is scrolled away inside its own field.
    assert texts(page).evaluate_all(
        "areas => areas.every((area) => area.scrollHeight <= area.clientHeight + 1)"
    )
    assert page.evaluate("window.scrollY") == 0
    nothing = {"en-GB": "Nothing to save yet", "zh-CN": "尚无需要保存的内容"}[language]
    expect(saved(page)).to_have_text(nothing)
    expect(saved(page)).to_be_in_viewport()


def test_a_question_is_corrected_from_the_list_to_the_next_by_keys_only(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = narrow
    sign_in(page, live_server.url, june, "/annotation/correct/")  # type: ignore[attr-defined]
    page.wait_for_load_state()
    following = page.locator("main form[action$='/next/'] button")
    for _press in range(30):
        page.keyboard.press("Tab")
        if following.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/annotation/correct/*-*/")
    ready(page)
    expect(page.locator("[data-submit]")).to_be_enabled()
    # The first: a sentence more, and what was wrong with it, by Tab and Space.
    page.keyboard.press("1")
    page.keyboard.press("Control+End")
    page.keyboard.type("半年后复查。")
    wrong = page.locator("[data-answer]").first.locator("[data-tags] input").first
    expect(wrong).to_be_visible()
    for _press in range(20):
        page.keyboard.press("Tab")
        if wrong.evaluate("box => box === document.activeElement"):
            break
    page.keyboard.press("Space")
    expect(wrong).to_be_checked()
    # The second: a phrase of the book by its own field; the third: no change.
    page.keyboard.press("2")
    page.keyboard.press("Control+End")
    book = page.locator("[data-answer]").nth(1).locator("[data-phrases]")
    for _press in range(20):
        page.keyboard.press("Tab")
        if book.evaluate("field => field === document.activeElement"):
            break
    page.keyboard.press("ArrowDown")
    expect(texts(page).nth(1)).to_have_value(re.compile("如有不适请随时就诊。"))
    page.keyboard.press("Escape")
    third = page.locator("[data-no-change]").nth(2)
    for _press in range(2):  # one out of sight is shown first
        if not third.is_checked():
            page.keyboard.press("Shift+Digit3")
    expect(third).to_be_checked()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/correct/")
    rows = list(Correction.objects.order_by("pk"))
    assert sorted(row.no_change for row in rows) == [False, False, True]
    assert [row.error_tags for row in rows if row.text.endswith("半年后复查。")] == [["wrong_fact"]]
    assert sum("如有不适请随时就诊。" in row.text for row in rows) == 1


def test_composing_while_correcting_neither_sends_nor_fires_and_its_text_is_saved(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = opened(narrow, live_server, asked, june)
    for place in (1, 2):
        page.locator("[data-no-change]").nth(place).check()
    area = texts(page).first
    before = area.input_value()
    area.evaluate(
        """(area) => {
            area.focus();
            const fire = (type, data) => area.dispatchEvent(new CompositionEvent(type, { data, bubbles: true }));
            const key = (name, code, ctrlKey) => {
                const event = new KeyboardEvent("keydown",
                    { key: name, code, isComposing: true, ctrlKey, bubbles: true, cancelable: true });
                Object.defineProperty(event, "keyCode", { get: () => 229 });
                area.dispatchEvent(event);
            };
            fire("compositionstart", ""); fire("compositionupdate", "fucha");
            key("2", "Digit2", false); key("Escape", "Escape", false);
            key("Enter", "Enter", false); key("Enter", "Enter", true);
            area.value += "复查"; fire("compositionend", "复查");
            area.dispatchEvent(new InputEvent("input", { data: "复查", bubbles: true }));
        }"""
    )
    expect(saved(page)).to_contain_text("Saved")
    # Escape and digits belonged to the input method: the text still has the focus, nothing was sent.
    assert area.evaluate("area => area === document.activeElement")
    assert area.input_value() == before + "复查"
    assert not Correction.objects.exists()
    assert before + "复查" in str(Draft.objects.get().content)
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/correct/")
    assert Correction.objects.count() == 3


def test_with_text_at_200_per_cent_nothing_is_cut_or_lies_outside(
    narrow: Page,
    live_server: object,
    asked: Question,
    june: User,
) -> None:
    page = opened(narrow, live_server, asked, june)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    texts(page).first.press("Control+End")
    page.keyboard.type("半年后复查。")
    expect(saved(page)).to_contain_text("Saved")
    assert fits(page)
    cut = page.evaluate(
        """() => [...document.querySelectorAll(
            ".work button, .work label, .work summary, .work legend, .work dd, .work p, .work select, .send span")]
          .filter((part) => part.checkVisibility({ visibilityProperty: true }))
          .filter((part) => !part.classList.contains("visually-hidden"))
          .filter((part) => {
            const box = part.getBoundingClientRect();
            const hides = getComputedStyle(part).overflowX !== "visible" && part.scrollWidth > part.clientWidth + 1;
            return hides || box.left < -1 || box.right > window.innerWidth + 1;
          })
          .map((part) => part.outerHTML.slice(0, 120))"""
    )
    assert cut == []
    # The bar below leaves most of the page free, and what it says and offers lies in it.
    bar = page.locator(".send").bounding_box()
    assert bar is not None
    assert bar["height"] <= 360
    expect(page.locator("[data-submit]")).to_be_in_viewport(ratio=1)
    expect(saved(page)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(
    ("proposed", "typed", "language", "runs"),
    [
        (
            "您的乳腺密度为C类，建议一年后复查。",
            "您的乳腺密度为C类，建议六个月后复查。",
            "zh",
            [
                ("span", "您的乳腺密度为C类，建议"),
                ("del", "一年"),
                ("ins", "六个月"),
                ("span", "后复查。"),
            ],
        ),
        (
            "Your breast density is type C. Come back in one year.",
            "Your breast density is type C. Come back in six months.",
            "en",
            [
                ("span", "Your breast density is type C. Come back in "),
                ("del", "one"),
                ("ins", "six"),
                ("span", " "),
                ("del", "year"),
                ("ins", "months"),
                ("span", "."),
            ],
        ),
    ],
)
def test_the_live_difference_marks_the_words_that_changed_and_no_others(
    narrow: Page,
    live_server: object,
    rita: User,
    june: User,
    sena: User,
    proposed: str,
    typed: str,
    language: str,
    runs: list[tuple[str, str]],
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    (question,) = scene.ask(campaign, scene.plain_row("要复查吗？", language=language))
    scene.propose(campaign, [question], (proposed, *ANSWERS[:2]))
    page = narrow
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")  # type: ignore[attr-defined]
    page.wait_for_load_state()
    place = next(n for n in range(3) if texts(page).nth(n).input_value() == proposed)
    marked = page.locator("[data-answer]").nth(place).locator("[data-difference]")
    expect(marked).to_be_hidden()
    texts(page).nth(place).fill(typed)
    expect(marked).to_be_visible()
    found = marked.evaluate("place => [...place.children].map((one) => [one.localName, one.textContent])")
    assert [(name, text) for name, text in found] == runs
    texts(page).nth(place).fill(proposed)
    expect(marked).to_be_hidden()


def test_a_warning_is_marked_while_the_changed_text_is_checked(
    narrow: Page, live_server: Any, question: Question, june: User
) -> None:
    page = narrow
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")
    place, text = page.locator("[data-answer] .warnings").first, page.locator("[data-answer] textarea").first
    text.fill("不用复查，请每天吃两片他莫昔芬。")
    expect(place.locator(".warned").first).to_be_visible()
    expect(place).not_to_have_attribute("data-checking", re.compile("."))
    # From the first letter until the answer to the new text, one to an older text in between included.
    text.fill("请咨询您的医生。")
    expect(place).to_have_attribute("data-checking", "Checking the changed text …")
    said = "getComputedStyle(document.querySelector('.warnings'), '::after').content"
    assert "Checking" in page.evaluate(said)
    expect(place.locator(".warned")).to_have_count(0)
    expect(place).not_to_have_attribute("data-checking", re.compile("."))


def test_only_a_whole_sentence_is_changed_in_the_other_answers(
    page: Page, live_server: Any, plain: Campaign, june: User
) -> None:
    """“目前不需要手术。” ends as “需要手术。” does, and says the reverse."""
    (question,) = scene.ask(plain, scene.plain_row("我要手术吗？"))
    proposed = (
        "您的密度为C类。需要手术。请带片子。",
        "密度是C类。目前不需要手术。请放心。",
        "C类。  需要手术。\n请空腹。\n需要手术。",
    )
    scene.propose(plain, [question], proposed)
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")
    page.wait_for_load_state()
    shown = [texts(page).nth(n).input_value() for n in range(3)]
    holder, other, third = (shown.index(text) for text in proposed)
    apply_all = page.locator("[data-answer]").nth(holder).locator("[data-apply-all]")
    texts(page).nth(holder).fill("您的密度为C类。先做活检，费用$&另计。请带片子。")
    expect(apply_all).to_be_visible()
    apply_all.click()
    expect(texts(page).nth(third)).to_have_value(
        "C类。  先做活检，费用$&另计。\n请空腹。\n先做活检，费用$&另计。"
    )
    expect(texts(page).nth(other)).to_have_value(proposed[1])
    expect(apply_all).to_be_hidden()
    # Of two sentences that became one, both stand elsewhere in a row, or nothing changes there.
    texts(page).nth(third).fill("您的密度为C类。\n需要手术。完。需要手术。")
    texts(page).nth(holder).fill("按医生的安排做。请带片子。")
    expect(apply_all).to_be_visible()
    apply_all.click()
    expect(texts(page).nth(third)).to_have_value("按医生的安排做。完。需要手术。")
    # A sentence that goes leaves no blanks behind.
    texts(page).nth(third).fill("C类。 需要手术。 完。")
    texts(page).nth(holder).fill("您的密度为C类。请带片子。")
    apply_all.click()
    expect(texts(page).nth(third)).to_have_value("C类。 完。")
    # A decimal point ends no sentence: another measurement stays what it is.
    texts(page).nth(third).fill("左乳结节大小1.2cm。完。")
    texts(page).nth(other).fill("左乳结节大小1.5cm。")
    texts(page).nth(holder).fill("左乳结节大小2.5cm。请带片子。")
    expect(apply_all).to_be_hidden()
    # What holds it only within another sentence is no reason for the button.
    texts(page).nth(third).fill("目前不需要手术。")
    expect(apply_all).to_be_hidden()
