"""Settings of a campaign: checked one by one, frozen once the first answer exists; guideline in versions."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from annotation.field_names import field_name
from annotation.models import Campaign, Correction, GuidelineVersion, NewsKind, Pick
from annotation.services import stages
from annotation.services.access import require_not_closed, require_researcher
from annotation.services.news import people_in, tell
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.choices import Language
from mammo.core.errors import UserError, WrongStateError
from mammo.core.versions import save_versioned

MOST_SEATS = 20
LONGEST_TEXT = 50_000


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UserError(_("%(name)s: give true or false") % {"name": field_name(name)})
    return value


def _seats(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_SEATS:
        raise UserError(
            _("%(name)s: give a whole number from 1 to %(most)s")
            % {"name": field_name(name), "most": MOST_SEATS}
        )
    return value


def _day(name: str, value: Any) -> date | None:
    if value in (None, ""):
        return None
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise UserError(_("%(name)s: give a date such as 2027-01-31") % {"name": field_name(name)}) from None


def _languages(name: str, value: Any) -> list[str]:
    found = list(value)
    unknown = sorted(set(found) - set(Language.values))
    if not found or unknown:
        raise UserError(
            _("%(name)s: name at least one of %(known)s")
            % {"name": field_name(name), "known": ", ".join(Language.values)}
        )
    return found


def _text(name: str, value: Any) -> str:
    if len(str(value)) > LONGEST_TEXT:
        raise UserError(
            _("%(name)s: longer than %(limit)s characters")
            % {"name": field_name(name), "limit": LONGEST_TEXT}
        )
    return str(value).replace("\r\n", "\n").strip()


def _consent(name: str, value: Any) -> dict[str, str]:
    return {str(language): _text(name, text) for language, text in dict(value).items() if str(text).strip()}


# Each setting with its check; the frozen ones shape what raters see or how often a question is asked.
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "languages": _languages,
    "overlap": _seats,
    "senior_overlap": _seats,
    "rank_all": _flag,
    "allow_small_edit": _flag,
    "adjudication": _flag,
    "practice_required": _flag,
    "is_assigned_only": _flag,
    "due_on": _day,
    "consent_text": _consent,
}
FROZEN = frozenset({"languages", "overlap", "senior_overlap", "rank_all", "allow_small_edit", "adjudication"})
OTHER_SETTINGS = ("adjudication", "practice_required", "is_assigned_only", "due_on", "consent_text")


def checked_settings(values: Mapping[str, Any], *, among: Collection[str] = tuple(CHECKS)) -> dict[str, Any]:
    """The values as they are stored.

    Raises:
        UserError: names the setting that is unknown or has a value that can't be used.
    """
    unknown = sorted(set(values) - set(among))
    if unknown:
        raise UserError(
            _("%(unknown)s: no such setting; known: %(known)s")
            % {"unknown": unknown[0], "known": ", ".join(among)}
        )
    return {name: CHECKS[name](name, value) for name, value in values.items()}


def is_answered(campaign: Campaign) -> bool:
    """Whether a rater has sent in anything: what they saw is frozen from then on."""
    return (
        Correction.objects.filter(proposal__question__campaign=campaign).exists()
        or Pick.objects.filter(question__campaign=campaign).exists()
    )


def _refuse_answered(campaign: Campaign, frozen: Collection[str]) -> None:
    """Stop who would change what raters have seen; an answer that is just being sent in is waited for."""
    stages.lock_all(campaign)
    if is_answered(Campaign.objects.select_for_update().get(pk=campaign.pk)):
        raise WrongStateError(
            _("%(names)s: frozen, since the first answer was sent in")
            % {"names": ", ".join(map(field_name, frozen))}
        )


def change_settings(
    campaign: Campaign, *, by_user: User, expected_version: int, **settings: Any
) -> list[str]:
    """Change settings of a campaign; returns the names of those that really changed.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: a setting is unknown or has a value that can't be used.
        WrongStateError: a frozen setting would change though the first answer exists, or it is closed.
        StaleVersionError: someone changed the campaign in between.
    """
    require_researcher(campaign.site, by_user)
    checked = checked_settings(settings)
    changed = {name: value for name, value in checked.items() if getattr(campaign, name) != value}
    if not changed:
        return []
    require_not_closed(campaign)
    frozen = sorted(FROZEN & set(changed))
    with transaction.atomic():
        if frozen:
            _refuse_answered(campaign, frozen)
        save_versioned(campaign, expected_version=expected_version, changes=changed)
        audit.record(
            "annotation.campaign_changed",
            by_user=by_user,
            on=campaign,
            site=campaign.site,
            settings=sorted(changed),
        )
    return sorted(changed)


def change_guideline(
    campaign: Campaign, text: str, *, edition: str, by_user: User, expected_version: int
) -> GuidelineVersion:
    """Store a new wording of the guideline that error tags cite.

    Earlier versions stand as they were; members of a campaign that is not a draft are told.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the campaign is closed.
        UserError: the edition has no name: a citation would say nothing.
        StaleVersionError: someone changed the campaign in between.
    """
    require_researcher(campaign.site, by_user)
    require_not_closed(campaign)
    if not edition.strip():
        raise UserError(_("edition: empty; name the guideline and its edition or year"))
    wording, named = _text("guideline", text), edition.strip()[:120]
    with transaction.atomic():
        changes = {"guideline": wording, "guideline_edition": named}
        save_versioned(campaign, expected_version=expected_version, changes=changes)
        version = GuidelineVersion.objects.create(
            campaign=campaign,
            number=current_guideline(campaign) + 1,
            edition=named,
            text=wording,
            by_user=by_user,
        )
        if campaign.state != Campaign.State.DRAFT:
            tell(people_in(campaign), NewsKind.GUIDELINE, campaign=campaign, by_user=by_user)
        audit.record(
            "annotation.guideline_changed",
            by_user=by_user,
            on=campaign,
            site=campaign.site,
            number=version.number,
            edition=named,
        )
    return version


def current_guideline(campaign: Campaign) -> int:
    """Number of the guideline that stands now; 0 where there is none."""
    found = GuidelineVersion.objects.filter(campaign=campaign).aggregate(newest=Max("number"))["newest"]
    return int(found or 0)


def editions_of(campaign: Campaign) -> dict[int, str]:
    """Names of the guideline's editions by the numbers of its versions."""
    return dict(GuidelineVersion.objects.filter(campaign=campaign).values_list("number", "edition"))


def shown_guideline(campaign: Campaign, shown: int | None) -> GuidelineVersion | None:
    """The guideline from which errors are cited: the one that was shown, else the one that stands; None: there is none.

    Args:
        shown: number that the page or caller held; 0: there was none; None: it does not say.

    Raises:
        UserError: the campaign has no guideline of this number.
    """
    number = current_guideline(campaign) if shown is None else shown
    if number == 0:
        return None
    version = GuidelineVersion.objects.filter(campaign=campaign, number=number).first()
    if version is None:
        raise UserError(
            _("guideline_version: this campaign has no guideline of number %(number)s; open the page again")
            % {"number": number}
        )
    return version
