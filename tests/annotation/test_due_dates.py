"""By when a campaign's work is due: said on worklists, and marked when the day is over."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Correction
from annotation.services.picks import pick
from mammo.accounts.models import User
from tests.annotation import scene
from tests.annotation.test_views import signed_in

WORDS = {"en": ("due on", "overdue"), "zh-hans": ("截止", "已逾期")}


def due_in(campaign: Campaign, days: int) -> str:
    """The campaign's work is due in so many days; that day as it is shown."""
    day = timezone.localdate() + timedelta(days=days)
    Campaign.objects.filter(pk=campaign.pk).update(due_on=day)
    return day.isoformat()


def rows_of(client: Client, purpose: str) -> str:
    """The table of a worklist."""
    body = client.get(reverse(f"annotation:{purpose}-list")).content.decode()
    return body.split("<tbody>", 1)[1]


@pytest.mark.parametrize("language", list(WORDS))
def test_both_worklists_name_the_day_and_mark_it_when_it_is_over(
    rita: User, june: User, sena: User, language: str
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    first, _second = scene.proposed(campaign, 2)
    scene.settle(first, june)
    due, overdue = WORDS[language]
    for person, purpose in ((june, "correct"), (sena, "pick")):
        client = signed_in(person)
        client.cookies["django_language"] = language
        Campaign.objects.update(due_on=None)
        assert due not in rows_of(client, purpose)
        for days in (0, 3):
            day = due_in(campaign, days)
            rows = rows_of(client, purpose)
            assert f"{due} {day}" in rows
            assert overdue not in rows
        day = due_in(campaign, -1)
        rows = rows_of(client, purpose)
        assert f"{due} {day}" in rows
        assert overdue in rows


def test_what_is_done_is_not_overdue(rita: User, june: User, sena: User) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    day = due_in(campaign, -1)
    rows = rows_of(signed_in(sena), "pick")
    assert "Spring" in rows
    assert day not in rows
    assert "overdue" not in rows


def test_the_campaigns_own_page_marks_it_until_the_campaign_is_closed(
    rita: User, june: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    address = reverse("annotation:campaign", args=[campaign.pk])
    due_in(campaign, -1)
    assert "overdue" in signed_in(rita).get(address).content.decode()
    Campaign.objects.update(state="closed")
    assert "overdue" not in signed_in(rita).get(address).content.decode()
