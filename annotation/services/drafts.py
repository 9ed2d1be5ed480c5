"""Drafts: what a person has typed so far, kept on the server, never overwritten by an older page."""

import json
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotation.models import Draft, Purpose, Question
from annotation.querysets import STAGE_FOR
from annotation.services import collisions, leases, stages
from annotation.services.access import require_member, require_not_own
from mammo.accounts.models import User
from mammo.core.errors import StaleVersionError, UserError, WrongStateError
from mammo.core.versions import save_versioned

# Characters of the draft as JSON; three answers of the greatest length with their notes, and more.
LARGEST_DRAFT = 100_000


def draft_of(question: Question, *, user: User, purpose: str) -> Draft | None:
    """The stored draft of a person, if there is one."""
    return Draft.objects.filter(question=question, user=user, purpose=purpose).first()


def save_draft(
    question: Question, *, by_user: User, purpose: str, content: dict[str, Any], expected_version: int
) -> Draft:
    """Store what was typed so far and renew the lease.

    Args:
        expected_version: version of the draft that the page holds; 0 when it holds none.

    Raises:
        NotAllowedError: the account does not work on this campaign in that way.
        WrongStateError: there is nothing left to do for this account (sent already, or moved on).
        StaleVersionError: another page saved in between, or another person finished the question; carries what
            stands now.
    """
    require_member(question.campaign, by_user, purpose)
    if purpose != Purpose.CORRECT:
        require_not_own(question, by_user)
    if len(json.dumps(content, ensure_ascii=False)) > LARGEST_DRAFT:
        raise UserError(_("The draft is too large to be stored; shorten the texts."))
    if not Question.objects.waiting_for(by_user, purpose).filter(pk=question.pk).exists():
        _refuse_unless_stored(question, by_user, purpose)
    with transaction.atomic():
        draft = draft_of(question, user=by_user, purpose=purpose)
        if draft is None:
            draft = _first(question, by_user, purpose, content, expected_version)
        else:
            save_versioned(draft, expected_version=expected_version, changes={"content": content})
    _renew(question, by_user, purpose)
    return draft


def require_draft_version(question: Question, *, by_user: User, purpose: str, version: int | None) -> None:
    """Let a page pass whose draft is the newest; None is a caller that keeps no draft.

    Raises:
        StaleVersionError: another page saved since; carries the draft as it stands.
    """
    stored = draft_of(question, user=by_user, purpose=purpose)
    if version is not None and stored is not None and stored.version != version:
        raise _stale(stored)


def _stale(stored: Draft) -> StaleVersionError:
    return StaleVersionError(
        _("Someone saved this after you opened it. Both texts are kept: compare them and save again."),
        current=stored,
        current_version=stored.version,
    )


def _refuse_unless_stored(question: Question, by_user: User, purpose: str) -> None:
    """A person whose seat went to another may still save; what was sent or has moved on is over."""
    over = (
        question.stage != STAGE_FOR[purpose]
        or Question.objects.filter(pk=question.pk).done_by(by_user, purpose).exists()
    )
    if over:
        with transaction.atomic():
            collisions.refuse_taken(stages.locked(question), by_user, purpose)
        raise WrongStateError(_("This question was sent already, or has moved on: nothing was saved."))


def _first(
    question: Question, by_user: User, purpose: str, content: dict[str, Any], expected_version: int
) -> Draft:
    if expected_version != 0:
        raise WrongStateError(_("The draft of this page is gone: it was sent or discarded elsewhere."))
    try:
        with transaction.atomic():
            draft = Draft(question=question, user=by_user, purpose=purpose)
            draft.content = content
            draft.save(force_insert=True)
            return draft
    except IntegrityError:
        stored = Draft.objects.get(question=question, user=by_user, purpose=purpose)
        raise _stale(stored) from None


def _renew(question: Question, by_user: User, purpose: str) -> None:
    try:
        leases.hold(question, by_user=by_user, purpose=purpose)
    except WrongStateError:
        return  # the seat went to another person: the draft is kept all the same
