"""Drafts: what a person has typed so far, kept on the server, never overwritten by an older page."""

import contextlib
import json
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotation.models import Correction, Draft, Purpose, Question
from annotation.querysets import STAGE_FOR
from annotation.services import collisions, leases, stages
from annotation.services.access import require_member, require_not_erased, require_not_own
from mammo.accounts.models import User
from mammo.core.errors import StaleVersionError, UserError, WrongStateError
from mammo.core.versions import save_versioned

# Characters of the draft as JSON; three answers of the greatest length with their notes, and more.
LARGEST_DRAFT = 100_000
# The field of forms and drafts with the seconds at work so far, visits before this one included.
SECONDS = "active_seconds"
# The field of a senior's draft with small edits of answers that an earlier round had.
EARLIER = "earlier"
# The fields of forms and drafts with what a person says in their own words beside the answers.
TYPED = ("reason", "written", "written_reason", "return_reason", "stands_because")


class WithdrawnError(WrongStateError):
    """The question is out of its campaign: a draft was stored, and can't be sent in."""


@dataclass(frozen=True)
class PageSave:
    """One save of an open page: what the page saved before is its own, whether it heard of that or not.

    Attributes:
        page: drawn anew whenever the page is opened.
        number: counts the page's saves; a later one never gives way to an earlier one that arrives late.
    """

    page: uuid.UUID
    number: int


def draft_of(question: Question, *, user: User, purpose: str) -> Draft | None:
    """The stored draft of a person, if there is one."""
    found = Draft.objects.filter(question=question, user=user, purpose=purpose).first()
    if found is not None:
        found.question = question  # whose key opens the draft; it would be read again for that
    return found


def edits_of_earlier_rounds(question: Question, draft: Draft | None) -> list[str]:
    """Small edits in a senior's draft of answers that another senior sent back meanwhile; the oldest first.

    They have no place in the forms of the new round: the page shows them beside, and every later save keeps them.
    """
    if draft is None:
        return []
    wordings: dict[str, str] = draft.content.get("wordings", {})
    gone = Correction.objects.filter(proposal__question=question, round__lt=question.round)
    texts = {str(row.pk): row.text for row in gone} if wordings else {}
    edited = [text for pk, text in wordings.items() if text and texts.get(pk, text) != text]
    return list(dict.fromkeys([*draft.content.get(EARLIER, []), *edited]))


def save_draft(
    question: Question,
    *,
    by_user: User,
    purpose: str,
    content: dict[str, Any],
    expected_version: int,
    page_save: PageSave | None = None,
    shown_round: int | None = None,
) -> Draft:
    """Store what was typed so far and renew the person's seat, if they have one: nobody gets one by typing.

    An answer that was lost on its way makes nobody a stranger to their own words: what the same page saved last it
    may save over, and the same words may be saved again.

    Args:
        expected_version: version of the draft that the caller holds; 0 when it holds none.
        page_save: the page's own name and count; None for a program, which holds to versions.
        shown_round: round of what the page showed (None: the present one).

    Raises:
        NotAllowedError: the account does not work on this campaign in that way.
        WithdrawnError: the question was taken out of its campaign; what was typed is stored all the same.
        WrongStateError: there is nothing left to do for this account (sent already, or moved on).
        StaleVersionError: another page saved in between, the question was sent back since, or another person finished
            it; carries what stands now.
    """
    require_member(question.campaign, by_user, purpose)
    if purpose != Purpose.CORRECT:
        require_not_own(question, by_user)
    if len(json.dumps(content, ensure_ascii=False)) > LARGEST_DRAFT:
        raise UserError(_("The draft is too large to be stored; shorten the texts."))
    with transaction.atomic():
        # Behind the lock: what is being sent at this moment must not be followed by an older draft of it.
        question.stage, question.round = stages.lock_place(question)
        collisions.refuse_earlier_round(question, by_user, purpose, shown_round)
        is_withdrawn = question.stage == Question.Stage.WITHDRAWN and _is_kept(stages.locked(question))
        is_due = question.stage == STAGE_FOR[purpose] or is_withdrawn
        if not is_due or _is_done(question, by_user, purpose):
            _refuse(stages.locked(question), by_user, purpose)
        draft = _kept(question, by_user, purpose, content, expected_version, page_save)
    if is_withdrawn:
        raise _withdrawn()
    with contextlib.suppress(
        WrongStateError
    ):  # the seat went to another person: the draft is kept all the same
        leases.renew(question, by_user=by_user, purpose=purpose)
    return draft


def require_not_withdrawn(question: Question) -> None:
    """Let questions pass that are in their campaign at this moment.

    Raises:
        WithdrawnError: it was taken out; what was typed before is kept.
        WrongStateError: its patient withdrew; nothing is kept.
    """
    if Question.objects.filter(pk=question.pk, stage=Question.Stage.WITHDRAWN).exists():
        require_not_erased(question)
        raise _withdrawn()


def _withdrawn() -> WithdrawnError:
    return WithdrawnError(
        _("This question was taken out of the campaign. What you wrote is kept as your draft.")
    )


def _kept(
    question: Question,
    by_user: User,
    purpose: str,
    content: dict[str, Any],
    expected_version: int,
    page_save: PageSave | None,
) -> Draft:
    edits = edits_of_earlier_rounds(question, draft_of(question, user=by_user, purpose=purpose))
    if edits:
        content = {**content, EARLIER: edits}
    changes = {
        "content": content,
        "page": page_save.page if page_save is not None else None,
        "page_save": page_save.number if page_save is not None else 0,
    }
    try:
        return _store(question, by_user, purpose, changes, expected_version)
    except StaleVersionError as stale:
        if not isinstance(stale.current, Draft) or not _same_words(stale.current.content, content):
            raise
        return stale.current


def version_held(
    question: Question, *, user: User, purpose: str, version: int, page: uuid.UUID | None
) -> int:
    """Version of the draft that a page holds: it may have saved a newer one than it heard of.

    Args:
        version: the newest one of which the page heard.
        page: the page's own name; None where it has none.
    """
    stored = draft_of(question, user=user, purpose=purpose)
    return stored.version if stored is not None and page is not None and stored.page == page else version


def _store(
    question: Question, by_user: User, purpose: str, changes: dict[str, Any], expected_version: int
) -> Draft:
    draft = draft_of(question, user=by_user, purpose=purpose)
    if draft is None:
        return _first(question, by_user, purpose, changes, expected_version)
    is_own = changes["page"] is not None and draft.page == changes["page"]
    if is_own and draft.page_save < changes["page_save"]:
        expected_version = draft.version
    save_versioned(draft, expected_version=expected_version, changes=changes)
    return draft


def _same_words(stored: Any, given: dict[str, Any]) -> bool:
    """Whether two drafts say the same, the time at work apart."""
    # Once through JSON, as the stored one: tuples are lists there.
    one, other = (json.loads(json.dumps(content)) for content in (stored, given))
    return bool({**one, SECONDS: 0} == {**other, SECONDS: 0})


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


def _is_done(question: Question, by_user: User, purpose: str) -> bool:
    """Whether this person has settled the question in its present round."""
    return Question.objects.filter(pk=question.pk).done_by(by_user, purpose).exists()


def _is_kept(question: Question) -> bool:
    """Whether a draft of a withdrawn question is kept: of a patient whose data were erased nothing more is."""
    patient = question.patient or (question.study.patient if question.study is not None else None)
    return patient is None or patient.erased_at is None


def _refuse(question: Question, by_user: User, purpose: str) -> NoReturn:
    """Answer who saves what was sent or has moved on; whose seat alone went to another may still save."""
    collisions.refuse_taken(question, by_user, purpose)
    raise WrongStateError(_("This question was sent already, or has moved on: nothing was saved."))


def _first(
    question: Question, by_user: User, purpose: str, changes: dict[str, Any], expected_version: int
) -> Draft:
    if expected_version != 0:
        raise WrongStateError(_("The draft of this page is gone: it was sent or discarded elsewhere."))
    try:
        with transaction.atomic():
            draft = Draft(question=question, user=by_user, purpose=purpose, **changes)
            draft.save(force_insert=True)
            return draft
    except IntegrityError:
        stored = Draft.objects.get(question=question, user=by_user, purpose=purpose)
        raise _stale(stored) from None
