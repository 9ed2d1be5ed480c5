"""What a junior who has never been here is told, and where the focus is, up to her first question."""

import uuid

from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Question
from annotation.services import practice
from annotation.services.practice import PracticeAnswer
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.test_views import signed_in

HOW = "not settled: edit it, or mark no change needed"


def test_the_sign_in_page_opens_in_its_first_field(db: None) -> None:
    page = Client().get(reverse("account_login")).content.decode()
    (field,) = (part for part in page.split("<") if part.startswith('input type="text" name="login"'))
    assert "autofocus" in field
    assert page.count("autofocus") == 1


def test_the_display_page_says_what_it_is_for_and_leads_on_from_its_top(june: User) -> None:
    address = reverse("archive:display")
    page = signed_in(june).get(address, {"next": "/annotation/correct/"}).content.decode()
    top = page.split("1. The browser")[0]
    assert "Needed once on each screen" in top
    assert '<a href="/annotation/correct/">Not now</a>' in top
    assert "Needed once on each screen" not in signed_in(june).get(address).content.decode()


def test_how_answers_are_settled_is_said_until_the_first_question_is_sent_in(
    campaign: Campaign, june: User, jack: User
) -> None:
    first, second = scene.ask(campaign, scene.row(), scene.row("要复查吗？", 3))
    scene.propose(campaign, [first, second])
    shown = signed_in(june).get(reverse("annotation:correct", args=[first.pk])).content.decode()
    assert HOW in shown
    scene.settle(first, june)
    shown = signed_in(june).get(reverse("annotation:correct", args=[second.pk])).content.decode()
    assert HOW not in shown
    assert Question.objects.filter(stage="corrected").count() == 1


def test_the_next_question_is_the_practice_set_where_that_comes_first_and_the_page_says_what_is_asked(
    campaign: Campaign, rita: User, june: User, sena: User
) -> None:
    scene.propose(campaign, scene.ask(campaign))
    Campaign.objects.update(practice_required=True)
    answers = [
        PracticeAnswer(text="您是A类。", tags=("wrong_category",), reference="您是C类。"),
        PracticeAnswer(text="好。", tags=(), reference=""),
    ]
    practice.add_item(
        campaign, by_user=rita, question=f"密度？{uuid.uuid4()}", answers=answers, best=1, language="zh"
    )
    client, practise = signed_in(june), reverse("annotation:practise", args=[campaign.pk, "correct"])
    led = client.post(reverse("annotation:correct-next"), follow=True)
    assert led.redirect_chain == [(practise, 302)]
    page = led.content.decode()
    assert "The practice set of “Spring” comes before real work." in page
    assert "one that is right stays as it is" in page
    assert "Nothing is waiting" not in page
    Campaign.objects.update(practice_required=False)
    assert "/correct/" in client.post(reverse("annotation:correct-next")).url
    nothing = signed_in(sena).post(reverse("annotation:pick-next"), follow=True)
    assert "Nothing is waiting for you now." in nothing.content.decode()
