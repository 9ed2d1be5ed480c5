"""Leases: a question is held by as many people as it needs, each for a while; expiry never drops a draft."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Lease, Purpose, Question
from annotation.services import stages
from annotation.services.access import require_member, require_researcher
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError

POOL_TIME = timedelta(minutes=30)


def seats(question: Question, purpose: str) -> int:
    """How many people a question needs for a purpose."""
    return question.campaign.overlap if purpose == Purpose.CORRECT else question.campaign.senior_overlap


def hold(question: Question, *, by_user: User, purpose: str) -> Lease:
    """Take a seat at a question, or renew one's own for half an hour. Named assignments stay without end.

    Raises:
        NotAllowedError: the account does not work on this campaign for that purpose.
        WrongStateError: all seats are taken.
    """
    require_member(question.campaign, by_user, purpose)
    with transaction.atomic():
        question = stages.locked(question)
        rows = Lease.objects.filter(question=question, purpose=purpose, round=question.round)
        mine = rows.filter(user=by_user).first()
        until = timezone.now() + POOL_TIME
        if mine is not None and (mine.expires_at is None or mine.expires_at > timezone.now()):
            if mine.expires_at is not None:
                rows.filter(pk=mine.pk).update(expires_at=until)
            return mine
        # A seat whose time is over is free for the next person, also for the one who had it.
        rows.filter(expires_at__lte=timezone.now()).delete()
        taken = set(rows.values_list("seat", flat=True))
        free = next((seat for seat in range(seats(question, purpose)) if seat not in taken), None)
        if free is None:
            raise WrongStateError(
                _("Someone else works on this question now. What you wrote is kept as your draft.")
            )
        try:
            with transaction.atomic():
                return Lease.objects.create(
                    question=question,
                    user=by_user,
                    purpose=purpose,
                    round=question.round,
                    seat=free,
                    expires_at=until,
                )
        except IntegrityError:
            raise WrongStateError(
                _("Someone else works on this question now. What you wrote is kept as your draft.")
            ) from None


def next_question(*, by_user: User, purpose: str) -> Question | None:
    """Hold and return the first question that waits for this account; None when there is none."""
    waiting = Question.objects.waiting_for(by_user, purpose).select_related("campaign__site")
    for question in waiting[:50]:
        try:
            hold(question, by_user=by_user, purpose=purpose)
        except WrongStateError:
            continue  # taken since the list was read
        return question
    return None


def assign(question: Question, user: User, purpose: str, *, by_user: User) -> Lease:
    """Give a question to a named person; the assignment does not expire.

    Raises:
        NotAllowedError: `by_user` is no researcher of the site, or `user` does not work on the campaign.
        WrongStateError: all seats are taken.
    """
    require_researcher(question.campaign.site, by_user)
    with transaction.atomic():
        lease = hold(question, by_user=user, purpose=purpose)
        keep(lease)
        audit.record(
            "annotation.assigned",
            by_user=by_user,
            on=question,
            site=question.campaign.site,
            user=str(user.pk),
            purpose=purpose,
        )
    return lease


def release(question: Question, *, by_user: User, purpose: str) -> None:
    """Give one's own seat back to the pool; the draft stays."""
    Lease.objects.filter(
        question=question, user=by_user, purpose=purpose, round=question.round, expires_at__isnull=False
    ).delete()


def keep(lease: Lease) -> None:
    """Make a seat permanent: a named assignment, or work that is done."""
    Lease.objects.filter(pk=lease.pk).update(expires_at=None)
    lease.expires_at = None
