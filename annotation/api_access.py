"""Whose campaigns and questions a call reaches; for everybody else they do not exist."""

import uuid

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from annotation.api import RESEARCHERS, researched_by
from annotation.models import Campaign, Purpose, Question
from annotation.querysets import KEEPERS
from annotation.services.access import require_not_own
from mammo.accounts.models import Site, User
from mammo.core.errors import NotAllowedError, UserError


def require_researcher(user: User) -> None:
    """Let in only who runs campaigns somewhere: asked before a body is read that names the site.

    Raises:
        NotAllowedError: the account is researcher or administrator of no site.
    """
    if not user.sites_as(*RESEARCHERS).exists():
        raise NotAllowedError(_("this account runs no campaigns"))


def researched_site(user: User, code: str) -> Site:
    """The site of this code where the account is researcher.

    Raises:
        UserError: there is none, for this account.
    """
    site = user.sites_as(*RESEARCHERS).filter(code=code).first()
    if site is None:
        raise UserError(_("site: none of this code where this account is researcher"))
    return site


def managed(user: User, pk: uuid.UUID) -> Campaign:
    """A campaign that the account runs."""
    return get_object_or_404(Campaign.objects.managed_by(user).select_related("site"), pk=pk)


def researched(user: User, pk: uuid.UUID) -> Campaign:
    """A campaign that the account reads in full."""
    return get_object_or_404(researched_by(user).select_related("site"), pk=pk)


def kept(user: User, pk: uuid.UUID) -> Campaign:
    """A campaign into which the account may bring questions."""
    rows = Campaign.objects.filter(site__in=user.sites_as(*KEEPERS)).select_related("site")
    return get_object_or_404(rows, pk=pk)


def visible(user: User, pk: uuid.UUID) -> Campaign:
    """A campaign that the account runs or works on."""
    return get_object_or_404(Campaign.objects.visible_to(user).select_related("site"), pk=pk)


def may_work(user: User, pk: uuid.UUID, purpose: str) -> Question:
    """A question this account works on for `purpose`."""
    rows = Question.objects.open_to(user, purpose).select_related(
        "campaign__site", "patient", "study__patient"
    )
    question: Question = get_object_or_404(rows, pk=pk)
    if purpose != Purpose.CORRECT:
        require_not_own(question, user)
    return question
