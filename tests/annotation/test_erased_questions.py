"""A patient withdrew after her questions were worked on: pages stay whole, nothing more is written, nobody is asked."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Comment, Correction, Flag, Question
from annotation.services import skips
from annotation.services.picks import pick
from annotation.services.remarks import comment, flag, settle_flag
from annotation.services.withdrawals import withdraw
from mammo.accounts.models import User
from mammo.accounts.services import create_account
from mammo.archive.erasure import erase_patient, request_erasure
from mammo.core.encryption import PatientWithdrewError
from mammo.core.errors import WrongStateError
from mammo.core.keys import KeyDestroyedError
from tests.annotation import scene
from tests.api.conftest import Caller, caller  # noqa: F401  (a fixture)

WITHDREW = "This patient withdrew; nothing more is written about her."
TOMBSTONE = '<p class="verbatim mb-0">[erased]</p>'


@pytest.fixture
def hers(campaign: Campaign, june: User, jack: User, sena: User, dana: User) -> list[Question]:
    """Two questions of a patient who withdrew: a dialogue that was picked, and one that was left in doubt."""
    questions = scene.ask(
        campaign, scene.row(turns=("什么是钙化？", "是钙盐沉积。", "那严重吗？")), scene.row("另一个？", 3)
    )
    scene.propose(campaign, questions)
    done, doubtful = questions
    scene.settle(done, june)
    pick(done, by_user=sena, correction=Correction.objects.candidates(done)[0].pk)
    comment(done, "请看", by_user=june)
    flag(done, by_user=june, kind="consent", note="同意书？")
    scene.settle(doubtful, june)
    flag(doubtful, by_user=june, kind="unclear")
    skips.skip(doubtful, by_user=sena, purpose="pick", code="other", reason="不懂")
    patient = done.patient
    assert patient is not None
    admin = create_account(
        "adam", password="correct horse battery", display_name="Adam",
        roles={"admin": [campaign.site]}, by_user=None,
    )  # fmt: skip
    erase_patient(request_erasure(patient, reason="letter", by_user=dana), by_user=admin)
    return list(Question.objects.filter(campaign=campaign).order_by("position"))


def seen(person: User, name: str, *args: object) -> str:
    """A page as this person opens it."""
    client = Client()
    client.force_login(person)
    answer = client.get(reverse(f"annotation:{name}", args=args))
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_pages_of_an_erased_question_show_one_tombstone_and_no_form(
    hers: list[Question], june: User, sena: User, rita: User, dana: User
) -> None:
    done, doubtful = hers
    pages = [
        seen(june, "correct", done.pk),
        seen(june, "correct", doubtful.pk),
        seen(sena, "pick", done.pk),
        seen(sena, "pick", doubtful.pk),
        seen(rita, "timeline", done.pk),
        seen(rita, "timeline", doubtful.pk),
    ]
    for page in pages:
        (shown,) = page.partition('<section class="question">')[2].partition("</section>")[:1]
        assert shown == f'<div class="turn of-patient">{TOMBSTONE}</div>'
        assert 'name="text"' not in page
        assert "question-withdraw" not in page
        assert 'name="reason"' not in page
        assert WITHDREW in page
    for page in (seen(june, "correct-list"), seen(rita, "question-list", done.campaign_id)):
        assert page.count(">[erased]") == 2
        assert ">]" not in page
    assert ">[erased]</a>" in seen(sena, "pick-list")
    # A data manager who opens what was received finds one empty round.
    wording = seen(dana, "wording", done.pk)
    assert wording.count("[erased]") == 2
    assert WITHDREW in wording


def test_nothing_of_an_erased_question_waits_for_anybody(
    hers: list[Question], rita: User, sena: User
) -> None:
    stuck = seen(rita, "campaign-stuck", hers[0].campaign_id)
    assert "Nothing is stuck." in stuck
    assert "<h2>" not in stuck
    assert "Skipped by you" not in seen(sena, "pick-list")
    assert not Flag.objects.filter(settled_at__isnull=True).exists()
    assert "Flag settled" in seen(rita, "timeline", hers[0].pk)


def test_nothing_more_is_written_by_page(hers: list[Question], june: User, rita: User) -> None:
    done, doubtful = hers
    before = Comment.objects.count(), Flag.objects.count()
    Flag.objects.update(settled_at=None)  # as flags stand whose patient withdrew before erasures settled them
    clients = {}
    for person in (june, rita):
        clients[person] = Client()
        clients[person].force_login(person)
    sent: list[tuple[User, str, object, dict[str, str]]] = [
        (june, "comment", done.pk, {"text": "还有"}),
        (rita, "comment", doubtful.pk, {"text": "还有"}),
        (june, "flag", done.pk, {"kind": "study", "note": "别人的"}),
        (june, "flag", doubtful.pk, {"kind": "unclear"}),
        (rita, "flag-settle", Flag.objects.earliest("created_at").pk, {"settlement": "已核实"}),
        (rita, "question-withdraw", done.pk, {"reason": "重复"}),
    ]
    for person, name, key, form in sent:
        answer = clients[person].post(
            reverse(f"annotation:{name}", args=[key]), {"idempotency_key": str(uuid.uuid4()), **form}
        )
        assert answer.status_code == 409, (name, answer.status_code)
        assert WITHDREW in answer.content.decode()
    assert (Comment.objects.count(), Flag.objects.count()) == before
    assert Question.objects.get(pk=done.pk).stage == Question.Stage.PICKED


def test_nothing_more_is_written_by_the_interface(
    hers: list[Question],
    june: User,
    rita: User,
    caller: Caller,  # noqa: F811
) -> None:
    done, doubtful = hers
    Flag.objects.update(settled_at=None)
    sent: list[tuple[User, str, dict[str, str]]] = [
        (june, f"questions/{done.pk}/remarks", {"text": "还有"}),
        (june, f"questions/{done.pk}/flags", {"kind": "study", "note": "别人的"}),
        (june, f"questions/{doubtful.pk}/flags", {"kind": "unclear"}),
        (rita, f"flags/{Flag.objects.earliest('created_at').pk}/settle", {"settlement": "已核实"}),
        (rita, f"questions/{done.pk}/withdraw", {"reason": "重复"}),
    ]
    for person, path, body in sent:
        answer: Any = caller(person).post(
            f"/api/v1/{path}/",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        assert answer.status_code == 409, (path, answer.content)
        assert answer.json() == {"code": "wrong_state", "detail": WITHDREW}


def test_each_service_refuses_in_its_own_words(hers: list[Question], june: User, rita: User) -> None:
    done, doubtful = hers
    for write in (
        lambda: comment(done, "x", by_user=june),
        lambda: flag(done, by_user=june, kind="unclear"),
        lambda: withdraw(done, "x", by_user=rita),
    ):
        with pytest.raises(PatientWithdrewError, match="This patient withdrew"):
            write()
    with pytest.raises(WrongStateError, match="settled already"):
        settle_flag(Flag.objects.filter(question=doubtful).get(), "x", by_user=rita)
    # What is written without a service's look at the question is refused by the field itself.
    with pytest.raises(KeyDestroyedError):
        Comment.objects.create(question=done, by_user=june, role="correct", text="x")


def test_the_history_tells_earlier_answers_from_the_patients_words(campaign: Campaign, rita: User) -> None:
    (question,) = scene.ask(campaign, scene.row(turns=("什么是钙化？", "是钙盐沉积。", "那严重吗？")))
    page = seen(rita, "timeline", question.pk)
    assert '<div class="turn"><p class="verbatim mb-0">是钙盐沉积。' in page
    for text in ("什么是钙化？", "那严重吗？"):
        assert f'<div class="turn of-patient"><p class="verbatim mb-0">{text}' in page
