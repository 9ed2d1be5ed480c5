"""Notifications: a line of news on a page; by e-mail or in-house webhook only where that is switched on."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils import timezone

from annotation.models import Campaign, Notification, Question
from mammo.accounts.models import Membership, User
from mammo.jobs import endings


def tell(
    people: Iterable[User],
    kind: str,
    *,
    by_user: User | None = None,
    question: Question | None = None,
    campaign: Campaign | None = None,
) -> None:
    """Store one line of news for each person but the one who caused it; the same unread line once only."""
    about = campaign or (question.campaign if question is not None else None)
    wanted = {person.pk: person for person in people if by_user is None or person.pk != by_user.pk}
    known = Notification.objects.filter(
        user__in=wanted, kind=kind, question=question, campaign=about, read_at__isnull=True
    )
    told = set(known.values_list("user", flat=True))
    Notification.objects.bulk_create(
        Notification(user=person, kind=kind, question=question, campaign=about)
        for pk, person in wanted.items()
        if pk not in told
    )


def researchers_of(campaign: Campaign) -> QuerySet[User]:
    """Researchers of the campaign's site."""
    held = Membership.objects.filter(site=campaign.site, role="researcher")
    return User.objects.filter(pk__in=held.values("user"), is_active=True)


def members_of(campaign: Campaign, purpose: str, *, pool: str = "") -> QuerySet[User]:
    """People who may do this work in the campaign; where a pool is named, those in it alone."""
    rows = campaign.members.filter(purpose=purpose)
    if pool:
        rows = rows.filter(pool=pool)
    return User.objects.filter(pk__in=rows.values("user"), is_active=True)


def people_in(campaign: Campaign) -> QuerySet[User]:
    """Everybody who works on the campaign."""
    return User.objects.filter(pk__in=campaign.members.values("user"), is_active=True)


def mark_read(*, by_user: User) -> int:
    """All of a person's news are read, ends of their jobs too; returns how many were not."""
    ended = endings.mark_seen(by_user=by_user)
    return ended + Notification.objects.unread(by_user).update(read_at=timezone.now())
