"""Where a campaign asks for it, the senior ranks the answers that were not chosen."""

import re
from typing import Any
from uuid import UUID

import pytest
from django.http import QueryDict
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from annotation import presentation
from annotation.models import Campaign, Correction, Draft, Pick, Question
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.annotation import scene
from tests.annotation.pages import saved, sign_in
from tests.annotation.test_views import HTMX, pick_form, signed_in


@pytest.fixture
def ranked(rita: User, june: User, sena: User) -> Question:
    """A corrected question of a campaign in which all answers are ranked."""
    campaign = scene.open_campaign_of(rita, [june], [sena], rank_all=True)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    return question


def answers(question: Question) -> list[UUID]:
    """The ids of the corrected answers, by proposal."""
    return [row.pk for row in Correction.objects.candidates(question)]


def form(question: Question, ranks: dict[UUID, str], **changes: Any) -> dict[str, Any]:
    """What the page sends for the first answer and these places of the others."""
    return pick_form(question, **{f"rank-{pk}": place for pk, place in ranks.items()}) | changes


@pytest.mark.parametrize(
    ("given", "order"),
    [({1: "3", 2: "2"}, [0, 2, 1]), ({1: "2", 2: "3"}, [0, 1, 2]), ({0: "9", 1: " 2 ", 2: "10"}, [0, 1, 2])],
)
def test_the_chosen_answer_stands_first_and_the_others_as_numbered(
    given: dict[int, str], order: list[int]
) -> None:
    ids = [UUID(int=place) for place in range(3)]
    post = QueryDict(mutable=True)
    post.update({f"rank-{ids[place]}": rank for place, rank in given.items()})
    assert presentation.posted_ranking(post, ids, ids[0]) == [ids[place] for place in order]


@pytest.mark.parametrize(
    "given",
    [{1: "2", 2: "2"}, {1: "2"}, {1: "2", 2: "x"}, {1: "2", 2: "²"}, {1: "-2"}, {1: "2", 2: "9" * 5000}],
)
def test_places_that_are_no_order_are_refused(given: dict[int, str]) -> None:
    ids = [UUID(int=place) for place in range(3)]
    post = QueryDict(mutable=True)
    post.update({f"rank-{ids[place]}": rank for place, rank in given.items()})
    with pytest.raises(UserError, match="each once"):
        presentation.posted_ranking(post, ids, ids[0])


def test_a_ranking_is_stored_with_the_pick(ranked: Question, sena: User) -> None:
    chosen, second, third = answers(ranked)
    client, address = signed_in(sena), reverse("annotation:pick-submit", args=[ranked.pk])
    for places in ({}, {second: "2", third: "2"}, {second: "2"}):
        refused = client.post(address, form(ranked, places), **HTMX)
        assert refused.status_code == 400
        assert "Rank all answers, each once." in refused.content.decode()
    assert not Pick.objects.exists()
    assert client.post(address, form(ranked, {second: "3", third: "2"}), **HTMX).status_code == 204
    row = Pick.objects.get()
    assert (row.correction_id, row.ranking) == (chosen, [str(chosen), str(third), str(second)])


def test_places_are_kept_in_the_draft_and_shown_again(ranked: Question, sena: User) -> None:
    _chosen, second, third = answers(ranked)
    client, address = signed_in(sena), reverse("annotation:pick-draft", args=[ranked.pk])
    assert client.post(address, form(ranked, {second: "3", third: ""}), **HTMX).status_code == 200
    body = client.get(reverse("annotation:pick", args=[ranked.pk])).content.decode()
    shown = dict(re.findall(r'name="rank-([^"]+)" value="([^"]*)"', body))
    assert {pk: shown[str(pk)] for pk in (second, third)} == {second: "3", third: ""}
    assert len(shown) == 3


def test_a_campaign_that_does_not_ask_shows_no_places(rita: User, june: User, sena: User) -> None:
    (question,) = scene.proposed(scene.open_campaign_of(rita, [june], [sena]), 1)
    scene.settle(question, june)
    body = signed_in(sena).get(reverse("annotation:pick", args=[question.pk])).content.decode()
    assert 'name="rank-' not in body


def rank_of(page: Page, place: int) -> Locator:
    """The field for the place of an answer, by where it stands on the page."""
    return page.locator("[data-candidate]").nth(place).locator(".rank")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_place_of_the_chosen_answer_is_shut_and_the_rest_is_ranked(
    narrow: Page,
    live_server: object,
    ranked: Question,
    sena: User,
) -> None:
    page = narrow
    sign_in(page, live_server.url, sena, f"/annotation/pick/{ranked.pk}/")  # type: ignore[attr-defined]
    page.wait_for_load_state()
    shown = [UUID(str(one.get_attribute("value"))) for one in page.locator("[name=correction]").all()]
    page.keyboard.press("1")
    expect(rank_of(page, 0)).to_be_disabled()
    rank_of(page, 1).fill("2")
    rank_of(page, 2).fill("3")
    # Another choice opens the first one's field again and empties its own.
    page.locator("h1").first.click()
    page.keyboard.press("3")
    expect(rank_of(page, 0)).to_be_enabled()
    expect(rank_of(page, 2)).to_be_disabled()
    expect(rank_of(page, 2)).to_have_value("")
    rank_of(page, 0).fill("3")
    expect(saved(page)).to_contain_text("Saved")
    assert Draft.objects.get().content["ranks"] == {
        str(shown[0]): "3",
        str(shown[1]): "2",
    }
    page.reload()
    page.wait_for_load_state()
    expect(page.locator("[name=correction]").nth(2)).to_be_checked()
    expect(rank_of(page, 2)).to_be_disabled()
    expect(rank_of(page, 0)).to_have_value("3")
    page.locator("h1").first.click()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/annotation/pick/")
    assert Pick.objects.get().ranking == [str(shown[2]), str(shown[1]), str(shown[0])]
    assert Campaign.objects.get().rank_all
