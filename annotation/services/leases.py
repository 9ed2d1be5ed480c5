"""Leases: a question is held by as many people as it needs, each for a while; expiry never drops a draft."""

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Draft, Lease, Purpose, Question, Skip
from annotation.services import stages
from annotation.services.access import require_in_pool, require_member, require_not_closed, require_open
from annotation.services.practice import must_practise, require_practice
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError

POOL_TIME = timedelta(minutes=30)
# How many questions at the head of a worklist are tried before the list is read again.
HEAD = 20


def seats(question: Question, purpose: str) -> int:
    """How many people a question needs for a purpose."""
    if purpose == Purpose.ADJUDICATE:
        return 1
    return question.campaign.overlap if purpose == Purpose.CORRECT else question.campaign.senior_overlap


def hold(question: Question, *, by_user: User, purpose: str, is_assigned: bool = False) -> Lease:
    """Take a seat at a question, or renew one's own for half an hour. Named assignments stay without end.

    Args:
        is_assigned: a researcher gives the seat, so a campaign that knows no pool lets it pass.

    Raises:
        NotAllowedError: the account does not work on this campaign, or this pool, for that purpose.
        WrongStateError: all seats are taken, the campaign is not open (a draft's seats may be given by name), gives
            seats by name only, practice comes first, or the person skipped the question.
    """
    require_member(question.campaign, by_user, purpose)
    require_in_pool(question, by_user, purpose)
    with transaction.atomic():
        question = stages.locked(question)
        if is_assigned:
            require_not_closed(question.campaign)
        else:
            require_open(question.campaign)
            _refuse_skipped(question, by_user, purpose)
        rows = Lease.objects.filter(question=question, purpose=purpose, round=question.round)
        mine = rows.filter(user=by_user).first()
        until = timezone.now() + POOL_TIME
        if mine is not None and (mine.expires_at is None or mine.expires_at > timezone.now()):
            if mine.expires_at is not None:
                rows.filter(pk=mine.pk).update(expires_at=until)
            elif not is_assigned and not _has_begun(question, by_user, purpose):
                require_practice(question.campaign, by_user, purpose)
            return mine
        if question.campaign.is_assigned_only and not is_assigned:
            raise WrongStateError(
                _("Questions of this campaign are assigned by name; this one is not yours.")
            )
        if not is_assigned:
            require_practice(question.campaign, by_user, purpose)
        return _take(question, by_user, purpose)


def renew(question: Question, *, by_user: User, purpose: str) -> None:
    """Keep the seat that one has, or had until its time was over; whose seat was given back or taken back gets none.

    Raises:
        As `hold`.
    """
    with transaction.atomic():
        question = stages.locked(question)
        rows = Lease.objects.filter(question=question, purpose=purpose, round=question.round, user=by_user)
        if rows.exists():
            hold(question, by_user=by_user, purpose=purpose)


def _has_begun(question: Question, by_user: User, purpose: str) -> bool:
    """Whether there is work of this person already, finished or as a draft: then it is too late for practice."""
    if Draft.objects.filter(question=question, user=by_user, purpose=purpose).exists():
        return True
    return Question.objects.filter(pk=question.pk).done_by(by_user, purpose).exists()


def _refuse_skipped(question: Question, by_user: User, purpose: str) -> None:
    rows = Skip.objects.filter(question=question, by_user=by_user, purpose=purpose, round=question.round)
    if rows.filter(lifted_at__isnull=True).exists():
        raise WrongStateError(
            _(
                "You skipped this question. Put it on your list again first; what you wrote is kept as your draft."
            )
        )


def _take(question: Question, by_user: User, purpose: str) -> Lease:
    """A free seat of a locked question; a seat whose time is over is free for the next person."""
    rows = Lease.objects.filter(question=question, purpose=purpose, round=question.round)
    rows.filter(expires_at__lte=timezone.now()).delete()
    taken = set(rows.values_list("seat", flat=True))
    free = next((seat for seat in range(seats(question, purpose)) if seat not in taken), None)
    refused = WrongStateError(
        _("Someone else works on this question now. What you wrote is kept as your draft.")
    )
    if free is None:
        raise refused
    try:
        with transaction.atomic():
            return Lease.objects.create(
                question=question,
                user=by_user,
                purpose=purpose,
                round=question.round,
                seat=free,
                expires_at=timezone.now() + POOL_TIME,
            )
    except IntegrityError:
        raise refused from None


def next_question(*, by_user: User, purpose: str) -> Question | None:
    """Hold and return the first question that waits for this account; None when there is none.

    What the account holds comes first (assigned, begun, returned), then the pool. Rows that another person is
    taking at this moment are stepped over (FOR UPDATE SKIP LOCKED; SQLite has one writer at a time).
    """
    for held in Question.objects.held_by(by_user, purpose).select_related("campaign__site"):
        if must_practise(held.campaign, by_user, purpose) and not _has_begun(held, by_user, purpose):
            continue
        hold(held, by_user=by_user, purpose=purpose)
        return held
    tried: set[UUID] = set()
    while True:
        head = Question.objects.first_waiting(by_user, purpose, most=HEAD, without=tried)
        if not head:
            return None
        for waiting in head:
            tried.add(waiting.pk)
            question = _taken_from_pool(waiting.pk, by_user, purpose)
            if question is not None:
                return question


def _taken_from_pool(pk: UUID, by_user: User, purpose: str) -> Question | None:
    with transaction.atomic():
        rows = Question.objects.select_for_update(skip_locked=True, of=("self",))
        locked = rows.select_related("campaign__site").filter(pk=pk).first()
        # Read again behind the lock: another person may have taken the last seat since the list was read.
        if locked is None or must_practise(locked.campaign, by_user, purpose):
            return None
        if not Question.objects.waiting_for(by_user, purpose).filter(pk=pk).exists():
            return None
        try:
            _take(locked, by_user, purpose)
        except WrongStateError:
            return None
        return locked


def has_seat(question: Question, *, by_user: User, purpose: str) -> bool:
    """Whether the person holds a seat at the question now."""
    rows = Lease.objects.standing().filter(question=question, purpose=purpose, round=question.round)
    return rows.filter(user=by_user).exists()


def release(question: Question, *, by_user: User, purpose: str) -> None:
    """Give one's own seat back to the pool; the draft stays."""
    Lease.objects.filter(
        question=question, user=by_user, purpose=purpose, round=question.round, expires_at__isnull=False
    ).delete()


def keep(lease: Lease) -> None:
    """Make a seat permanent: a named assignment, or work that is done."""
    Lease.objects.filter(pk=lease.pk).update(expires_at=None)
    lease.expires_at = None


def lift_skips(question: Question, user: User, purpose: str, *, by_user: User) -> None:
    """A person who skipped a question gets it back."""
    Skip.objects.filter(
        question=question, by_user=user, purpose=purpose, round=question.round, lifted_at__isnull=True
    ).update(lifted_at=timezone.now(), lifted_by=by_user)
