"""How far a campaign is: by stage, by day, by person, and what is stuck."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from annotation.models import Campaign, Correction, Flag, Lease, Pick, Question, Skip
from mammo.accounts.models import User
from mammo.jobs.models import Job

STUCK_AFTER = timedelta(days=7)
PROPOSING = "annotation.propose"


@dataclass(frozen=True)
class DayCount:
    """Questions that were corrected and picked on one day."""

    day: date
    corrected: int
    picked: int


@dataclass(frozen=True)
class PersonCount:
    """What one person did in a campaign."""

    user: User
    corrected: int
    picked: int
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
    """What each member did; for a rater's own eyes give `only`."""
    people = User.objects.filter(pk__in=campaign.members.values("user")).order_by("username")
    if only is not None:
        people = people.filter(pk=only.pk)
    return [_of_person(campaign, person) for person in people]


def _of_person(campaign: Campaign, person: User) -> PersonCount:
    corrections = Correction.objects.filter(proposal__question__campaign=campaign, by_user=person)
    picks = Pick.objects.filter(question__campaign=campaign, by_user=person)
    corrected = corrections.aggregate(
        n=Count("proposal__question", distinct=True), seconds=Sum("active_seconds")
    )
    picked = picks.aggregate(n=Count("question", distinct=True), seconds=Sum("active_seconds"))
    seconds = float(corrected["seconds"] or 0) + float(picked["seconds"] or 0)
    done = corrected["n"] + picked["n"]
    held = Lease.objects.standing().filter(question__campaign=campaign, user=person)
    finished = ("picked", "withdrawn")
    return PersonCount(
        user=person,
        corrected=corrected["n"],
        picked=picked["n"],
        held=held.exclude(question__stage__in=finished).exclude(question__in=_done_by(person)).count(),
        skipped=Skip.objects.filter(
            question__campaign=campaign, by_user=person, lifted_at__isnull=True
        ).count(),
        minutes=round(seconds / 60, 1),
        seconds_each=round(seconds / done, 1) if done else None,
    )


def _done_by(person: User) -> Any:
    corrected = Q(proposals__corrections__by_user=person)
    return Question.objects.filter(corrected | Q(picks__by_user=person)).values("pk")


@dataclass(frozen=True)
class Stuck:
    """A question that does not move, and why."""

    question: Question
    reasons: tuple[str, ...]
    since: Any


def stuck(campaign: Campaign, *, most: int = 100) -> list[Stuck]:
    """Questions that nobody will finish by themselves: skipped, flagged, returned often, or long untouched.

    Reasons: skipped, flagged, returned (three rounds or more), unanswered (the proposer was asked and gave no
    answer: it refused, or the question is too long for it), no_proposals, waiting (7 days untouched).
    """
    rows = Question.objects.filter(campaign=campaign).exclude(stage__in=("picked", "withdrawn"))
    skipped = Skip.objects.filter(question=OuterRef("pk"), round=OuterRef("round"), lifted_at__isnull=True)
    flagged = Flag.objects.filter(question=OuterRef("pk"), settled_at__isnull=True)
    before = timezone.now() - STUCK_AFTER
    rows = rows.annotate(is_skipped=Exists(skipped), is_flagged=Exists(flagged))
    unanswered = _unanswered(campaign)
    doubtful = (
        Q(stage="new", pk__in=unanswered)
        | Q(is_skipped=True)
        | Q(is_flagged=True)
        | Q(round__gte=3)
        | Q(updated_at__lt=before)
    )
    found = []
    for question in rows.filter(doubtful).select_related("campaign").order_by("updated_at")[:most]:
        tests = {
            "skipped": getattr(question, "is_skipped", False),
            "flagged": getattr(question, "is_flagged", False),
            "returned": question.round >= 3,
            "unanswered": question.stage == Question.Stage.NEW and str(question.pk) in unanswered,
            "no_proposals": question.stage == Question.Stage.NEW and question.updated_at < before,
            "waiting": question.stage != Question.Stage.NEW and question.updated_at < before,
        }
        reasons = tuple(name for name, holds in tests.items() if holds)
        found.append(Stuck(question, reasons, question.updated_at))
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
    """A person's hours and cases, by day, campaign and kind of work; oldest first."""
    found: dict[tuple[date, str, str], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    sources = (
        ("correct", Correction.objects.filter(by_user=user), "proposal__question"),
        ("pick", Pick.objects.filter(by_user=user), "question"),
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
    times = [rows.aggregate(last=Max("created_at"))["last"] for rows in (corrected, picked)]
    return max((time for time in times if time is not None), default=None)
