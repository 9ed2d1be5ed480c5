"""How far a campaign is: by stage, by day, by person, and what is stuck."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, TruncDate
from django.utils import timezone

from annotation.models import (
    Campaign,
    CampaignMember,
    Correction,
    Draft,
    Flag,
    Lease,
    Pick,
    Purpose,
    Question,
    Return,
    Skip,
)
from annotation.querysets import ROLE_FOR, STAGE_FOR
from annotation.services.campaigns import PROPOSING
from mammo.accounts.models import Membership, User
from mammo.jobs.models import Job

STUCK_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class DayCount:
    """Questions that were corrected and picked on one day."""

    day: date
    corrected: int
    picked: int


@dataclass(frozen=True)
class PersonCount:
    """What one person did in a campaign: questions, those held now, seconds at work for each (None: none settled)."""

    user: User
    corrected: int
    picked: int
    returned: int
    held: int
    skipped: int
    minutes: float
    seconds_each: float | None


def by_stage(campaign: Campaign) -> dict[str, int]:
    """Questions at each stage, all stages named, practice left out."""
    rows = Question.objects.filter(campaign=campaign, is_practice=False).order_by()
    found = dict(rows.values_list("stage").annotate(n=Count("pk")))
    return {stage: found.get(stage, 0) for stage in Question.Stage.values}


def by_day(campaign: Campaign, *, days: int = 30) -> list[DayCount]:
    """Questions settled on each of the last `days` days, empty days too, oldest first."""
    today = timezone.localdate()
    first = today - timedelta(days=days - 1)
    corrected = _daily(
        Correction.objects.filter(proposal__question__campaign=campaign), "proposal__question", first
    )
    picked = _daily(Pick.objects.filter(question__campaign=campaign), "question", first)
    spread = (first + timedelta(days=number) for number in range(days))
    return [DayCount(day, corrected[day], picked[day]) for day in spread]


def _daily(rows: Any, question: str, first: date) -> Counter[date]:
    counted = (
        rows.annotate(day=TruncDate("created_at"))
        .filter(day__gte=first)
        .order_by()
        .values_list("day")
        .annotate(n=Count(question, distinct=True))
    )
    return Counter(dict(counted))


def by_person(campaign: Campaign, *, only: User | None = None) -> list[PersonCount]:
    """What each member did, and whoever worked here and was taken out since; for a rater's own eyes give `only`."""
    corrections = Correction.objects.filter(proposal__question__campaign=campaign)
    picks = Pick.objects.filter(question__campaign=campaign)
    returns = Return.objects.filter(question__campaign=campaign)
    people = User.objects.filter(
        Q(pk__in=campaign.members.values("user"))
        | Q(pk__in=corrections.values("by_user"))
        | Q(pk__in=picks.values("by_user"))
        | Q(pk__in=returns.values("by_user"))
    )
    if only is not None:
        people = people.filter(pk=only.pk)
    return [_of_person(campaign, person) for person in people.order_by("username")]


def _of_person(campaign: Campaign, person: User) -> PersonCount:
    corrections = Correction.objects.filter(proposal__question__campaign=campaign, by_user=person)
    picks = Pick.objects.filter(question__campaign=campaign, by_user=person)
    returns = Return.objects.filter(question__campaign=campaign, by_user=person)
    corrected, picked, returned = (
        rows.aggregate(n=Count(question, distinct=True), seconds=Sum("active_seconds"))
        for rows, question in (
            (corrections, "proposal__question"),
            (picks, "question"),
            (returns, "question"),
        )
    )
    seconds = sum(float(found["seconds"] or 0) for found in (corrected, picked, returned))
    done = corrected["n"] + picked["n"] + returned["n"]
    return PersonCount(
        user=person,
        corrected=corrected["n"],
        picked=picked["n"],
        returned=returned["n"],
        held=Lease.objects.at_work().filter(question__campaign=campaign, user=person).count(),
        skipped=Skip.objects.filter(
            question__campaign=campaign, by_user=person, lifted_at__isnull=True
        ).count(),
        minutes=round(seconds / 60, 1),
        seconds_each=round(seconds / done, 1) if done else None,
    )


@dataclass(frozen=True)
class Stuck:
    """A question that does not move, and why."""

    question: Question
    reasons: tuple[str, ...]
    since: Any


def stuck(campaign: Campaign, *, most: int = 100) -> list[Stuck]:
    """Questions that nobody will finish by themselves: those that need somebody first, those that only wait last.

    Reasons: skipped, flagged, returned (three rounds or more), unanswered (the proposer was asked and gave no
    answer: it refused, the question is too long for it, its budget was spent, or it broke off), no_people (its pool
    has nobody for the next work), holder_gone (held by name by somebody who is deactivated, lost the role, or is no
    more of the campaign or the question's pool), no_proposals, waiting (7 days untouched).
    """
    unanswered, before = _unanswered(campaign), timezone.now() - STUCK_AFTER
    rows = (
        _stuck_rows(campaign, unanswered).select_related("campaign").order_by("-needs_somebody", "touched_at")  # type: ignore[misc]
    )
    found = []
    for question in rows[:most]:
        touched_at = getattr(question, "touched_at", question.updated_at)
        tests = {
            "skipped": getattr(question, "is_skipped", False),
            "flagged": getattr(question, "is_flagged", False),
            "returned": question.round >= 3,
            "unanswered": question.stage == Question.Stage.NEW and str(question.pk) in unanswered,
            "no_people": getattr(question, "is_deserted", False),
            "holder_gone": getattr(question, "is_left_behind", False),
            "no_proposals": question.stage == Question.Stage.NEW and touched_at < before,
            "waiting": question.stage != Question.Stage.NEW and touched_at < before,
        }
        reasons = tuple(name for name, holds in tests.items() if holds)
        found.append(Stuck(question, reasons, touched_at))
    return found


def count_stuck(campaign: Campaign) -> int:
    """How many questions `stuck` would name without a limit."""
    return _stuck_rows(campaign, _unanswered(campaign)).count()


def _stuck_rows(campaign: Campaign, unanswered: set[str]) -> QuerySet[Question]:
    """With the reasons that the database knows, and `needs_somebody`: any but that it was left untouched."""
    skipped = Skip.objects.filter(question=OuterRef("pk"), round=OuterRef("round"), lifted_at__isnull=True)
    flagged = Flag.objects.filter(question=OuterRef("pk"), settled_at__isnull=True)
    rows = Question.objects.filter(campaign=campaign).exclude(stage__in=("picked", "withdrawn"))
    rows = rows.annotate(
        is_skipped=Exists(skipped),
        is_flagged=Exists(flagged),
        is_deserted=_holds(_waits_for_nobody(campaign)),
        is_left_behind=_holds(_held_by_who_is_gone(campaign)),
        touched_at=_touched(),
    )
    needing = (
        Q(stage="new", pk__in=unanswered)
        | Q(is_skipped=True)
        | Q(is_flagged=True)
        | Q(round__gte=3)
        | Q(is_deserted=True)
        | Q(is_left_behind=True)
    )
    rows = rows.annotate(needs_somebody=_holds(needing))
    return rows.filter(Q(needs_somebody=True) | Q(touched_at__lt=timezone.now() - STUCK_AFTER))


def _touched() -> Greatest:
    """When anybody last did anything to a question: moved it, typed, corrected or picked."""
    rows = (
        (Correction, "proposal__question", "created_at"),
        (Pick, "question", "created_at"),
        (Draft, "question", "updated_at"),
    )
    # Without an order of their own; a question without any counts by its own time.
    newest = [
        Coalesce(
            Subquery(model.objects.filter(**{about: OuterRef("pk")}).order_by(f"-{at}").values(at)[:1]),
            F("updated_at"),
        )
        for model, about, at in rows
    ]
    return Greatest(F("updated_at"), *newest)


def _holds(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _held_by_who_is_gone(campaign: Campaign) -> Q:
    """Questions whose named seat belongs to somebody who can't do the work, and has not done it in this round.

    Who can do it holds the role, is a member of the campaign for it, and of the question's pool where it has one.
    """
    found = Q(pk__in=[])
    for purpose, stage in STAGE_FOR.items():
        able = Membership.objects.filter(
            site=campaign.site, role=ROLE_FOR[purpose], user__is_active=True
        ).values("user")
        members = CampaignMember.objects.filter(campaign=campaign, purpose=purpose, user=OuterRef("user"))
        in_pool = Exists(members.filter(pool=OuterRef("question__pool")))
        belongs = in_pool | (Q(question__pool="") & Exists(members))
        seats = Lease.objects.filter(
            question=OuterRef("pk"), round=OuterRef("round"), purpose=purpose, expires_at__isnull=True
        )
        theirs = {"by_user": OuterRef("user"), "round": OuterRef("round")}
        done = (
            Correction.objects.filter(proposal__question=OuterRef("question"), **theirs)
            if purpose == Purpose.CORRECT
            else Pick.objects.filter(question=OuterRef("question"), **theirs)
        )
        gone = seats.filter(~Q(user__in=able) | ~belongs)
        found |= Q(stage=stage) & Q(Exists(gone.exclude(Exists(done))))
    return found


def _waits_for_nobody(campaign: Campaign) -> Q:
    """Questions of a pool in which nobody does what they wait for (or, before the proposals, will wait for)."""
    found = Q(pk__in=[])
    for purpose, stage in STAGE_FOR.items():
        pools = CampaignMember.objects.filter(campaign=campaign, purpose=purpose).values("pool")
        stages = (stage, Question.Stage.NEW) if purpose == Purpose.CORRECT else (stage,)
        found |= Q(stage__in=stages) & ~Q(pool="") & ~Q(pool__in=pools)
    return found


def _unanswered(campaign: Campaign) -> set[str]:
    """Questions to which a proposing job brought no answer."""
    results = Job.objects.filter(kind=PROPOSING, about_id=str(campaign.pk)).values_list("result", flat=True)
    return {question for result in results for question in result.get("unanswered", {})}


@dataclass(frozen=True)
class WorkDay:
    """One person's work of one day in one campaign: a row of their own hours file."""

    day: date
    campaign: str
    purpose: str
    cases: int
    minutes: float


def work_days(user: User) -> list[WorkDay]:
    """A person's hours and cases, by day, campaign and kind of work; oldest first. Practice does not count."""
    found: dict[tuple[date, str, str], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    sources = (
        ("correct", Correction.objects.filter(by_user=user), "proposal__question"),
        ("pick", Pick.objects.filter(by_user=user), "question"),
        ("return", Return.objects.filter(by_user=user), "question"),
    )
    for purpose, rows, question in sources:
        counted = (
            rows.annotate(day=TruncDate("created_at"))
            .order_by()
            .values_list("day", f"{question}__campaign__name")
            .annotate(n=Count(question, distinct=True), seconds=Sum("active_seconds"))
        )
        for day, campaign, cases, seconds in counted:
            found[(day, campaign, purpose)] = (cases, float(seconds or 0))
    return [
        WorkDay(day, campaign, purpose, cases, round(seconds / 60, 1))
        for (day, campaign, purpose), (cases, seconds) in sorted(found.items())
    ]


def last_activity(campaign: Campaign) -> Any:
    """When the last judgement came in; None before the first."""
    corrected = Correction.objects.filter(proposal__question__campaign=campaign)
    picked = Pick.objects.filter(question__campaign=campaign)
    returned = Return.objects.filter(question__campaign=campaign)
    times = [rows.aggregate(last=Max("created_at"))["last"] for rows in (corrected, picked, returned)]
    return max((time for time in times if time is not None), default=None)
