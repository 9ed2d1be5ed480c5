"""Giving questions to named people: one, many at once in equal parts, from one person to another."""

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import Campaign, Lease, NewsKind, Purpose, Question
from annotation.querysets import STAGE_FOR, LeaseQuerySet
from annotation.services import leases, stages
from annotation.services.access import require_member, require_not_own, require_researcher
from annotation.services.news import tell
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError


def assign(question: Question, user: User, purpose: str, *, by_user: User) -> Lease:
    """Give a question to a named person; the assignment does not expire. A skip of theirs is lifted.

    Raises:
        NotAllowedError: `by_user` is no researcher of the site, or `user` may not do this work.
        WrongStateError: all seats are taken, or the campaign is closed.
    """
    require_researcher(question.campaign.site, by_user)
    with transaction.atomic():
        question = stages.locked(question)
        if purpose != Purpose.CORRECT:
            require_not_own(question, user)
        lease = leases.hold(question, by_user=user, purpose=purpose, is_assigned=True)
        leases.keep(lease)
        leases.lift_skips(question, user, purpose, by_user=by_user)
        tell([user], NewsKind.ASSIGNED, question=question, by_user=by_user)
        audit.record(
            "annotation.assigned",
            by_user=by_user,
            on=question,
            site=question.campaign.site,
            user=str(user.pk),
            purpose=purpose,
        )
    return lease


def reassign(question: Question, from_user: User, to_user: User, purpose: str, *, by_user: User) -> Lease:
    """Move a seat from one person to another. The first one's draft stays theirs, and is not lost.

    Raises:
        NotAllowedError: `by_user` is no researcher of the site, or `to_user` may not do this work.
        WrongStateError: `from_user` holds no seat, or has done the work already.
    """
    require_researcher(question.campaign.site, by_user)
    with transaction.atomic():
        question = stages.locked(question)
        if Question.objects.filter(pk=question.pk).done_by(from_user, purpose).exists():
            raise WrongStateError(_("This work is done: it can't be given to somebody else."))
        rows = Lease.objects.filter(question=question, purpose=purpose, round=question.round)
        if not rows.filter(user=from_user).delete()[0]:
            raise WrongStateError(_("This person does not hold the question."))
        audit.record(
            "annotation.unassigned",
            by_user=by_user,
            on=question,
            site=question.campaign.site,
            user=str(from_user.pk),
            purpose=purpose,
        )
        return assign(question, to_user, purpose, by_user=by_user)


def unassign(question: Question, user: User, purpose: str, *, by_user: User) -> None:
    """Take a seat back: the question is free again, the draft stays.

    Raises:
        WrongStateError: the person holds no seat, or has done the work already.
    """
    require_researcher(question.campaign.site, by_user)
    with transaction.atomic():
        question = stages.locked(question)
        if Question.objects.filter(pk=question.pk).done_by(user, purpose).exists():
            raise WrongStateError(_("This work is done: it can't be given to somebody else."))
        rows = Lease.objects.filter(question=question, purpose=purpose, round=question.round, user=user)
        if not rows.delete()[0]:
            raise WrongStateError(_("This person does not hold the question."))
        audit.record(
            "annotation.unassigned",
            by_user=by_user,
            on=question,
            site=question.campaign.site,
            user=str(user.pk),
            purpose=purpose,
        )


def change_holder(
    question: Question, *, to: User | None, come_from: User | None, purpose: str, by_user: User
) -> None:
    """Assign a question to a person, take it back, or move it from one to another.

    Whoever works on the campaign is refused in the same words whatever the reason: it would tell them who corrected.

    Raises:
        UserError: nobody is named.
        As `assign`, `unassign` and `reassign`.
    """
    require_researcher(question.campaign.site, by_user)
    if to is None and come_from is None:
        raise UserError(_("to: choose a person"))
    if Campaign.objects.read_in_full_by(by_user).filter(pk=question.campaign_id).exists():
        _change(question, to, come_from, purpose, by_user)
        return
    neutral = WrongStateError(_("This seat can't be given or taken back now."))
    # One's own seat once more would be granted to whoever has done the work.
    if to is not None and Question.objects.filter(pk=question.pk).done_by(to, purpose).exists():
        raise neutral
    try:
        _change(question, to, come_from, purpose, by_user)
    except (NotAllowedError, WrongStateError):
        raise neutral from None


def _change(question: Question, to: User | None, come_from: User | None, purpose: str, by_user: User) -> None:
    if come_from is not None and to is not None:
        reassign(question, come_from, to, purpose, by_user=by_user)
    elif to is not None:
        assign(question, to, purpose, by_user=by_user)
    elif come_from is not None:
        unassign(question, come_from, purpose, by_user=by_user)


def seats_known_to(question: Question, user: User) -> LeaseQuerySet:
    """The seats of the question's present round; without those of finished work for who works on the campaign."""
    rows = Lease.objects.filter(question=question, round=question.round)
    reads_in_full = Campaign.objects.read_in_full_by(user).filter(pk=question.campaign_id).exists()
    return rows if reads_in_full else rows.unsettled()


def share_out(
    campaign: Campaign,
    people: Sequence[User],
    purpose: str,
    *,
    by_user: User,
    questions: Iterable[Question] | None = None,
    most: int | None = None,
) -> dict[str, int]:
    """Assign what nobody holds yet to `people` in equal parts, in the order of the questions.

    Args:
        questions: which ones; all that wait for this purpose when not given.
        most: how many questions at most; those that others hold already do not count.

    Returns:
        How many questions each person got, by user name.

    Raises:
        UserError: no person is named.
        NotAllowedError: one of them does not do this work in the campaign (nothing is assigned then).
    """
    require_researcher(campaign.site, by_user)
    if not people:
        raise UserError(_("people: empty; name at least one person"))
    for person in people:
        require_member(campaign, person, purpose)
    given = {person.username: 0 for person in people}
    with transaction.atomic():
        rows = Question.objects.filter(campaign=campaign, stage=STAGE_FOR[purpose]).order_by("position")
        if questions is not None:
            rows = rows.filter(pk__in=[question.pk for question in questions])
        shared = 0
        for question in rows.select_related("campaign__site").iterator():
            if most is not None and shared >= most:
                break
            shared += _fill_seats(question, people, purpose, given, by_user)
    return given


def _fill_seats(
    question: Question, people: Sequence[User], purpose: str, given: dict[str, int], by_user: User
) -> bool:
    """Free seats go to those who have the fewest so far; whether there was one."""
    before = sum(given.values())
    for person in sorted(people, key=lambda one: given[one.username]):
        try:
            with transaction.atomic():
                held = Lease.objects.standing().filter(
                    question=question, purpose=purpose, round=question.round, user=person
                )
                if held.exists():
                    continue
                assign(question, person, purpose, by_user=by_user)
        except NotAllowedError:
            continue  # another pool, or a senior who corrected this question
        except WrongStateError:
            break  # all seats are taken
        given[person.username] += 1
    return sum(given.values()) > before
