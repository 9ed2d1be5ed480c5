"""Whose campaigns and questions a call reaches; for everybody else they do not exist."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework.request import Request

from annotation.api import RESEARCHERS, researched_by
from annotation.models import Campaign, Pick, Purpose, Question
from annotation.querysets import KEEPERS
from annotation.services.access import require_not_own
from mammo.accounts.models import Site, User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError


def checked(serializer: Any, request: Request) -> dict[str, Any]:
    """The values of a request's body.

    Raises:
        ValidationError: names the fields that are wrong.
    """
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    values: dict[str, Any] = given.validated_data
    return values


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


def chosen_for(user: User, pk: uuid.UUID) -> Question:
    """A settled question for which this account has made its choice in the round that settled it.

    Raises:
        WrongStateError: it has not, or another senior may still send the question back: until then nothing may tell
            where the answers come from.
    """
    open_to = Question.objects.open_to
    rows = open_to(user, Purpose.PICK) | open_to(user, Purpose.ADJUDICATE)
    question: Question = get_object_or_404(rows.select_related("campaign__site", "patient"), pk=pk)
    require_not_own(question, user)
    mine = Pick.objects.standing().filter(question=question, by_user=user, round=question.round)
    if not mine.exists():
        raise WrongStateError(_("What was hidden opens after your choice."))
    if not question.is_settled:
        raise WrongStateError(_("What was hidden opens once the question is settled: others still choose."))
    return question
