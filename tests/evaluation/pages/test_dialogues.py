"""Dialogues on pages: designed, written turn by turn, scored whole, and nothing names an arm."""

import html
import json
import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from playwright.sync_api import Page, expect

from evaluation.models import Score, Slot, Trial, UnfinishedDialogue
from evaluation.services.freezing import freeze_trial
from evaluation.services.raters import add_rater
from evaluation.services.scoring import next_slot, open_scoring
from evaluation.services.trials import create_trial
from mammo.accounts.models import User
from tests.api.conftest import Caller, caller  # noqa: F401 (a fixture)
from tests.evaluation import dialogues, scene
from tests.evaluation.pages.test_blinding import (
    CANARY,
    crawl,
    score_through_pages,
    secrets_of,
    told,
)
from tests.evaluation.pages.test_designing import client_of, post
from tests.evaluation.pages.test_scoring_in_a_browser import picture, sign_in


@pytest.fixture
def author(site: Any) -> User:
    """A doctor whose name is a canary."""
    return scene.person(site, f"Author{CANARY}", "author")


@pytest.fixture
def unanswered(rita: User, author: User, june: User, sena: User, sol: User) -> Trial:
    """A single question and two dialogues; whatever raters must not see holds the canary."""
    trial = dialogues.draft(
        rita, author, [june, sena, sol], mark=CANARY, guesses=2, sitting_slots=40, input_mode="number"
    )
    dialogues.systems_answer(trial, rita, mark=CANARY)
    return trial


@pytest.fixture
def planted(unanswered: Trial, rita: User, author: User, sena: User, sol: User) -> Trial:
    """The same, open for scoring."""
    dialogues.doctor_answers(unanswered, author)
    for rater in (sena, sol):
        add_rater(unanswered, rater, by_user=rita)
    freeze_trial(unanswered, by_user=rita)
    open_scoring(unanswered, by_user=rita)
    return unanswered


def form_of_a_dialogue(trial: Trial, user: User) -> Slot:
    """The first of the rater's forms that shows a dialogue."""
    found = trial.raters.get(user=user).slots.filter(answer__question__position__gte=2)
    slot: Slot = found.order_by("position").first()
    return slot


def said(page: str) -> list[tuple[str, str]]:
    """Label and text of every turn of a dialogue on a page."""
    rows = re.findall(r"<dt>([^<]+)</dt>\s*<dd[^>]*>([^<]*)</dd>", page)
    return [(label, html.unescape(text)) for label, text in rows]


@pytest.mark.slow
def test_a_crawl_through_dialogues_meets_no_canary(planted: Trial, sena: User) -> None:
    client = client_of(sena)
    responses = score_through_pages(client, planted, sena, 9)
    guess = reverse("evaluation:guess", args=[planted.raters.get(user=sena).pk])
    responses.append(client.get(guess))
    pages = [("scored", response) for response in responses]
    for start in ("/", "/evaluation/score/"):
        pages += list(crawl(client, start))
    assert sum(b"scoring-dialogue" in getattr(page, "content", b"") for _, page in pages) > 6
    forbidden = secrets_of(planted) | {"旧的回答", "<|user|>"}
    for question in planted.trial_questions.exclude(rounds_sha256=""):
        forbidden.add(question.rounds_sha256)
    for address, response in pages:
        hits = told(forbidden, response)
        assert not hits, (address, hits)


def test_a_rater_reads_the_whole_dialogue_and_marks_it_once(planted: Trial, sena: User) -> None:
    client = client_of(sena)
    slot = form_of_a_dialogue(planted, sena)
    score_through_pages(client, planted, sena, slot.position - 1)
    page = client.get(reverse("evaluation:form", args=[slot.pk])).content.decode()
    lines = said(page)
    assert [label for label, _ in lines] == ["Patient", "Answer"] * 3
    assert [text for _, text in lines][::2] == slot.answer.question.rounds
    assert [text for _, text in lines][1::2] == str(slot.shown_text).split("\x1e")
    assert page.count('name="value_') == len(scene.ASPECTS)
    assert "The answer to score" not in page
    client.cookies["django_language"] = "zh-hans"
    page = client.get(reverse("evaluation:form", args=[slot.pk])).content.decode()
    assert [label for label, _ in said(page)] == ["患者", "回答"] * 3
    assert "待评分的对话" in page
    assert "The dialogue to score" not in page


def test_every_arms_dialogue_is_laid_out_alike(planted: Trial, sena: User) -> None:
    client = client_of(sena)
    score_through_pages(client, planted, sena, 9)
    shapes: dict[str, set[str]] = {}
    rater = planted.raters.get(user=sena)
    for slot in rater.slots.filter(answer__question__position=2).select_related("answer__arm"):
        page = client.get(reverse("evaluation:form", args=[slot.pk])).content.decode()
        part = page[page.index('<dl class="scoring-dialogue">') : page.index("</dl>")]
        shapes.setdefault(re.sub(r">[^<]*<", "><", part), set()).add(slot.answer.arm.code)
    assert [len(arms) for arms in shapes.values()] == [3]


def test_the_interface_gives_the_whole_dialogue_and_no_arm(
    planted: Trial,
    sena: User,
    caller: Caller,  # noqa: F811 (the fixture)
) -> None:
    slot = form_of_a_dialogue(planted, sena)
    score_through_pages(client_of(sena), planted, sena, slot.position - 1)
    shown = caller(sena).get(f"/api/v1/forms/{slot.pk}/").json()
    parts = str(slot.shown_text).split("\x1e")
    assert shown["is_dialogue"] is True
    assert (
        shown["turns"]
        == [text for pair in zip(slot.answer.question.rounds, parts, strict=True) for text in pair][:-1]
    )
    assert shown["answer"] == parts[-1]
    assert CANARY not in json.dumps(shown)


def test_a_doctor_sees_the_next_turn_only_after_the_answer_is_stored(unanswered: Trial, author: User) -> None:
    client = client_of(author)
    asked = unanswered.trial_questions.get(position=2)
    address = reverse("evaluation:write", args=[asked.pk])
    page = client.get(address).content.decode()
    assert said(page) == [("Patient", asked.rounds[0])]
    assert asked.rounds[1] not in page
    assert "旧的回答" not in page
    answer = post(client, "write", asked.pk, text="第一句。", turn="1", active_seconds="10")
    assert answer.headers["Location"].partition("?")[0] == address
    page = client.get(address).content.decode()
    assert [text for _, text in said(page)] == [asked.rounds[0], "第一句。", asked.rounds[1]]
    assert asked.rounds[2] not in page
    assert "第一句。" not in page[page.index("<textarea") : page.index("</textarea>")]
    # Sent from a page that was open before: nothing is stored over it.
    assert post(client, "write", asked.pk, text="改了。", turn="1").status_code == 409
    assert post(client, "write", asked.pk, text="改了。").status_code == 400
    assert post(client, "write", asked.pk, text="改了。", turn="9" * 5000).status_code == 400
    empty = post(client, "write", asked.pk, text=" ", turn="2", active_seconds="8")
    assert 'name="active_seconds" value="8.0" data-before="8.0"' in empty.content.decode()
    assert (empty.status_code, asked.rounds[2] in empty.content.decode()) == (400, False)
    assert UnfinishedDialogue.objects.get().answers == ["第一句。"]
    post(client, "write", asked.pk, text="第二句。", turn="2", active_seconds="11")
    done = post(client, "write", asked.pk, text="第三句。", turn="3", active_seconds="12")
    assert done.headers["Location"].partition("?")[0] != address
    written = unanswered.arms.get(kind="human").answers.get()
    assert (written.turns[1::2], written.seconds) == (["第一句。", "第二句。", "第三句。"], 33.0)
    page = client.get(address).content.decode()
    assert "its answers stay as they are" in page
    assert "<textarea" not in page
    client.cookies["django_language"] = "zh-hans"
    assert [label for label, _ in said(client.get(address).content.decode())] == ["患者", "回答"] * 3


def test_another_authors_dialogue_is_not_shown(unanswered: Trial, author: User, june: User) -> None:
    arm = unanswered.arms.get(kind="human")
    arm.spec["authors"].append(str(june.pk))
    arm.save()
    asked = unanswered.trial_questions.get(position=2)
    post(client_of(author), "write", asked.pk, text="第一句。", turn="1")
    answer = client_of(june).get(reverse("evaluation:write", args=[asked.pk]))
    assert answer.status_code == 404
    assert "第一句。" not in answer.content.decode()


def another(trial: Trial, rita: User) -> Trial:
    """An empty draft under the same protocol."""
    return create_trial("Another", protocol=trial.protocol, by_user=rita)


def test_dialogues_and_their_files_of_answers_are_designed_on_pages(unanswered: Trial, rita: User) -> None:
    client = client_of(rita)
    draft = another(unanswered, rita)
    campaign = unanswered.trial_questions.first().question.campaign
    post(client, "design", draft.pk, do="sample", campaign=campaign.pk, dialogues="on")
    joined = draft.trial_questions.exclude(rounds_sha256="")
    assert joined.count() == 2
    page = client.get(reverse("evaluation:design", args=[draft.pk])).content.decode()
    assert page.count("dialogue of 3 turns") == 2
    rows = dialogues.answers_file(unanswered)
    bad = [dict(row) for row in rows]
    bad[2]["turns"] = bad[2]["turns"][:-1]
    file = SimpleUploadedFile("a.csv", dialogues.as_csv(bad))
    answer = post(client, "design", unanswered.pk, do="written", name="Ref", kind="reference", answers=file)
    assert answer.status_code == 400
    line = "a.csv, row 3: the patient has 3 turns in question 3, 2 answers are given; add the missing answers"
    assert line in html.unescape(answer.content.decode())
    file = SimpleUploadedFile("a.csv", dialogues.as_csv(rows))
    post(client, "design", unanswered.pk, do="written", name="Ref", kind="reference", answers=file)
    assert unanswered.arms.get(name="Ref").answers.count() == 3
    table = 'source,rounds\nward,"[""我有结节吗？"", ""要手术吗？""]"\n'.encode()
    file = SimpleUploadedFile("q.csv", table)
    answer = post(client, "design", draft.pk, do="upload", table=file)
    assert "confirm its wording" in client.get(answer.headers["Location"]).content.decode()


def test_a_program_designs_dialogues_too(
    unanswered: Trial,
    rita: User,
    caller: Caller,  # noqa: F811 (the fixture)
) -> None:
    client, draft = caller(rita), another(unanswered, rita)

    def ask(trial: Trial, part: str, body: dict[str, Any]) -> Any:
        return client.post(
            f"/api/v1/trials/{trial.pk}/{part}/",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )

    campaign = unanswered.trial_questions.first().question.campaign
    body = {"campaign": str(campaign.pk), "dialogues": True}
    assert ask(draft, "questions", body).status_code == 200
    assert draft.trial_questions.exclude(rounds_sha256="").count() == 2
    rows = dialogues.answers_file(unanswered)
    made = ask(unanswered, "arms", {"name": "Reference", "kind": "reference", "answers": rows})
    assert made.status_code == 201, made.content
    rows[1]["turns"].append("多了")
    refused = ask(unanswered, "arms", {"name": "Other", "kind": "reference", "answers": rows})
    assert refused.status_code == 400
    assert "take out the extra answers" in refused.content.decode()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_doctor_writes_a_dialogue_and_a_rater_scores_it_in_a_browser(
    page: Page, live_server: Any, unanswered: Trial, rita: User, author: User, sena: User
) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    unanswered.trial_questions.exclude(position=2).delete()
    asked = unanswered.trial_questions.get()
    sign_in(page, live_server.url, author.username, f"/evaluation/write/{asked.pk}/")
    for turn in range(1, 4):
        page.wait_for_selector("mammo-viewer[data-ready='1']")
        expect(page.locator(".scoring-dialogue dt")).to_have_count(2 * turn - 1)
        expect(page.locator("#answer-text")).to_have_value("")
        page.locator("#answer-text").fill(f"写的第{turn}句。请放心。")
        picture(page, f"write_dialogue_{turn}")
        page.get_by_role("button", name="Save and next").click()
    expect(page.get_by_text("Every question is answered.")).to_be_visible()
    assert page.evaluate("window.violations ?? []") == []
    add_rater(unanswered, sena, by_user=rita)
    freeze_trial(unanswered, by_user=rita)
    open_scoring(unanswered, by_user=rita)
    page.context.clear_cookies()
    sign_in(page, live_server.url, "sena", "/evaluation/score/")
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I have read this and take part").click()
    page.wait_for_selector("mammo-viewer[data-ready='1']")
    slot = next_slot(unanswered.raters.get(user=sena))
    assert slot is not None
    expect(page.locator(".scoring-dialogue dt")).to_have_text(["Patient", "Answer"] * 3)
    expect(page.locator(".scoring-dialogue dd").nth(4)).to_have_text(dialogues.ASKED[2])
    picture(page, "form_dialogue")
    page.get_by_role("button", name="Light background").click()
    for part in ("dt", "dd"):
        shade = page.locator(f".scoring-dialogue {part}").first.evaluate("e => getComputedStyle(e).color")
        assert max(map(int, re.findall(r"\d+", shade)[:3])) < 0x60, (part, shade)
    page.get_by_role("button", name="Light background").click()
    page.locator("input[type=number]").first.focus()
    before = page.url
    for value in ("87", "7", "91", "64", "100"):
        page.keyboard.type(value)
        page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != before)
    assert Score.objects.filter(slot=slot).count() == 5
    assert page.evaluate("window.violations ?? []") == []
