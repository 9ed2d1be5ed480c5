"""Roles are held per site."""

import pytest

from mammo.accounts import services
from mammo.accounts.models import AuditEvent, Membership, Role, Site, User
from mammo.core.errors import UserError

pytestmark = pytest.mark.django_db


def test_a_role_counts_only_at_its_site(rita: User, site: Site, other_site: Site) -> None:
    assert rita.has_role(Role.RESEARCHER)
    assert rita.has_role(Role.RESEARCHER, site=site)
    assert not rita.has_role(Role.RESEARCHER, site=other_site)
    assert not rita.has_role(Role.SENIOR, Role.JUNIOR)


def test_sites_are_those_of_the_roles_that_are_asked_for(rita: User, site: Site, other_site: Site) -> None:
    services.grant_role(rita, Role.STATISTICIAN, other_site, by_user=None)
    assert set(rita.sites_as()) == {site, other_site}
    assert set(rita.sites_as(Role.RESEARCHER)) == {site}
    assert set(rita.sites_as(Role.SENIOR)) == set()
    assert rita.roles == {"researcher", "statistician"}


def test_an_account_that_was_closed_holds_no_role(rita: User) -> None:
    rita.is_active = False
    rita.save()
    assert not rita.has_role(Role.RESEARCHER)


def test_a_role_given_twice_is_held_once_and_noted_once(june: User, site: Site) -> None:
    before = AuditEvent.objects.count()
    services.grant_role(june, Role.SENIOR, site, by_user=None)
    services.grant_role(june, Role.SENIOR, site, by_user=None)
    assert Membership.objects.filter(user=june, role=Role.SENIOR).count() == 1
    assert AuditEvent.objects.count() == before + 1


def test_an_unknown_role_makes_no_account(site: Site) -> None:
    with pytest.raises(UserError, match="surgeon"):
        services.create_account("max", password="correct horse", roles={"surgeon": [site]}, by_user=None)
    assert not User.objects.filter(username="max").exists()


def test_names_and_codes_are_taken_once(june: User, site: Site) -> None:
    with pytest.raises(UserError, match="june"):
        services.create_account("june", password="correct horse", roles={}, by_user=None)
    with pytest.raises(UserError, match="north"):
        services.create_site("north", "Another", by_user=None)
    with pytest.raises(UserError, match="north"):
        services.site_by_code("nort")


def test_each_site_has_a_key_of_its_own(site: Site, other_site: Site) -> None:
    assert site.key_id != other_site.key_id
