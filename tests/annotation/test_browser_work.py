"""In a real browser: the tools of correcting, an input method while picking, and a whole campaign with five people."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from annotation.models import Campaign, Correction, Lease, Pick, Question, TrainingExport
from annotation.services import campaign_settings, export, leases, phrases
from annotation.services.assignments import reassign
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.test_browser import fits, narrow, picture, ready, saved, sign_in  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def plain(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """An open campaign whose questions need no study."""
    return scene.open_campaign_of(rita, [june, jack], [sena, sol])


SHARED = (
    "您的乳腺密度为C类。建议一年后复查。",
    "密度为C类,属于不均匀致密。建议一年后复查。",
    "这是C类。如有不适请就诊。",
)


def test_the_tools_of_correcting(
    narrow: Page,  # noqa: F811
    live_server: object,
    plain: Campaign,
    june: User,
    rita: User,
    picture: Callable[[Page, str], None],  # noqa: F811
) -> None:
    page = narrow
    campaign_settings.change_guideline(
        plain,
        "## 复查时间\n3类六个月。\n## 用语\n不下诊断。",
        edition="科室指南 第2版",
        by_user=rita,
        expected_version=plain.version,
    )
    phrases.add(plain, by_user=june, text="如有不适请随时就诊。")
    (question,) = scene.ask(plain, scene.plain_row("我要复查吗？"))
    scene.propose(plain, [question], SHARED)
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")  # type: ignore[attr-defined]
    cards = page.locator("[data-answer]")
    holder = next(n for n in range(3) if "不均匀" in cards.nth(n).locator("textarea").first.input_value())
    first = next(
        n for n in range(3) if "您的乳腺密度" in cards.nth(n).locator("textarea").first.input_value()
    )
    area = cards.nth(first).locator("textarea").first
    # One sentence that two proposals share is mended once.
    area.fill("您的乳腺密度为C类。建议六个月后复查。")
    apply_all = cards.nth(first).locator("[data-apply-all]")
    expect(apply_all).to_be_visible()
    apply_all.click()
    assert "建议六个月后复查。" in cards.nth(holder).locator("textarea").first.input_value()
    expect(apply_all).to_be_hidden()
    # A phrase goes in where the cursor is; a doubtful text is warned about, and stays as it is.
    other = next(n for n in range(3) if n not in (holder, first))
    cards.nth(other).locator("[data-phrases]").select_option(index=1)
    assert "如有不适请随时就诊。" in cards.nth(other).locator("textarea").first.input_value()
    area.fill("您得了乳腺癌。")
    expect(cards.nth(first).locator(".warned[data-kind=diagnosis]")).to_be_visible()
    assert area.input_value() == "您得了乳腺癌。"
    cards.nth(first).locator(f"[data-copy-from='{holder}']").click()
    assert area.input_value() == cards.nth(holder).locator("textarea").first.input_value()
    expect(cards.nth(first).locator(".warned[data-kind=diagnosis]")).to_have_count(0)
    # The guideline opens by its key, names its edition, and its headings can be cited.
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.locator("#guideline")).to_be_visible()
    expect(page.locator("#guideline-title")).to_have_text("科室指南 第2版")
    assert fits(page)
    picture(page, "correct_tools")
    page.keyboard.press("l")
    cards.nth(first).locator(".tag input").first.check()
    cards.nth(first).locator("select[name^=cite]").select_option("g-复查时间")
    expect(saved(page)).to_contain_text("Saved")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/correct/")
    row = Correction.objects.get(citations__wrong_fact="g-复查时间")
    assert (row.guideline_version, row.no_change) == (1, False)
    assert page.evaluate("window.violations") == []


def _at_a_pick(page: Page, url: str, campaign: Campaign, june: User, sena: User) -> Question:
    """A senior before three corrected answers."""
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    sign_in(page, url, sena, f"/annotation/pick/{question.pk}/")
    page.wait_for_load_state()  # the page's keys are a module
    return question


def test_an_input_method_neither_picks_nor_sends(
    narrow: Page,  # noqa: F811
    live_server: object,
    plain: Campaign,
    june: User,
    sena: User,
) -> None:
    page = narrow
    _at_a_pick(page, live_server.url, plain, june, sena)  # type: ignore[attr-defined]
    page.keyboard.press("2")
    expect(page.locator("[data-candidate] input[type=radio]").nth(1)).to_be_checked()
    page.keyboard.press("e")
    area = page.locator("[data-candidate]").nth(1).locator("textarea")
    before = area.input_value()
    area.evaluate(
        """(area) => {
            const fire = (type, more) => area.dispatchEvent(new CompositionEvent(type, { bubbles: true, ...more }));
            const key = (name, code) => {
                const event = new KeyboardEvent("keydown", { key: name, code: name, isComposing: true,
                    ctrlKey: name === "Enter", bubbles: true, cancelable: true });
                Object.defineProperty(event, "keyCode", { get: () => 229 });
                area.dispatchEvent(event);
            };
            fire("compositionstart"); fire("compositionupdate", { data: "fucha" });
            key("Digit1"); key("Enter");
            area.value += "复查"; fire("compositionend", { data: "复查" });
            area.dispatchEvent(new InputEvent("input", { bubbles: true }));
        }"""
    )
    page.wait_for_timeout(400)
    assert area.input_value() == before + "复查"
    expect(page.locator("[data-candidate] input[type=radio]").nth(1)).to_be_checked()
    assert not Pick.objects.exists()


def test_an_answer_out_of_view_is_shown_before_a_pick_is_sent(
    narrow: Page,  # noqa: F811
    live_server: object,
    plain: Campaign,
    june: User,
    sena: User,
) -> None:
    page = narrow
    page.set_viewport_size({"width": 1280, "height": 400})
    question = _at_a_pick(page, live_server.url, plain, june, sena)  # type: ignore[attr-defined]
    page.keyboard.press("1")
    expect(page.locator("[data-candidate] input[type=radio]").first).to_be_checked()
    note = page.locator("[data-unseen-note]")
    expect(note).to_be_hidden()
    page.keyboard.press("Control+Enter")
    expect(note).to_be_visible()
    assert not Pick.objects.exists()
    for _ in range(3):
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(300)
        if not page.url.endswith(f"/{question.pk}/"):
            break
    page.wait_for_url(lambda url: not url.endswith(f"/{question.pk}/"))
    assert Pick.objects.count() == 1


def test_a_seat_that_went_to_somebody_else_loses_no_word(
    narrow: Page,  # noqa: F811
    live_server: object,
    plain: Campaign,
    june: User,
    jack: User,
    rita: User,
) -> None:
    page = narrow
    (question,) = scene.proposed(plain, 1)
    sign_in(page, live_server.url, june, f"/annotation/correct/{question.pk}/")  # type: ignore[attr-defined]
    areas = page.locator("[data-answer] textarea[name^=text]")
    areas.first.fill("我写了很久的回答。")
    expect(saved(page)).to_contain_text("Saved")
    Lease.objects.filter(question=question).update(expires_at=None)
    reassign(Question.objects.get(pk=question.pk), june, jack, "correct", by_user=rita)
    areas.first.fill("我写了很久的回答，又加了一句。")
    expect(saved(page)).to_contain_text("Saved")
    for place in (1, 2):
        page.locator("[data-no-change]").nth(place).check()
    page.locator("[data-submit]").click()
    expect(page.locator("#conflict")).to_contain_text("Someone else works on this question")
    assert areas.first.input_value() == "我写了很久的回答，又加了一句。"
    assert not Correction.objects.exists()
    assert leases.next_question(by_user=jack, purpose="correct") == question


@pytest.mark.slow
def test_a_campaign_of_sixty_questions_from_table_to_training_set(
    browser: Browser,
    live_server: object,
    site: object,
    rita: User,
    june: User,
    jack: User,
    sena: User,
    sol: User,
    dana: User,
    tmp_path: Path,
    run_child: Callable[[str], None],
) -> None:
    url = live_server.url  # type: ignore[attr-defined]
    pages = {}
    for person, to in (
        (rita, "campaigns"),
        (june, "correct"),
        (jack, "correct"),
        (sena, "pick"),
        (sol, "pick"),
    ):
        pages[person] = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
        pages[person].set_default_timeout(60_000)
        sign_in(pages[person], url, person, f"/annotation/{to}/")
    desk = pages[rita]
    desk.goto(f"{url}/annotation/campaigns/new/")
    desk.fill("[name=name]", "六十问")
    desk.fill("[name=proposer_place]", "/models/glm")
    desk.click("main form .btn-primary")
    desk.wait_for_url("**/people/")
    for person, purpose in ((june, "correct"), (jack, "correct"), (sena, "pick"), (sol, "pick")):
        desk.select_option(f"#add-{purpose}", str(person.pk))
        desk.click(f"form:has(#add-{purpose}) button")
        expect(desk.locator("#messages")).to_contain_text(str(person))
    table = tmp_path / "questions.csv"
    with table.open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle)
        rows.writerow(["text", "source", "consent"])
        rows.writerows([f"第{number}个问题，要复查吗？", "门诊", f"IC-{number}"] for number in range(1, 61))
    campaign = Campaign.objects.get()
    desk.goto(f"{url}/annotation/campaigns/{campaign.pk}/questions/")
    desk.set_input_files("[name=table]", table)
    desk.click("text=Read the table")
    desk.click("text=Take the questions in")
    expect(desk.locator("#messages")).to_contain_text("60 questions taken in")
    desk.goto(f"{url}/annotation/campaigns/{campaign.pk}/")
    desk.click("text=Open the campaign")
    expect(desk.locator("#messages")).to_contain_text("open")
    _confirm_wordings(browser, url, dana)
    campaign.refresh_from_db()
    scene.propose(campaign, list(Question.objects.order_by("position")))
    _work(pages, {june: "correct", jack: "correct"})
    assert Question.objects.filter(stage="corrected").count() == 60
    assert Correction.objects.count() == 180
    _work(pages, {sena: "pick", sol: "pick"})
    assert Question.objects.filter(stage="picked").count() == 60
    assert set(Pick.objects.values_list("by_user__username", flat=True)) == {"sena", "sol"}
    desk.goto(f"{url}/annotation/campaigns/{campaign.pk}/")
    desk.check("#preferences")
    desk.click("text=Write a training set")
    desk.wait_for_url("**/campaigns/*/")
    run_child(export.JOB_KIND)
    made = TrainingExport.objects.get()
    assert made.counts["samples"] == 60
    lineage = (Path(made.folder) / "lineage.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["consent"] for line in lineage} == {f"IC-{number}" for number in range(1, 61)}
    for one in pages.values():
        one.context.close()


def _confirm_wordings(browser: Browser, url: str, dana: User) -> None:
    """The data manager reads the cleaned wordings, page by page."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.set_default_timeout(60_000)
    sign_in(page, url, dana, "/annotation/wordings/")
    while page.locator("text=nothing identifies anybody").count():
        page.click("text=nothing identifies anybody")
        page.wait_for_load_state()
    assert not Question.objects.filter(cleaned_by=None).exists()
    context.close()


def _work(pages: dict[User, Page], work: dict[User, str]) -> None:
    """People take turns, question by question, until nothing waits for any of them."""
    for person, purpose in work.items():
        pages[person].goto(pages[person].url)
        pages[person].click(f"main form[action$='/annotation/{purpose}/next/'] button")
        pages[person].wait_for_url(lambda url, purpose=purpose: not url.endswith(f"/annotation/{purpose}/"))
    going = set(work)
    while going:
        for person in list(going):
            page = pages[person]
            number = page.url
            if work[person] == "correct":
                for place in range(3):
                    page.locator("[data-no-change]").nth(place).check()
            else:
                page.keyboard.press("1")
            for _ in range(4):  # answers that were not in view yet are shown first
                page.keyboard.press("Control+Enter")
                if work[person] == "correct" or page.locator("[data-unseen-note]").is_hidden():
                    break
                page.evaluate("document.querySelector('[data-unseen-note]').hidden = true")
            page.wait_for_url(lambda url, number=number: url != number)
            if page.url.endswith(f"/annotation/{work[person]}/"):
                going.discard(person)
