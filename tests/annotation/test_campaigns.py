"""Campaigns: made, opened, closed; seen by whom."""

import pytest
from django.db import DatabaseError, transaction

from annotation.models import Campaign, InstructionVersion, Question
from annotation.services.campaigns import (
    add_member,
    change_instructions,
    change_proposer,
    close_campaign,
    create_campaign,
    open_campaign,
)
from mammo.accounts.models import Site, User
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from tests.annotation import scene

FILE = {"kind": "file", "path": "/answers.csv"}


def test_a_draft_is_seen_by_researchers_only(site: Site, rita: User, june: User, otto: User) -> None:
    campaign = create_campaign("Spring", site=site, by_user=rita, proposer=FILE)
    add_member(campaign, june, "correct", by_user=rita)
    assert list(Campaign.objects.visible_to(rita)) == [campaign]
    assert not Campaign.objects.visible_to(june).exists()
    assert not Campaign.objects.visible_to(otto).exists()


def test_an_open_campaign_is_seen_by_its_members(
    campaign: Campaign, june: User, sena: User, dana: User
) -> None:
    for member in (june, sena):
        assert list(Campaign.objects.visible_to(member)) == [campaign]
    assert not Campaign.objects.visible_to(dana).exists()


def test_only_researchers_of_the_site_make_campaigns(site: Site, june: User, otto: User) -> None:
    for person in (june, otto):
        with pytest.raises(NotAllowedError):
            create_campaign("Spring", site=site, by_user=person, proposer=FILE)


@pytest.mark.parametrize(
    ("settings_of", "named"),
    [
        ({"proposer": {"kind": "magic"}}, "kind 'magic' is unknown"),
        ({"proposer_context": "all"}, "'all' is unknown"),
        ({"overlap": 0}, "overlap: 0"),
        ({"name": " "}, "name: empty"),
    ],
)
def test_values_that_make_no_sense_are_refused(
    site: Site, rita: User, settings_of: dict[str, object], named: str
) -> None:
    given = {"name": "Spring", "proposer": FILE, **settings_of}
    with pytest.raises(UserError, match=named):
        create_campaign(site=site, by_user=rita, **given)  # type: ignore[arg-type]
    assert not Campaign.objects.exists()


def test_a_name_stands_once_per_site(campaign: Campaign, site: Site, rita: User) -> None:
    with pytest.raises(UserError, match="exists at this site already"):
        create_campaign("Spring", site=site, by_user=rita, proposer=FILE)


def test_a_campaign_opens_only_with_people_to_work_on_it(site: Site, rita: User, june: User) -> None:
    campaign = create_campaign("Spring", site=site, by_user=rita, proposer=FILE)
    add_member(campaign, june, "correct", by_user=rita)
    with pytest.raises(WrongStateError, match="Pick"):
        open_campaign(campaign, by_user=rita)


def test_open_and_close_follow_their_order(campaign: Campaign, rita: User, june: User) -> None:
    with pytest.raises(WrongStateError):
        open_campaign(campaign, by_user=rita)
    with pytest.raises(NotAllowedError):
        close_campaign(campaign, by_user=june)
    close_campaign(campaign, by_user=rita)
    with pytest.raises(WrongStateError):
        close_campaign(campaign, by_user=rita)
    open_campaign(campaign, by_user=rita)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.OPEN


def test_instructions_keep_every_version(campaign: Campaign, rita: User) -> None:
    change_instructions(campaign, "Second", by_user=rita, expected_version=campaign.version)
    assert list(InstructionVersion.objects.order_by("number").values_list("number", "text")) == [
        (1, ""),
        (2, "Second"),
    ]
    with pytest.raises(StaleVersionError):
        change_instructions(campaign, "Third", by_user=rita, expected_version=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        InstructionVersion.objects.update(text="rewritten")


def test_the_proposer_is_frozen_by_the_first_proposal(question: Question, rita: User) -> None:
    with pytest.raises(WrongStateError, match="frozen"):
        change_proposer(question.campaign, by_user=rita, proposer=FILE)


def test_before_it_the_proposer_may_change(campaign: Campaign, rita: User) -> None:
    scene.ask(campaign)
    change_proposer(campaign, by_user=rita, proposer=FILE, parameters={"temperature": 0.2})
    campaign.refresh_from_db()
    assert campaign.proposer == FILE
    assert campaign.parameters == {"temperature": 0.2}
    for wrong, named in (
        ({"temperatur": 1}, "temperatur is unknown; known: temperature, top_p, max_new_tokens, most_draws"),
        ({"top_p": 0}, "top_p: give a number from 0 to 1"),
        ({"max_new_tokens": 1.5}, "max_new_tokens: give a whole number"),
        ({"most_draws": 51}, "most_draws: give a whole number from 1 to 50"),
    ):
        with pytest.raises(UserError, match=named):
            change_proposer(campaign, by_user=rita, proposer=FILE, parameters=wrong)
