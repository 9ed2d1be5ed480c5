"""Several people let into a campaign at once: all of them, or nobody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import Campaign, CampaignMember, Purpose
from annotation.querysets import ROLE_FOR
from annotation.services import pools
from annotation.services.access import require_researcher
from annotation.services.campaigns import add_member
from mammo.accounts.models import Membership, User
from mammo.core.errors import UserError


@dataclass(frozen=True)
class NewMember:
    """A person and what they shall do; `pool` None: one who does it already stays in theirs, empty: none."""

    user: User
    purpose: str
    pool: str | None = None


@dataclass(frozen=True)
class Eligible:
    """An account that could do a kind of work in a campaign, with the role that lets it."""

    user: User
    role: str


def add_members(campaign: Campaign, wanted: Sequence[NewMember], *, by_user: User) -> list[CampaignMember]:
    """Let people work on a campaign, each as `add_member` does it, with an audit event of their own.

    Raises:
        NotAllowedError: `by_user` is no researcher of the site.
        UserError: nobody is named, or one of them does not hold the role that their work needs; nobody is added then.
        WrongStateError: one who works here already holds questions of the pool they would leave; nobody is added then.
    """
    require_researcher(campaign.site, by_user)
    if not wanted:
        raise UserError(_("Nobody is named: choose at least one person."))
    found = []
    with transaction.atomic():
        for one in wanted:
            member = add_member(campaign, one.user, one.purpose, by_user=by_user, pool=one.pool or "")
            if one.pool is not None and member.pool != one.pool.strip():
                pools.set_pool(member, one.pool, by_user=by_user)
            found.append(member)
    return found


def people_named(campaign: Campaign, names: Iterable[str]) -> dict[str, User]:
    """Accounts of the campaign's hospital by their user names.

    Raises:
        UserError: the hospital has no account of one of the names; it names the first.
    """
    wanted = list(dict.fromkeys(names))
    rows = User.objects.filter(memberships__site=campaign.site, is_active=True, username__in=wanted)
    found = {person.username: person for person in rows.distinct()}
    for name in wanted:
        if name not in found:
            raise UserError(
                _("%(user)s: no account of this name holds a role at %(site)s")
                % {"user": name, "site": campaign.site.code}
            )
    return found


def eligible(campaign: Campaign, purpose: Purpose) -> list[Eligible]:
    """Accounts of the site that hold the role for a kind of work and do not do it here yet, by name."""
    held = Membership.objects.filter(site=campaign.site, role=ROLE_FOR[purpose], user__is_active=True)
    members = campaign.members.filter(purpose=purpose).values("user")
    rows = held.exclude(user__in=members).select_related("user").order_by("user__username")
    return [Eligible(row.user, row.get_role_display()) for row in rows]
