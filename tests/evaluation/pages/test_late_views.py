"""A view that the archive gets after a freezing is not in the study for the forms and readings of the design."""

import json
import uuid

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import Reading, ReadingSlot, Score, Slot, TrialQuestion
from evaluation.services.scoring import next_slot
from mammo.accounts.models import User
from mammo.archive.models import Image, Study, ViewsShown
from tests.api.conftest import Caller
from tests.api.conftest import caller as caller
from tests.evaluation import reading_scene, scene
from tests.mammo.viewer import screens

pytestmark = [pytest.mark.django_db, pytest.mark.real_screens]
Late = tuple[str, str]
# A view beyond the standard four, and a standard view that lacks at the freezing.
LATE = pytest.mark.parametrize("late", [("L", "ML"), ("R", "MLO")], ids="".join)


def take_out(study: Study, late: Late) -> None:
    study.images.filter(laterality=late[0], view=late[1]).delete()


def arrives(study: Study, late: Late) -> None:
    """The picture archive sends the view the next day."""
    image = study.images.filter(laterality="L", view="CC").get()
    image.pk, image.sop_uid_hash = Image._meta.pk.get_default(), uuid.uuid4().hex
    image.sha256 = uuid.uuid4().hex
    (image.laterality, image.view), image._state.adding = late, True
    image.save(force_insert=True)


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    screens.describe(person)
    return client


def put_on_screen(client: Client, kind: str, task: uuid.UUID, described: str, leave_out: int = 0) -> str:
    """Report what the viewer was given, without the last images; what is still lacking."""
    uids = [image["uid"] for image in client.get(described).json()["images"]]
    report = {"shown": uids[: len(uids) - leave_out], "unavailable": {}, "webgl": True, "seconds": 2.5}
    report["screen"] = {"width": screens.WIDTH, "height": screens.HEIGHT, "pixel_ratio": 1}
    answer = client.post(
        reverse("archive:views-shown", args=[kind, task]), json.dumps(report), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    return str(answer.json()["refusal"])


def key() -> dict[str, str]:
    return {"idempotency_key": str(uuid.uuid4())}


def form_values() -> dict[str, str]:
    return {f"value_{name}": str(value) for name, value in scene.values().items()} | {"active_seconds": "5"}


def opened_form(rita: User, june: User, sena: User, late: Late) -> Slot:
    """Sena's form on a study that lacked the view at the freezing, where it has come since."""
    questions = scene.questions_of(rita, [june, sena], 1)
    take_out(questions[0].study, late)
    draft = scene.draft_trial(rita, questions, june)
    scene.answer_all(draft, rita, june)
    slot = next_slot(scene.opened(draft, rita, [sena]).raters.get())
    assert slot is not None
    arrives(questions[0].study, late)
    return slot


@LATE
def test_a_form_is_scored_after_a_late_view(late: Late, rita: User, june: User, sena: User) -> None:
    slot = opened_form(rita, june, sena, late)
    client = signed_in(sena)
    described = reverse("evaluation:form-viewer", args=[slot.pk])
    assert put_on_screen(client, "form", slot.pk, described) == ""
    answer = client.post(reverse("evaluation:save", args=[slot.pk]), key() | form_values())
    assert answer.status_code == 302, answer.content
    assert Score.objects.filter(slot=slot).exists()


@LATE
def test_a_form_is_scored_by_the_interface_after_a_late_view(
    late: Late, rita: User, june: User, sena: User, caller: Caller
) -> None:
    slot = opened_form(rita, june, sena, late)
    described = reverse("evaluation:form-viewer", args=[slot.pk])
    assert put_on_screen(signed_in(sena), "form", slot.pk, described) == ""
    answer = caller(sena).post(
        f"/api/v1/forms/{slot.pk}/scores/",
        {"values": scene.values(), "active_seconds": 5, "revision": 0},
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert answer.status_code == 201, answer.content


@LATE
def test_a_case_is_read_after_a_late_view(late: Late, rita: User, june: User) -> None:
    study = reading_scene.draft_study(rita, [june])
    for case in study.cases.select_related("study"):
        take_out(case.study, late)
    reading_scene.opened(study, rita)
    slot = ReadingSlot.objects.filter(reader__user=june).order_by("position").first()
    assert slot is not None
    arrives(slot.case.study, late)
    client = signed_in(june)
    described = reverse("evaluation:read-viewer", args=[slot.pk])
    assert put_on_screen(client, "reading", slot.pk, described) == ""
    data = {"category": "2", "likelihood": "3", "side": "N", "finding": "none", "active_seconds": "5"}
    answer = client.post(reverse("evaluation:read", args=[slot.pk]), key() | data)
    assert answer.status_code == 302, answer.content
    assert Reading.objects.filter(slot=slot).exists()


@LATE
def test_an_author_of_a_draft_is_shown_the_late_view_and_answers(
    late: Late, rita: User, june: User, sena: User
) -> None:
    """Nothing is frozen yet: the view stands on the page and is asked for."""
    author = scene.person(rita.sites_as("researcher").get(), "nora", "author")
    scene.draft_trial(rita, scene.questions_of(rita, [june, sena], 1), author)
    asked = TrialQuestion.objects.select_related("question__study").get()
    client = signed_in(author)
    described = reverse("evaluation:write-viewer", args=[asked.pk])
    take_out(asked.question.study, late)
    assert put_on_screen(client, "writing", asked.pk, described) == ""
    arrives(asked.question.study, late)
    data = {"text": "您的乳腺属于致密型。", "active_seconds": "5"}
    address = reverse("evaluation:write", args=[asked.pk])
    assert client.post(address, key() | data).status_code in (400, 409)
    assert put_on_screen(client, "writing", asked.pk, described) == ""
    assert client.post(address, key() | data).status_code == 302


def test_a_frozen_view_must_still_be_shown_beside_a_late_one(rita: User, june: User, sena: User) -> None:
    slot = opened_form(rita, june, sena, ("L", "ML"))
    client = signed_in(sena)
    described = reverse("evaluation:form-viewer", args=[slot.pk])
    lacking = put_on_screen(client, "form", slot.pk, described, leave_out=1)
    assert "LMLO" in lacking
    assert "LML," not in lacking
    assert "LML." not in lacking
    answer = client.post(reverse("evaluation:save", args=[slot.pk]), key() | form_values())
    assert answer.status_code == 409
    assert not Score.objects.exists()


def test_a_view_that_came_later_is_on_record_as_not_in_the_study(rita: User, june: User, sena: User) -> None:
    slot = opened_form(rita, june, sena, ("R", "MLO"))
    described = reverse("evaluation:form-viewer", args=[slot.pk])
    put_on_screen(signed_in(sena), "form", slot.pk, described)
    assert ViewsShown.objects.get().unavailable == {"RMLO": "not_in_study"}
