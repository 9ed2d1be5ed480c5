"""Who may do what: raised before anything is read or written."""

from django.utils.translation import gettext as _

from annotation.models import Campaign, CampaignMember, Correction, Question
from annotation.querysets import ROLE_FOR
from mammo.accounts.models import Site, User
from mammo.core.encryption import withdrew
from mammo.core.errors import NotAllowedError, WrongStateError


def require_researcher(site: Site, by_user: User | None) -> None:
    """Let researchers and administrators of `site` pass; None is the operator at the command line.

    Raises:
        NotAllowedError: the account holds neither role there.
    """
    if by_user is not None and not by_user.has_role("researcher", "admin", site=site):
        raise NotAllowedError(_("Only a researcher of this site may do this."))


def require_table_keeper(site: Site, by_user: User) -> None:
    """Let those pass who may bring in questions: researchers and data managers of `site`.

    Raises:
        NotAllowedError: the account holds neither role there.
    """
    if not by_user.has_role("researcher", "data_manager", "admin", site=site):
        raise NotAllowedError(_("Only a researcher or data manager of this site may do this."))


def require_member(campaign: Campaign, by_user: User, purpose: str) -> None:
    """Let members of the campaign pass who hold the purpose's role at its site.

    Raises:
        NotAllowedError: the account is no member, or does not hold the role (a junior never picks).
    """
    is_member = CampaignMember.objects.filter(campaign=campaign, user=by_user, purpose=purpose).exists()
    if not is_member or not by_user.has_role(ROLE_FOR[purpose], site=campaign.site):
        raise NotAllowedError(_("This account does not work on this campaign in that way."))


def require_in_pool(question: Question, by_user: User, purpose: str) -> None:
    """Let people pass to whose pool the question belongs (a question without one is everybody's).

    Raises:
        NotAllowedError: it waits for another group of people.
    """
    if (
        question.pool
        and not CampaignMember.objects.filter(
            campaign=question.campaign, user=by_user, purpose=purpose, pool=question.pool
        ).exists()
    ):
        raise NotAllowedError(_("This question waits for another group of people."))


def require_open(campaign: Campaign) -> None:
    """Let work on open campaigns pass.

    Raises:
        WrongStateError: the campaign is a draft or closed.
    """
    if campaign.state != Campaign.State.OPEN:
        raise WrongStateError(_("The campaign “%(name)s” is not open.") % {"name": campaign.name})


def require_not_erased(question: Question) -> None:
    """Let questions pass whose patient has not withdrawn.

    Raises:
        WrongStateError: nothing more is written about her.
    """
    if question.is_erased:
        raise withdrew()


def require_not_closed(campaign: Campaign) -> None:
    """Let drafts and open campaigns pass.

    Raises:
        WrongStateError: the campaign is closed.
    """
    if campaign.state == Campaign.State.CLOSED:
        raise WrongStateError(_("The campaign “%(name)s” is closed.") % {"name": campaign.name})


def require_not_own(question: Question, by_user: User) -> None:
    """Let seniors pass who corrected nothing of this question.

    Raises:
        NotAllowedError: a senior never picks what they corrected.
    """
    if Correction.objects.filter(proposal__question=question, by_user=by_user).exists():
        raise NotAllowedError(_("You corrected answers to this question: another senior picks."))


def is_simulated(question: Question, by_user: User) -> bool:
    """Whether a judgement is marked as simulated: a scripted account, or a case that is no patient's."""
    return by_user.is_simulated or question.is_simulated
