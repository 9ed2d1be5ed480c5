"""Every way to send in a judgement, on pages and by the interface, waits until the views were on a described screen.

A judgement that is taken anywhere else needs a line here: `test_no_other_way_takes_a_judgement` counts them.
"""

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Correction, Pick, Question
from annotation.services.campaigns import add_member, create_campaign, open_campaign
from annotation.services.picks import pick
from evaluation.models import Answer, Reading, ReadingSlot, Score, TrialQuestion
from mammo.accounts.models import User
from mammo.archive.models import JudgedOnScreen, Study
from tests.annotation import scene as annotation_scene
from tests.annotation.test_views import HTMX, form_of, pick_form
from tests.api.conftest import Caller
from tests.api.conftest import caller as caller
from tests.evaluation import reading_scene, scene
from tests.mammo.viewer import screens

pytestmark = [pytest.mark.django_db, pytest.mark.real_screens]
ROOT = Path(__file__).resolve().parents[3]
NOT_SHOWN = "were not on your screen yet"
V1 = "/api/v1"


class Sent(NamedTuple):
    """One judgement, ready to be sent in; what it is about and how many rows there are of its kind."""

    person: User
    kind: str
    task: uuid.UUID
    study: Study
    send: Callable[[], Any]
    rows: Callable[[], int]


class House(NamedTuple):
    """Who works here, and a maker of callers with tokens."""

    rita: User
    june: User
    sena: User
    sol: User
    ada: User
    caller: Caller

    def browser(self, person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    def asked(self) -> Question:
        """A question with a study, waiting for June."""
        annotation_scene.patient_with_study(self.rita.sites_as("researcher").get(), "M001", "N001")
        campaign = create_campaign(
            "Screens",
            site=self.rita.sites_as("researcher").get(),
            by_user=self.rita,
            proposer={"kind": "transformers", "path": "/models/tiny"},
            senior_overlap=2,
            adjudication=True,
            seed=3,
        )
        for person, purpose in (
            (self.june, "correct"), (self.sena, "pick"), (self.sol, "pick"), (self.ada, "adjudicate"),
        ):  # fmt: skip
            add_member(campaign, person, purpose, by_user=self.rita)
        open_campaign(campaign, by_user=self.rita)
        (question,) = annotation_scene.ask(
            campaign, annotation_scene.row("我需要复查吗？", 2, "M001", "N001")
        )
        annotation_scene.propose(campaign, [question])
        question.refresh_from_db()
        return question

    def corrected(self) -> Question:
        question = self.asked()
        annotation_scene.settle(question, self.june)
        question.refresh_from_db()
        return question

    def disputed(self) -> Question:
        question = self.corrected()
        first, second, _third = Correction.objects.candidates(question)
        pick(question, by_user=self.sena, correction=first.pk)
        pick(question, by_user=self.sol, correction=second.pk)
        question.refresh_from_db()
        return question

    def posted(self, person: User, kind: str, on: Any, study: Any, path: str, data: Any, rows: Any) -> Sent:
        """Sent by a page's form."""
        client = self.browser(person)
        assert study is not None
        return Sent(person, kind, on.pk, study, lambda: client.post(path, data, **HTMX), rows)

    def called(self, person: User, kind: str, on: Any, study: Any, path: str, data: Any, rows: Any) -> Sent:
        """Sent by the interface."""
        client = self.caller(person)
        assert study is not None

        def send() -> Any:
            return client.post(
                f"{V1}/{path}/", data, content_type="application/json",
                headers={"Idempotency-Key": str(uuid.uuid4())},
            )  # fmt: skip

        return Sent(person, kind, on.pk, study, send, rows)


@pytest.fixture
def house(site: Any, rita: User, june: User, sena: User, sol: User, caller: Caller) -> House:
    return House(rita, june, sena, sol, scene.person(site, "ada"), caller)


def _key() -> dict[str, str]:
    return {"idempotency_key": str(uuid.uuid4())}


def correct_page(house: House) -> Sent:
    question = house.asked()
    house.browser(house.june).get(reverse("annotation:correct", args=[question.pk]))
    path = reverse("annotation:correct-submit", args=[question.pk])
    return house.posted(
        house.june, "question", question, question.study, path, form_of(question), Correction.objects.count
    )


def correct_call(house: House) -> Sent:
    question = house.asked()
    items = [
        {
            "proposal": str(item.proposal), "text": item.text, "no_change": item.no_change,
            "error_tags": list(item.error_tags),
        }
        for item in annotation_scene.items_for(question)
    ]  # fmt: skip
    body = {"items": items, "revision": 0}
    path = f"questions/{question.pk}/correct"
    return house.called(
        house.june, "question", question, question.study, path, body, Correction.objects.count
    )


def _picking(house: House, name: str, extra: dict[str, Any]) -> Sent:
    question = house.corrected()
    data = pick_form(question) | extra
    path = reverse(f"annotation:{name}", args=[question.pk])
    return house.posted(house.sena, "question", question, question.study, path, data, _judged)


def pick_page(house: House) -> Sent:
    return _picking(house, "pick-submit", {})


def pick_write_page(house: House) -> Sent:
    extra = {"written": "请三个月后复查。", "written_reason": "都不完整", "return_reasons": ["incomplete"]}
    return _picking(house, "pick-write", extra)


def pick_return_page(house: House) -> Sent:
    return _picking(house, "return", {"return_reason": "都不完整", "return_reasons": ["incomplete"]})


def _pick_call(house: House, path: str, body: Callable[[Question], dict[str, Any]]) -> Sent:
    question = house.corrected()
    at = f"questions/{question.pk}/{path}"
    return house.called(house.sena, "question", question, question.study, at, body(question), _judged)


def pick_call(house: House) -> Sent:
    return _pick_call(house, "pick", lambda q: {"correction": str(Correction.objects.candidates(q)[0].pk)})


def pick_write_call(house: House) -> Sent:
    body = {"text": "请三个月后复查。", "reason": "都不完整", "reason_codes": ["incomplete"]}
    return _pick_call(house, "pick/write", lambda _q: body)


def pick_return_call(house: House) -> Sent:
    body = {"reason": "都不完整", "reason_codes": ["incomplete"]}
    return _pick_call(house, "pick/return", lambda _q: body)


def adjudicate_page(house: House) -> Sent:
    question = house.disputed()
    data = _key() | {
        "round": 1,
        "draft_version": 0,
        "chosen": str(Pick.objects.first().pk),
        "reason": "更完整",
    }  # type: ignore[union-attr]
    path = reverse("annotation:adjudicate-submit", args=[question.pk])
    return house.posted(house.ada, "question", question, question.study, path, data, _judged)


def adjudicate_return_page(house: House) -> Sent:
    question = house.disputed()
    data = _key() | {
        "round": 1,
        "draft_version": 0,
        "return_reason": "都不完整",
        "return_reasons": ["incomplete"],
    }
    path = reverse("annotation:adjudicate-return", args=[question.pk])
    return house.posted(house.ada, "question", question, question.study, path, data, _judged)


def adjudicate_call(house: House) -> Sent:
    question = house.disputed()
    body = {"chosen": str(Pick.objects.first().pk), "reason": "更完整"}  # type: ignore[union-attr]
    at = f"questions/{question.pk}/adjudicate"
    return house.called(house.ada, "question", question, question.study, at, body, _judged)


def adjudicate_return_call(house: House) -> Sent:
    question = house.disputed()
    body = {"reason": "都不完整", "reason_codes": ["incomplete"]}
    at = f"questions/{question.pk}/adjudicate/return"
    return house.called(house.ada, "question", question, question.study, at, body, _judged)


def _form(house: House) -> Any:
    trial = scene.open_trial(house.rita, house.june, [house.sena, house.sol], count=1)
    return trial.raters.get(user=house.sol).slots.order_by("position").first()


def score_page(house: House) -> Sent:
    form = _form(house)
    data = _key() | {f"value_{key}": value for key, value in scene.values().items()} | {"active_seconds": "5"}
    study = form.answer.question.question.study
    path = reverse("evaluation:save", args=[form.pk])
    return house.posted(house.sol, "form", form, study, path, data, Score.objects.count)


def score_call(house: House) -> Sent:
    form = _form(house)
    body = {"values": scene.values(), "active_seconds": 5, "revision": 0}
    study = form.answer.question.question.study
    return house.called(house.sol, "form", form, study, f"forms/{form.pk}/scores", body, Score.objects.count)


def reading_page(house: House) -> Sent:
    reading_scene.open_study(house.rita, [house.june])
    slot = ReadingSlot.objects.filter(reader__user=house.june).order_by("position").first()
    assert slot is not None
    data = _key() | {
        "category": "2",
        "likelihood": "3",
        "side": "N",
        "finding": "none",
        "active_seconds": "5",
    }
    path = reverse("evaluation:read", args=[slot.pk])
    return house.posted(house.june, "reading", slot, slot.case.study, path, data, Reading.objects.count)


def writing_page(house: House) -> Sent:
    author = scene.person(house.rita.sites_as("researcher").get(), "nora", "author")
    questions = scene.questions_of(house.rita, [house.june, house.sena, house.sol], 1)
    scene.draft_trial(house.rita, questions, author)
    asked = TrialQuestion.objects.select_related("question__study").get()
    data = _key() | {"text": "您的乳腺属于致密型。", "active_seconds": "5"}
    path = reverse("evaluation:write", args=[asked.pk])
    return house.posted(author, "writing", asked, asked.question.study, path, data, Answer.objects.count)


def _judged() -> int:
    return JudgedOnScreen.objects.count()


WAYS = (
    correct_page, correct_call, pick_page, pick_write_page, pick_return_page, pick_call, pick_write_call,
    pick_return_call, adjudicate_page, adjudicate_return_page, adjudicate_call, adjudicate_return_call,
    score_page, score_call, reading_page, writing_page,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_it_waits_for_the_views(way: Callable[[House], Sent], house: House) -> None:
    given = way(house)
    screens.describe(given.person)
    before = given.rows()
    refused = given.send()
    assert refused.status_code in (400, 409), refused.content
    assert NOT_SHOWN in refused.content.decode()
    assert given.rows() == before
    screens.put_on_screen(given.person, given.kind, given.task, given.study)
    taken = given.send()
    assert taken.status_code in (201, 204, 302), taken.content
    assert given.rows() > before


def test_no_other_way_takes_a_judgement() -> None:
    """Services that take a judgement are called by views and the interface only beside `judging`."""
    takes = re.compile(
        r"\b(?:submit_corrections|picks\.pick|write_answer|return_to_juniors|adjudication\.adjudicate|record_scores"
        r"|record_reading|record_human_answer|record_turn)\(\s*(?:question|form|slot|arm|asked)\b"
    )
    called = 0
    for room in ("annotation", "evaluation"):
        for path in [*(ROOT / room).glob("api*.py"), *(ROOT / room / "views").glob("*.py")]:
            source = path.read_text("utf-8")
            found = len(takes.findall(source))
            called += found
            assert not found or "judging(" in source, (
                f"{path.name} takes a judgement without asking for the views"
            )
    assert called >= len(WAYS) - 5, "this test no longer finds the calls it looks for"
