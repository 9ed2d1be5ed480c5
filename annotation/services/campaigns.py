"""Campaigns: made by a researcher, opened, worked on by named people, closed."""

import contextlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.field_names import field_name
from annotation.models import (
    Campaign,
    CampaignMember,
    InstructionVersion,
    Lease,
    NewsKind,
    Proposal,
    ProposerContext,
    Purpose,
)
from annotation.querysets import ROLE_FOR
from annotation.services import stages
from annotation.services.access import require_not_closed, require_researcher
from annotation.services.campaign_settings import OTHER_SETTINGS, checked_settings
from annotation.services.news import people_in, tell
from annotation.services.proposer_parameters import checked_parameters
from annotation.services.proposer_specs import checked_spec, require_named_from_afar, require_readable
from annotation.services.wording import plain
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.core.begun_names import only_one_beginning
from mammo.core.choices import Language
from mammo.core.errors import UserError, WrongStateError
from mammo.core.versions import save_versioned
from mammo.jobs import services as jobs
from mammo.jobs.models import Job

# Largest seed that a PositiveBigIntegerField holds on every database.
SEED_LIMIT = 2**63 - 1
# Kind of the job that asks a campaign's proposer.
PROPOSING = "annotation.propose"


def create_campaign(
    name: str,
    *,
    site: Site,
    by_user: User,
    proposer: Mapping[str, Any],
    proposer_context: str = ProposerContext.NONE,
    parameters: Mapping[str, Any] | None = None,
    languages: Iterable[str] = (Language.CHINESE, Language.ENGLISH),
    instructions: str = "",
    overlap: int = 1,
    senior_overlap: int = 1,
    rank_all: bool = False,
    allow_small_edit: bool = True,
    proposals_per_question: int = 3,
    seed: int | None = None,
    is_from_afar: bool = False,
    **others: Any,
) -> Campaign:
    """Make a draft campaign and the first version of its instructions.

    Args:
        proposer: spec of the proposing system, as the answering module takes it; an optional `name` is what
            proposals are recorded under.
        seed: decides sampling and shown orders; drawn when not given.
        is_from_afar: a page or the interface asks: the proposer may be an endpoint or a model of the site alone.
        others: any of `campaign_settings.OTHER_SETTINGS` (due_on, adjudication, …).

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: a field has a value that can't be used.
    """
    require_researcher(site, by_user)
    _check(name, site, proposer, proposer_context, overlap, senior_overlap, proposals_per_question)
    if is_from_afar:
        require_named_from_afar(proposer, site.pk)
    with transaction.atomic():
        campaign = Campaign.objects.create(
            site=site,
            name=name.strip(),
            by_user=by_user,
            proposer=dict(proposer),
            proposer_context=proposer_context,
            parameters=checked_parameters(parameters or {}),
            languages=list(languages),
            instructions=instructions,
            overlap=overlap,
            senior_overlap=senior_overlap,
            rank_all=rank_all,
            allow_small_edit=allow_small_edit,
            proposals_per_question=proposals_per_question,
            seed=secrets.randbelow(SEED_LIMIT) if seed is None else seed,
            is_simulated=site.is_simulated,
            **checked_settings(others, among=OTHER_SETTINGS),
        )
        InstructionVersion.objects.create(campaign=campaign, number=1, text=instructions, by_user=by_user)
        audit.record("annotation.campaign_created", by_user=by_user, on=campaign, site=site)
    return campaign


def _check(
    name: str,
    site: Site,
    proposer: Mapping[str, Any],
    context: str,
    overlap: int,
    senior_overlap: int,
    n: int,
) -> None:
    if not name.strip():
        raise UserError(_("name: empty; give the campaign a name"))
    if Campaign.objects.filter(site=site, name=name.strip()).exists():
        raise UserError(_("name: a campaign “%(name)s” exists at this site already") % {"name": name})
    checked_spec(proposer)
    if context not in ProposerContext.values:
        raise UserError(
            _("proposer_context: %(context)r is unknown; known: %(known)s")
            % {"context": context, "known": ", ".join(ProposerContext.values)}
        )
    require_readable(proposer, context)
    for field, value in (
        ("overlap", overlap),
        ("senior_overlap", senior_overlap),
        ("proposals_per_question", n),
    ):
        if value < 1:
            raise UserError(
                _("%(field)s: %(value)s is less than 1") % {"field": field_name(field), "value": value}
            )


def campaign_by_name(name: str, *, site: Site | None = None) -> Campaign:
    """Return the campaign of this name, or of its only beginning.

    Raises:
        UserError: there is none, or several sites have one of this name.
    """
    rows = Campaign.objects.select_related("site")
    if site is not None:
        rows = rows.filter(site=site)
    campaigns = list(rows.filter(name=name)[:2])
    if len(campaigns) > 1:
        raise UserError(
            _("campaign %(name)r: several sites have one of this name; add --site") % {"name": name}
        )
    begun = only_one_beginning(rows, name) if not campaigns else None
    if begun is not None:
        return begun
    if not campaigns:
        known = ", ".join(Campaign.objects.order_by("name").values_list("name", flat=True)) or "none yet"
        raise UserError(
            _("campaign %(name)r: no such campaign; known: %(known)s") % {"name": name, "known": known}
        )
    return campaigns[0]


def change_instructions(
    campaign: Campaign, text: str, *, by_user: User, expected_version: int
) -> InstructionVersion:
    """Store a new wording of the instructions; judgements name the version they were made under.

    Earlier versions stand as they were; members of a campaign that is not a draft are told.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the campaign is closed.
        StaleVersionError: someone changed the campaign in between.
    """
    require_researcher(campaign.site, by_user)
    require_not_closed(campaign)
    text = plain(text)
    with transaction.atomic():
        save_versioned(campaign, expected_version=expected_version, changes={"instructions": text})
        number = current_instructions(campaign) + 1
        version = InstructionVersion.objects.create(
            campaign=campaign, number=number, text=text, by_user=by_user
        )
        if campaign.state != Campaign.State.DRAFT:
            tell(people_in(campaign), NewsKind.INSTRUCTIONS, campaign=campaign, by_user=by_user)
        audit.record(
            "annotation.instructions_changed", by_user=by_user, on=campaign, site=campaign.site, number=number
        )
    return version


def current_instructions(campaign: Campaign) -> int:
    """Number of the instructions that stand now."""
    number = InstructionVersion.objects.filter(campaign=campaign).aggregate(newest=Max("number"))["newest"]
    return int(number or 0)


def shown_instructions(campaign: Campaign, shown: int | None) -> int:
    """Number of the instructions under which something is judged: those that were shown, else those that stand now.

    Args:
        shown: number that the page or caller held; 0: there were none; None: it does not say.

    Raises:
        UserError: the campaign has no instructions of this number.
    """
    if shown is None:
        return current_instructions(campaign)
    if shown != 0 and not InstructionVersion.objects.filter(campaign=campaign, number=shown).exists():
        raise UserError(
            _(
                "instruction_version: this campaign has no instructions of number %(number)s; open the page again"
            )
            % {"number": shown}
        )
    return shown


def add_member(
    campaign: Campaign, user: User, purpose: str, *, by_user: User, pool: str = ""
) -> CampaignMember:
    """Let an account correct, pick or adjudicate in a campaign; nothing happens when it may already.

    Args:
        pool: group of people that shares questions; empty is none.

    Raises:
        UserError: the account does not hold the role that the purpose needs at the campaign's site.
    """
    require_researcher(campaign.site, by_user)
    if purpose not in Purpose.values:
        raise UserError(
            _("purpose: %(purpose)r is unknown; known: %(known)s")
            % {"purpose": purpose, "known": ", ".join(Purpose.values)}
        )
    role = ROLE_FOR[purpose]
    if not user.has_role(role, site=campaign.site):
        raise UserError(
            _("%(user)s is no %(role)s at %(site)s; give the account that role first")
            % {"user": user.username, "role": field_name(role), "site": campaign.site.code}
        )
    with transaction.atomic():
        member, made = CampaignMember.objects.get_or_create(
            campaign=campaign, user=user, purpose=purpose, defaults={"pool": pool.strip()[:40]}
        )
        if made:
            audit.record(
                "annotation.member_added",
                by_user=by_user,
                on=campaign,
                site=campaign.site,
                user=str(user.pk),
                purpose=purpose,
            )
    return member


def remove_member(member: CampaignMember, *, by_user: User) -> None:
    """Let an account work here no longer; what it did stays, what it holds is free again.

    Drafts stay; a question that was assigned to the person, be it for a later stage, goes back to the pool.
    """
    campaign = member.campaign
    require_researcher(campaign.site, by_user)
    with transaction.atomic():
        Lease.objects.unsettled().filter(
            question__campaign=campaign, user=member.user, purpose=member.purpose
        ).delete()
        CampaignMember.objects.filter(pk=member.pk).delete()
        audit.record(
            "annotation.member_removed",
            by_user=by_user,
            on=campaign,
            site=campaign.site,
            user=str(member.user_id),
            purpose=member.purpose,
        )


def change_proposer(
    campaign: Campaign,
    *,
    by_user: User,
    proposer: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    proposer_context: str | None = None,
    seed: int | None = None,
    is_from_afar: bool = False,
) -> None:
    """Name another proposing system; what raters have seen is frozen, so only before the first proposal.

    Args:
        parameters: temperature, top_p, max_new_tokens, most_draws; None: as they are.
        seed: decides sampling and shown orders; None: as it is.
        is_from_afar: as in `create_campaign`; a path that stands already may stay.

    Raises:
        WrongStateError: proposals exist or are being made.
        UserError: the spec or a parameter can't be used, or the system can't read what the campaign hands over.
    """
    require_researcher(campaign.site, by_user)
    if Proposal.objects.filter(question__campaign=campaign).exists():
        raise WrongStateError(_("Proposals exist already: the proposer of this campaign is frozen."))
    if Job.objects.filter(kind=PROPOSING, about_id=str(campaign.pk)).unfinished().exists():
        raise WrongStateError(
            _("Proposals are being made: wait for that job, or cancel it on the page of jobs.")
        )
    spec = checked_spec(proposer)
    if is_from_afar and any(spec.get(part) != campaign.proposer.get(part) for part in ("kind", "path")):
        require_named_from_afar(spec, campaign.site_id)
    require_readable(proposer, campaign.proposer_context if proposer_context is None else proposer_context)
    changes: dict[str, Any] = {"proposer": spec}
    if parameters is not None:
        changes["parameters"] = checked_parameters(parameters)
    if seed is not None:
        changes["seed"] = seed
    if proposer_context is not None:
        changes["proposer_context"] = proposer_context
    with transaction.atomic():
        save_versioned(campaign, expected_version=campaign.version, changes=changes)
        audit.record("annotation.proposer_changed", by_user=by_user, on=campaign, site=campaign.site)


def open_campaign(campaign: Campaign, *, by_user: User) -> None:
    """Open a draft (or closed) campaign for work.

    Raises:
        WrongStateError: it is open already, or nobody is there to correct and to pick.
    """
    require_researcher(campaign.site, by_user)
    if campaign.state == Campaign.State.OPEN:
        raise WrongStateError(_("The campaign is open already."))
    needed = [Purpose.CORRECT, Purpose.PICK]
    if campaign.adjudication:
        needed.append(Purpose.ADJUDICATE)
    for purpose in needed:
        if not CampaignMember.objects.filter(campaign=campaign, purpose=purpose).exists():
            raise WrongStateError(
                _("Nobody may “%(purpose)s” in this campaign; add members first.")
                % {"purpose": purpose.label}
            )
    _move(campaign, Campaign.State.OPEN, "opened_at", by_user)


def close_campaign(campaign: Campaign, *, by_user: User, reason: str = "") -> None:
    """Close an open campaign: its questions can be read and exported, not worked on.

    Jobs that ask its proposer are stopped: nothing more is handed over.

    Raises:
        WrongStateError: it is not open.
    """
    require_researcher(campaign.site, by_user)
    if campaign.state != Campaign.State.OPEN:
        raise WrongStateError(_("Only an open campaign can be closed."))
    with transaction.atomic():
        _stop_proposing(campaign)
        # What is being sent in comes before, or meets the closed campaign.
        stages.lock_all(campaign)
        _move(campaign, Campaign.State.CLOSED, "closed_at", by_user, reason)


def _stop_proposing(campaign: Campaign) -> None:
    for job in Job.objects.filter(kind=PROPOSING, about_id=str(campaign.pk)).unfinished():
        with contextlib.suppress(WrongStateError):  # it ended meanwhile
            jobs.cancel(job, by_user=None)


def _move(campaign: Campaign, state: str, stamp: str, by_user: User, reason: str = "") -> None:
    with transaction.atomic():
        save_versioned(
            campaign, expected_version=campaign.version, changes={"state": state, stamp: timezone.now()}
        )
        audit.record(
            f"annotation.campaign_{state}", by_user=by_user, on=campaign, site=campaign.site, reason=reason
        )
