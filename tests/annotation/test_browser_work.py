"""In a real browser: the tools of correcting, an input method while picking, and a whole campaign with five people."""

import csv
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from annotation.models import Campaign, Correction, Draft, Lease, Pick, Proposal, Question, TrainingExport
from annotation.services import campaign_settings, export, leases, phrases, proposals
from annotation.services.assignments import reassign
from mammo.accounts.models import AuditEvent, Site, User
from tests.annotation import scene
from tests.annotation.pages import at_work, fits, ready, saved, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


MAKE_GLM = """
import sys
from modeling.nn.language import save_language_model
from tests.modeling.small_models import small_language_model, small_tokenizer
tokenizer = small_tokenizer()
save_language_model(sys.argv[1], small_language_model(tokenizer), tokenizer)
"""
# Of the sixty questions: about a study with four pictures, dialogues, and answers that a junior rewrites.
WITH_STUDY, DIALOGUES, EDITED = 6, 3, 6
SHARED = (
    "您的乳腺密度为C类。建议一年后复查。",
    "密度为C类,属于不均匀致密。建议一年后复查。",
    "这是C类。如有不适请就诊。",
)


def test_the_tools_of_correcting(
    narrow: Page,
    live_server: object,
    plain: Campaign,
    june: User,
    rita: User,
    picture: Callable[[Page, str], None],
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
    # The session ends while she types: she signs in again elsewhere, the page stands, and what she typed is saved.
    page.context.clear_cookies(name="sessionid")
    area.fill("会话结束时写的话。")
    expect(page.locator("#sign-in-again")).to_be_visible()
    assert area.input_value() == "会话结束时写的话。"
    other_tab = page.context.new_page()
    sign_in(other_tab, live_server.url, june, "/annotation/news/")  # type: ignore[attr-defined]
    other_tab.wait_for_url("**/annotation/news/")
    other_tab.close()
    page.keyboard.press("Escape")
    area.fill("您的乳腺密度为C类。会话结束后接着写。")
    expect(saved(page)).to_contain_text("Saved")
    assert "会话结束后接着写" in str(Draft.objects.get().content)
    # The guideline opens by its key, names its edition, and its headings can be cited.
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.locator("#guideline")).to_be_visible()
    expect(page.locator("#guideline-title")).to_have_text("科室指南 第2版")
    assert fits(page)
    picture(page, "correct_tools")
    page.keyboard.press("l")
    cards.nth(first).locator(".tag input").first.check()
    _cite_by_error(cards.nth(first))
    expect(saved(page)).to_contain_text("Saved")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/correct/")
    row = Correction.objects.get(citations={"wrong_fact": "g-复查时间", "language": "g-用语"})
    assert (row.guideline_version, row.no_change) == (1, False)
    assert page.evaluate("window.violations") == []


def _cite_by_error(card: Locator) -> None:
    """Two errors cite a heading each; one that is no longer tagged cites none."""
    tagged = card.locator(".tag input")
    headings = card.locator("select[name^=cite]")
    expect(headings.locator("visible=true")).to_have_count(1)
    headings.first.select_option("g-复查时间")
    # A second error cites a heading of its own; one that is no longer tagged cites none.
    for place in (4, 6):
        tagged.nth(place).check()
    headings.nth(4).select_option("g-用语")
    headings.nth(6).select_option("g-用语")
    tagged.nth(6).uncheck()
    expect(headings.locator("visible=true")).to_have_count(2)


def _at_a_pick(page: Page, live_server: object, campaign: Campaign, june: User, sena: User) -> Question:
    """A senior before three corrected answers."""
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    at_work(page, live_server, sena, "pick", question)
    return question


def test_an_input_method_neither_picks_nor_sends(
    narrow: Page,
    live_server: object,
    plain: Campaign,
    june: User,
    sena: User,
) -> None:
    page = narrow
    _at_a_pick(page, live_server, plain, june, sena)
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
    narrow: Page,
    live_server: object,
    plain: Campaign,
    june: User,
    sena: User,
) -> None:
    page = narrow
    page.set_viewport_size({"width": 1280, "height": 400})
    question = _at_a_pick(page, live_server, plain, june, sena)
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
    narrow: Page,
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
    # Her half hour lapses and Jack takes the question: she goes on typing, is told, and nothing is lost.
    Lease.objects.filter(question=question).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert leases.next_question(by_user=jack, purpose="correct") == question
    areas.first.fill("我写了很久的回答，又加了一句。")
    expect(page.locator("#seat-note")).to_contain_text("You hold this question no more")
    expect(saved(page)).to_contain_text("Saved")
    for place in (1, 2):
        page.locator("[data-no-change]").nth(place).check()
    page.locator("[data-submit]").click()
    expect(page.locator("#conflict")).to_contain_text("Someone else works on this question")
    assert areas.first.input_value() == "我写了很久的回答，又加了一句。"
    assert not Correction.objects.exists()
    # A researcher gives it back to her: her text stands on the page, and she sends it in.
    Lease.objects.filter(question=question).update(expires_at=None)
    reassign(Question.objects.get(pk=question.pk), jack, june, "correct", by_user=rita)
    page.goto(page.url)
    expect(areas.first).to_have_value("我写了很久的回答，又加了一句。")
    expect(page.locator("#seat-note")).to_be_empty()
    page.locator("[data-submit]").click()
    page.wait_for_url("**/annotation/correct/")
    assert Correction.objects.filter(by_user=june).count() == 3


@pytest.mark.slow
def test_a_campaign_of_sixty_questions_from_table_to_training_set(
    browser: Browser,
    live_server: object,
    site: Site,
    rita: User,
    june: User,
    jack: User,
    sena: User,
    sol: User,
    dana: User,
    tmp_path: Path,
    run_child: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = live_server.url  # type: ignore[attr-defined]
    monkeypatch.setenv("MAMMO_MODELS", str(tmp_path / "models"))
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
    glm = tmp_path / "models" / "glm"
    small_glm(glm)
    desk.fill("[name=proposer_place]", str(glm))
    desk.fill("[name=seed]", "7")
    desk.fill("[name=max_new_tokens]", "12")
    desk.click("main form .btn-primary")
    desk.wait_for_url("**/people/")
    for person, purpose in ((june, "correct"), (jack, "correct"), (sena, "pick"), (sol, "pick")):
        desk.check(f'[name={purpose}][value="{person.pk}"]')
    desk.click("text=Add the ticked people")
    expect(desk.locator("#messages")).to_contain_text(f"{jack}, {june}, {sena}, {sol}")
    table = tmp_path / "questions.csv"
    write_sixty(table, site)
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
    _ask_for_proposals(desk, url, run_child, glm)
    _work(pages, {june: "correct", jack: "correct"})
    assert Question.objects.filter(stage="corrected").count() == 60
    assert Correction.objects.count() == 180
    # Of each person every tenth question, one answer rewritten.
    assert Correction.objects.filter(no_change=False, edit_distance__gt=0).count() == EDITED
    _work(pages, {sena: "pick", sol: "pick"})
    assert Question.objects.filter(stage="picked").count() == 60
    assert set(Pick.objects.values_list("by_user__username", flat=True)) == {"sena", "sol"}
    desk.goto(f"{url}/annotation/campaigns/{campaign.pk}/")
    desk.check("#preferences")
    desk.click("text=Write a training set")
    desk.wait_for_url("**/campaigns/*/")
    run_child(export.JOB_KIND)
    made = TrainingExport.objects.get()
    assert (made.counts["samples"], made.counts["images"]) == (60, 4 * WITH_STUDY)
    desk.reload()
    with desk.expect_download() as carried:
        desk.click("form[action$='/download/'] button")
    _holds_sixty(Path(carried.value.path()), made)
    for one in pages.values():
        one.context.close()


def write_sixty(table: Path, site: Site) -> None:
    """A table of sixty questions: the first about a study each, the last dialogues of three turns."""
    for number in range(1, WITH_STUDY + 1):
        scene.patient_with_study(site, f"P{number}", f"A{number}")
    with table.open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle)
        rows.writerow(["turns", "source", "consent", "patient", "accession"])
        for number in range(1, 61):
            turns = [f"第{number}个问题，要复查吗？"]
            if number > 60 - DIALOGUES:
                turns += ["建议一年后复查。", f"第{number}个问题，那半年呢？"]
            whose = [f"P{number}", f"A{number}"] if number <= WITH_STUDY else ["", ""]
            rows.writerow([json.dumps(turns, ensure_ascii=False), "门诊", f"IC-{number}", *whose])


def small_glm(folder: Path) -> None:
    """A folder with a real GlmForCausalLM of random weights (torch stays out of the tests' process)."""
    paths = os.pathsep.join(str(settings.BASE_DIR / part) for part in ("", "platform"))
    subprocess.run(
        [sys.executable, "-c", MAKE_GLM, str(folder)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        timeout=300,
    )


def _ask_for_proposals(desk: Page, url: str, run_child: Callable[[str], None], glm: Path) -> None:
    """The researcher presses the button, and the job that it queued runs as its worker runs it."""
    desk.goto(f"{url}/annotation/campaigns/")
    desk.get_by_role("button", name="Ask for proposals").click()
    expect(desk.locator("#messages")).to_contain_text("Proposals are being made")
    run_child(proposals.JOB_KIND)
    desk.reload()
    expect(desk.get_by_role("button", name="Ask for proposals")).to_have_count(0)
    weights = hashlib.sha256((glm / "model.safetensors").read_bytes()).hexdigest()
    assert set(Proposal.objects.values_list("system_kind", "revision")) == {("transformers", weights)}
    assert Proposal.objects.count() == 180
    assert Question.objects.filter(stage="proposed").count() == 60


def _holds_sixty(carried: Path, made: TrainingExport) -> None:
    """The file that was carried away is the set on record, with every question, as its own manifest says."""
    with zipfile.ZipFile(carried) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    assert (manifest["content_hash"], manifest["export"]) == (made.content_hash, made.export_id)
    assert {name: hashlib.sha256(files[name]).hexdigest() for name in manifest["files"]} == manifest["files"]
    lineage = [json.loads(line) for line in files["lineage.jsonl"].decode().splitlines()]
    assert len({row["consent_hash"] for row in lineage}) == 60
    samples = [
        json.loads(line) for name in files if name.startswith("sft_") for line in files[name].splitlines()
    ]
    assert Counter(len(row["messages"]) for row in samples) == {2: 60 - DIALOGUES, 4: DIALOGUES}
    assert Counter(len(row["images"]) for row in samples) == {0: 60 - WITH_STUDY, 4: WITH_STUDY}
    assert sum(name.endswith(".png") for name in files) == 4 * WITH_STUDY
    assert AuditEvent.objects.filter(action="annotation.export_downloaded").count() == 1


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
    going, turns = set(work), Counter[User]()
    while going:
        for person in list(going):
            page = pages[person]
            number = page.url
            turns[person] += 1
            if page.locator("mammo-viewer").count():
                ready(page)
            if work[person] == "correct":
                edits = turns[person] % 10 == 0
                if edits:
                    page.locator("[data-answer] textarea[name^=text]").first.fill(
                        f"第{turns[person]}题：半年后复查。"
                    )
                for place in range(int(edits), 3):
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
