"""An answer is lost on its way: nobody's own words are held against them, and a repetition makes one row."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Comment, Correction, Draft, Flag, Phrase, Pick, Question, Return, Skip
from annotation.services.drafts import PageSave, draft_of, save_draft, version_held
from mammo.accounts.models import User
from mammo.core.errors import StaleVersionError
from tests.annotation.test_views import HTMX, form_of, pick_form, signed_in

PAGE, OTHER = uuid.uuid4(), uuid.uuid4()


def save(
    question: Question, june: User, text: str, version: int, page: uuid.UUID | None = PAGE, number: int = 1
) -> Draft:
    """Save a draft as this page's save of this number; without a page, as a program does."""
    return save_draft(
        question,
        by_user=june,
        purpose="correct",
        content={"items": {"x": text}, "active_seconds": number},
        expected_version=version,
        page_save=PageSave(page, number) if page is not None else None,
    )


def stored(question: Question, june: User) -> tuple[str, int]:
    """The draft's text and version."""
    draft = draft_of(question, user=june, purpose="correct")
    assert draft is not None
    return draft.content["items"]["x"], draft.version


def test_a_page_goes_on_over_its_own_words_whose_answer_it_never_heard(
    question: Question, june: User
) -> None:
    save(question, june, "一", 0, number=1)
    save(question, june, "一二", 0, number=2)
    assert save(question, june, "一二三", 0, number=4).version == 3
    assert stored(question, june) == ("一二三", 3)


def test_a_save_that_arrives_late_takes_nothing_back(question: Question, june: User) -> None:
    save(question, june, "一二", 0, number=2)
    with pytest.raises(StaleVersionError):
        save(question, june, "一", 0, number=1)
    assert stored(question, june) == ("一二", 1)


def test_what_another_page_saved_since_still_gives_both_texts(question: Question, june: User) -> None:
    save(question, june, "一", 0, number=1)
    save(question, june, "别的", 1, page=OTHER, number=1)
    for page, number in ((PAGE, 2), (uuid.uuid4(), 1), (None, 1)):
        with pytest.raises(StaleVersionError) as refused:
            save(question, june, "一二", 1, page=page, number=number)
        assert refused.value.current.content["items"] == {"x": "别的"}  # type: ignore[attr-defined]
    assert stored(question, june) == ("别的", 2)


def test_a_programs_words_are_no_pages_own(question: Question, june: User) -> None:
    save(question, june, "一", 0, number=1)
    save(question, june, "程序的", 1, page=None)
    with pytest.raises(StaleVersionError):
        save(question, june, "一二", 1, number=2)
    assert stored(question, june) == ("程序的", 2)


@pytest.mark.parametrize("page", [PAGE, OTHER, None])
def test_the_same_words_are_taken_again(question: Question, june: User, page: uuid.UUID | None) -> None:
    save(question, june, "一", 0, page=None, number=1)
    assert save(question, june, "一", 0, page=page, number=7).version == 1
    assert Draft.objects.count() == 1


def test_which_version_a_page_holds(question: Question, june: User) -> None:
    def held(page: uuid.UUID | None) -> int:
        return version_held(question, user=june, purpose="correct", version=0, page=page)

    assert held(PAGE) == 0
    save(question, june, "一", 0)
    assert [held(page) for page in (PAGE, OTHER, None)] == [1, 0, 0]


def sent_from(purpose: str, address: str, question: Question) -> tuple[str, dict[str, Any]]:
    """Where and what a page of this purpose sends."""
    words = {"return_reason": "复查时间没有写", "return_reasons": ["incomplete"]}
    own = {"written": "请六个月后复查超声。", "written_reason": "都漏了超声"}
    if purpose == "correct":
        return address, form_of(question)
    if purpose == "pick":
        return address, pick_form(question, **words, **own)
    chosen = Correction.objects.candidates(question)[0]
    decided = {"chosen": str(chosen.pk), "reason": "更安全"}
    key = {"idempotency_key": str(uuid.uuid4()), "round": 1, "draft_version": 0}
    return address, {**key, **decided, **words}


SENDINGS = [
    ("correct", "correct-submit"),
    ("pick", "pick-submit"),
    ("pick", "pick-write"),
    ("pick", "return"),
    ("adjudicate", "adjudicate-submit"),
    ("adjudicate", "adjudicate-return"),
]


@pytest.fixture
def at(request: pytest.FixtureRequest) -> dict[str, tuple[Client, Question]]:
    """A signed-in person and a question that waits for them, by purpose; made when asked for."""

    class Made(dict[str, tuple[Client, Question]]):
        def __missing__(self, purpose: str) -> tuple[Client, Question]:
            person, name = {
                "correct": ("june", "question"),
                "pick": ("sena", "corrected"),
                "adjudicate": ("ada", "disputed"),
            }[purpose]
            question = request.getfixturevalue(name)
            return signed_in(request.getfixturevalue(person)), question

    return Made()


@pytest.mark.parametrize(("purpose", "address"), SENDINGS)
def test_a_page_sends_over_its_own_draft_whose_answer_it_never_heard(
    at: dict[str, tuple[Client, Question]], purpose: str, address: str
) -> None:
    client, question = at[purpose]
    address, sent = sent_from(purpose, address, question)
    named = sent | {"draft_page": PAGE.hex, "draft_number": "1"}
    draft = reverse(f"annotation:{purpose}-draft", args=[question.pk])
    assert client.post(draft, named, **HTMX).status_code == 200
    url = reverse(f"annotation:{address}", args=[question.pk])
    # Another tab of the same account did not write that draft.
    stranger = client.post(url, sent | {"draft_page": OTHER.hex}, **HTMX)
    assert stranger.status_code == 409
    assert client.post(url, sent | {"draft_page": PAGE.hex}, **HTMX).status_code == 204
    assert not Draft.objects.exists()


@pytest.mark.parametrize("forged", ["", "x", "9" * 40])
@pytest.mark.parametrize("address", ["correct-draft", "correct-submit"])
def test_a_name_that_no_page_draws_is_refused(
    question: Question, june: User, forged: str, address: str
) -> None:
    sent = form_of(question, draft_page=forged, draft_number="1")
    url = reverse(f"annotation:{address}", args=[question.pk])
    answer = signed_in(june).post(url, sent, **HTMX)
    assert (answer.status_code, "draft_page" in answer.content.decode()) == (400, True)
    assert not Draft.objects.exists()


@pytest.mark.parametrize(("purpose", "address"), [*SENDINGS, *((p, f"{p}-skip") for p, _a in SENDINGS[::2])])
def test_a_sending_repeated_makes_one_row_and_leads_on(
    at: dict[str, tuple[Client, Question]], purpose: str, address: str
) -> None:
    client, question = at[purpose]
    address, sent = sent_from(purpose, address, question)
    sent |= {"code": "other", "skip_reason": "我认识这位病人"}
    url = reverse(f"annotation:{address}", args=[question.pk])
    before = {model: model.objects.count() for model in (Correction, Pick, Return, Skip)}
    first = client.post(url, sent, **HTMX)
    assert first.status_code == 204, first.content
    made = {model: model.objects.count() - before[model] for model in before}
    again = client.post(url, sent, **HTMX)
    assert (again.status_code, again.headers["HX-Redirect"]) == (204, first.headers["HX-Redirect"])
    assert {model: model.objects.count() - before[model] for model in before} == made
    assert sum(made.values()) == (3 if address == "correct-submit" else 1)


def test_a_flag_a_remark_or_a_phrase_repeated_makes_one_row_and_is_shown(
    question: Question, june: User
) -> None:
    client = signed_in(june)
    campaign = question.campaign_id
    for model, url, sent, said in (
        (
            Flag,
            reverse("annotation:flag", args=[question.pk]),
            {"kind": "other", "note": "题不对"},
            "flagged",
        ),
        (Comment, reverse("annotation:comment", args=[question.pk]), {"text": "请看右侧"}, "请看右侧"),
        (Phrase, reverse("annotation:phrase-add", args=[campaign]), {"phrase": "请随诊。"}, "请随诊。"),
    ):
        key = {"idempotency_key": str(uuid.uuid4())}
        answers = [client.post(url, sent | key, **HTMX) for _time in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert all(said in answer.content.decode() for answer in answers)
        assert model.objects.count() == 1  # type: ignore[attr-defined]
        other = client.post(url, dict.fromkeys(sent, "别的") | key, **HTMX)
        assert other.status_code == 409
        assert model.objects.count() == 1  # type: ignore[attr-defined]
