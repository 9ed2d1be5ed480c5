"""Places that stand in the bar of some accounts of a role alone."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from annotation.models import EndpointApproval
from annotation.services.endpoints import ask_approval
from evaluation.services.freezing import freeze_trial
from evaluation.services.raters import add_rater
from mammo.accounts.models import User
from mammo.core.navigation import MOST_SIDE_BY_SIDE, links_for, menus_of
from tests.evaluation import scene


def places_of(person: User) -> list[str]:
    """Labels of the places in the bar."""
    return [str(link.entry.label) for link in links_for(person, "/")]


def test_a_doctor_who_writes_for_an_arm_finds_the_writing_page_and_nobody_else(
    june: User, jack: User, sena: User, rita: User
) -> None:
    trial = scene.draft_trial(rita, scene.questions_of(rita, [june, sena], 3), june)
    scene.answer_all(trial, rita, june)
    add_rater(trial, sena, by_user=rita)
    assert "Writing" in places_of(june)
    assert "Writing" not in places_of(jack)
    freeze_trial(trial, by_user=rita)
    assert "Writing" not in places_of(june), "nothing can be written any more"


def test_a_data_manager_finds_what_was_asked_of_endpoints(dana: User, rita: User) -> None:
    client = Client()
    client.force_login(dana)
    assert "/annotation/endpoints/" in client.get("/").content.decode()
    assert len(menus_of(links_for(dana, "/"))) <= MOST_SIDE_BY_SIDE
    assert EndpointApproval.objects.to_decide(dana).count() == 0
    site = rita.sites_as("researcher").get()
    ask_approval(
        site,
        host="llm.example.org",
        country="DE",
        reason="a third proposer",
        by_user=rita,
        expires_on=timezone.localdate() + timedelta(days=30),
    )
    assert EndpointApproval.objects.to_decide(dana).count() == 1
    assert EndpointApproval.objects.to_decide(rita).count() == 0
