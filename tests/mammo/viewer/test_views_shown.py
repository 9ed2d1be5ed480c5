"""Nothing is judged before each view was on a described screen, or was declared unavailable with a reason."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Correction, Purpose, Question
from mammo.archive import displays
from mammo.archive.models import DisplayCheck, JudgedOnScreen, ViewsShown
from mammo.archive.services import screen_behind
from tests.annotation import scene as annotation_scene
from tests.annotation.test_views import HTMX, form_of, pick_form
from tests.evaluation import scene
from tests.mammo.viewer import screens

pytestmark = [pytest.mark.django_db, pytest.mark.real_screens]


@pytest.fixture
def question(site: Any, rita: Any, june: Any, sena: Any) -> Question:
    """A question with a study of four views, waiting for June."""
    annotation_scene.patient_with_study(site, "M001", "N001")
    campaign = annotation_scene.open_campaign_of(rita, [june], [sena], name="Screens")
    (asked,) = annotation_scene.ask(campaign, annotation_scene.row("我需要复查吗？", 2, "M001", "N001"))
    annotation_scene.propose(campaign, [asked])
    asked.refresh_from_db()
    assert asked.study is not None
    return asked


def sign_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def report(client: Client, question: Question, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post(
        reverse("archive:views-shown", args=["question", question.pk]),
        json.dumps(body),
        content_type="application/json",
    )
    return answer.status_code, answer.json() if answer.status_code != 404 else {}


def send_in(client: Client, question: Question) -> Any:
    client.get(reverse("annotation:correct", args=[question.pk]))
    address = reverse("annotation:correct-submit", args=[question.pk])
    return client.post(address, form_of(question), **HTMX)


def test_a_correction_waits_for_the_views_and_then_leads_to_them_and_to_the_display(
    question: Question, june: Any
) -> None:
    client = sign_in(june)
    check = screens.describe(june)
    refused = send_in(client, question)
    assert refused.status_code == 409
    assert "were not on your screen yet" in refused.content.decode()
    assert not Correction.objects.exists()
    assert report(client, question, **screens.report(question.study)) == (
        201,
        {"refusal": "", "display": True},
    )
    assert send_in(client, question).status_code == 204
    for row in Correction.objects.filter(proposal__question=question):
        behind = screen_behind(row)
        assert behind is not None
        assert behind.views.display == check
        assert set(behind.views.shown) == {str(image.pk) for image in question.study.images.all()}


def test_one_view_short_is_refused_by_name_until_a_reason_is_declared(question: Question, june: Any) -> None:
    client = sign_in(june)
    screens.describe(june)
    three = screens.report(question.study)
    left_out = question.study.images.get(laterality="L", view="MLO")
    three["shown"].remove(str(left_out.pk))
    _status, answer = report(client, question, **three)
    assert "LMLO" in answer["refusal"]
    assert "RCC" not in answer["refusal"]
    assert send_in(client, question).status_code == 409
    assert report(client, question, **three | {"unavailable": {"LMLO": "just so"}})[0] == 400
    assert report(client, question, **three | {"unavailable": {"LMLO": "not_loaded"}})[1]["refusal"] == ""
    assert send_in(client, question).status_code == 204
    assert ViewsShown.objects.order_by("-created_at")[0].unavailable == {"LMLO": "not_loaded"}


def test_a_standard_view_that_the_study_lacks_is_noted_by_the_server(question: Question, june: Any) -> None:
    question.study.images.filter(laterality="R", view="CC").delete()
    screens.describe(june)
    views = screens.put_on_screen(june, "question", question.pk, question.study)
    assert views.unavailable == {"RCC": "not_in_study"}
    assert send_in(sign_in(june), question).status_code == 204


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"webgl": False}, "no WebGL"),
        ({"screen": {"width": 800, "height": 600}}, "not described yet"),
        ({"shown": []}, "RCC, LCC, RMLO, LMLO"),
    ],
)
def test_what_a_viewer_lacks_is_said_and_refused(
    question: Question, june: Any, changed: dict[str, Any], said: str
) -> None:
    client = sign_in(june)
    screens.describe(june)
    status, answer = report(client, question, **screens.report(question.study) | changed)
    assert status == 201
    assert said in answer["refusal"]
    assert send_in(client, question).status_code == 409


def test_a_display_that_will_not_do_is_not_judged_on(question: Question, june: Any) -> None:
    screens.describe(june, dark_seen=False)
    client = sign_in(june)
    answer = report(client, question, **screens.report(question.study))[1]
    assert ("will not do" in answer["refusal"], answer["display"]) == (True, False)
    assert "will not do" in send_in(client, question).content.decode()


def test_another_persons_views_and_other_peoples_work_count_for_nothing(
    question: Question, june: Any, jack: Any, sena: Any
) -> None:
    screens.describe(june)
    screens.describe(jack)
    screens.put_on_screen(jack, "question", question.pk, question.study)
    assert send_in(sign_in(june), question).status_code == 409
    body = screens.report(question.study)
    assert report(sign_in(jack), question, **body)[0] == 404
    unknown = reverse("archive:views-shown", args=["nothing", question.pk])
    assert sign_in(june).post(unknown, json.dumps(body), content_type="application/json").status_code == 404
    stranger = body | {"shown": [str(uuid.uuid4())]}
    assert report(sign_in(june), question, **stranger)[0] == 400


def test_a_text_only_question_needs_no_views(rita: Any, june: Any, sena: Any) -> None:
    campaign = annotation_scene.open_campaign_of(rita, [june], [sena], name="Texts")
    (asked,) = annotation_scene.ask(campaign, annotation_scene.plain_row("什么是BI-RADS？"))
    annotation_scene.propose(campaign, [asked])
    assert send_in(sign_in(june), asked).status_code == 204
    assert not JudgedOnScreen.objects.exists()


def test_a_pick_and_a_score_wait_for_the_views_too(
    question: Question, june: Any, sena: Any, sol: Any, rita: Any
) -> None:
    annotation_scene.settle(question, june)
    client = sign_in(sena)
    assert client.get(reverse("annotation:pick", args=[question.pk])).status_code == 200
    chosen = Correction.objects.candidates(question)[0]
    data = pick_form(question, correction=str(chosen.pk))
    address = reverse("annotation:pick-submit", args=[question.pk])
    assert client.post(address, data, **HTMX).status_code == 409
    assert Question.objects.open_to(sena, Purpose.PICK).filter(pk=question.pk).exists()
    screens.describe(sena)
    screens.put_on_screen(sena, "question", question.pk, question.study)
    assert client.post(address, data, **HTMX).status_code == 204
    trial = scene.open_trial(rita, june, [sena, sol], count=1)
    form = trial.raters.get(user=sol).slots.order_by("position").first()
    rater = sign_in(sol)
    values = {f"value_{key}": value for key, value in scene.values().items()}
    posted = values | {"idempotency_key": str(uuid.uuid4()), "active_seconds": "5"}
    refused = rater.post(reverse("evaluation:save", args=[form.pk]), posted)
    assert refused.status_code in (400, 409)
    assert "were not on your screen yet" in refused.content.decode()
    screens.describe(sol)
    shown = screens.report(form.answer.question.question.study)
    shown["shown"] = [f"{form.pk}-{number}" for number in range(1, 5)]
    report_to = reverse("archive:views-shown", args=["form", form.pk])
    answer = rater.post(report_to, json.dumps(shown), content_type="application/json")
    assert answer.json() == {"refusal": "", "display": True}
    assert rater.post(reverse("evaluation:save", args=[form.pk]), posted).status_code == 302
    assert JudgedOnScreen.objects.filter(judgement_type="evaluation.score").count() == len(values)


def test_the_record_can_not_be_changed(june: Any) -> None:
    from django.db import DatabaseError, transaction

    check = screens.describe(june)
    with pytest.raises(DatabaseError), transaction.atomic():
        DisplayCheck.objects.filter(pk=check.pk).update(model="a better one")


def test_a_reader_is_led_to_the_display_at_sign_in_until_it_is_described(
    june: Any, rita: Any, rf: Any
) -> None:
    request = rf.get("/", headers={"User-Agent": "Chromium"})
    request.user = june
    assert displays.first_stop(request).startswith(reverse("archive:display"))
    screens.describe(june)
    assert displays.first_stop(request) == ""
    screens.describe(june, dark_seen=False)
    assert displays.first_stop(request).startswith(reverse("archive:display")), "asked again: it will not do"
    request.user = rita
    assert displays.first_stop(request) == ""


def test_a_description_that_says_no_leads_back_to_the_page_that_says_why(june: Any) -> None:
    described = {
        **vars(screens.measured()),
        **vars(screens.stated(dark_seen=False)),
        "webgl": "yes",
        "decodes": "yes",
    }
    posted = {name: value for name, value in described.items() if value and name != "browser"}
    posted |= {"light_seen": "on", "next": reverse("home"), "idempotency_key": str(uuid.uuid4())}
    client = sign_in(june)
    answer = client.post(reverse("archive:display"), posted)
    assert answer.headers["Location"].startswith(reverse("archive:display"))
    said = client.get(answer.headers["Location"]).content.decode()
    assert "5 % square" in said
    assert f'name="next" value="{reverse("home")}"' in said
    assert client.post(
        reverse("archive:display"), posted | {"dark_seen": "on", "idempotency_key": str(uuid.uuid4())}
    ).headers["Location"] == reverse("home")
