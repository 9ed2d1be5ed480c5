"""Two people on one task: whoever comes second is answered with both texts, and neither is lost."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from annotation.models import Correction, Draft, Lease, Pick, Purpose, Question
from annotation.querysets import STAGE_FOR
from annotation.services.leases import seats
from mammo.accounts.models import User
from mammo.core.errors import StaleVersionError


class TakenError(StaleVersionError):
    """Somebody else has done the work, or sits where it is done; carries what they wrote.

    Attributes:
        current: their corrections or picks, else their draft, else an empty list.
    """


class EarlierRoundError(StaleVersionError):
    """A page of a round that is over sends something: nothing of it is taken into the round that stands.

    Attributes:
        current: the person's own draft, else their own corrections as they stand, else an empty list.
    """


def refuse_earlier_round(question: Question, by_user: User, purpose: str, shown_round: int | None) -> None:
    """Stop what was made from another round than the present one; both texts are kept.

    Args:
        question: locked.
        shown_round: round of what the page showed; None for a program that does not say.

    Raises:
        EarlierRoundError: the question was sent back since.
    """
    if shown_round is None or shown_round == question.round:
        return
    draft = Draft.objects.filter(question=question, purpose=purpose, user=by_user).first()
    rows = Correction.objects.standing().filter(proposal__question=question, by_user=by_user)
    mine = list(rows.select_related("proposal")) if purpose == Purpose.CORRECT else []
    raise EarlierRoundError(
        _("This question was sent back after you opened this page. Both texts are kept: compare them."),
        current=draft if draft is not None else mine,
        current_version=question.round,
    )


def refuse_taken(question: Question, by_user: User, purpose: str) -> None:
    """Stop a person whose seat went to somebody else, with both texts.

    Only where one person does the work: where several do, what they write is compared later, and one who had
    read another's text would agree with it. Those are told by the stage and the seats alone.

    Args:
        question: locked.

    Raises:
        TakenError: another person has finished the question in this round, or holds its only seat.
    """
    if seats(question, purpose) != 1 or _has_worked(question, by_user, purpose):
        return
    theirs = _finished(question, by_user, purpose) if question.stage != STAGE_FOR[purpose] else []
    if theirs:
        raise TakenError(
            _("Someone else finished this question meanwhile. Both texts are kept: yours is below."),
            current=theirs,
            current_version=question.version,
        )
    others = Lease.objects.standing().filter(question=question, purpose=purpose, round=question.round)
    holders = list(others.exclude(user=by_user).values_list("user", flat=True))
    if question.stage == STAGE_FOR[purpose] and holders:
        draft = Draft.objects.filter(question=question, purpose=purpose, user__in=holders).first()
        raise TakenError(
            _("Someone else works on this question now. What you wrote is kept as your draft."),
            current=draft if draft is not None else [],
            current_version=question.version,
        )


def _has_worked(question: Question, by_user: User, purpose: str) -> bool:
    return Question.objects.filter(pk=question.pk).done_by(by_user, purpose).exists()


def _finished(question: Question, by_user: User, purpose: str) -> Sequence[Any]:
    if purpose == Purpose.CORRECT:
        rows = Correction.objects.candidates(question).exclude(by_user=by_user)
        return list(rows.select_related("proposal"))
    picks = Pick.objects.standing().filter(question=question, round=question.round)
    chosen = picks.filter(is_adjudication=purpose == Purpose.ADJUDICATE).exclude(by_user=by_user)
    return list(chosen.select_related("correction"))
