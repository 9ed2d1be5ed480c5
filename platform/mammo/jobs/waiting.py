"""Who waits for what: a queued job's place, what it waits for, and about when it begins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mammo.accounts.models import User
from mammo.jobs.models import ACTIVE, Job, JobState

# Ended jobs of a kind by which the length of the next one is guessed.
LOOKED_BACK = 20


@dataclass(frozen=True)
class Wait:
    """What a queued job waits for.

    Attributes:
        ahead: jobs of its queue that have waited longer.
        behind: titles of the jobs at work before it that the reader may see.
        hidden: how many more there are.
        begins_in: seconds until it begins, at the pace of the past; None where that can't be told.
    """

    ahead: int
    gpus: int
    behind: tuple[str, ...]
    hidden: int
    begins_in: float | None

    def __str__(self) -> str:
        parts = []
        if self.ahead:
            parts.append(
                ngettext("behind %(n)s waiting job", "behind %(n)s waiting jobs", self.ahead)
                % {"n": self.ahead}
            )
        names = [_("“%(title)s”") % {"title": title} for title in self.behind]
        if self.hidden:
            names.append(ngettext("%(n)s other job", "%(n)s other jobs", self.hidden) % {"n": self.hidden})
        if names and self.gpus:
            text = ngettext(
                "waits for %(n)s GPU beside %(names)s", "waits for %(n)s GPUs beside %(names)s", self.gpus
            )
            parts.append(text % {"n": self.gpus, "names": ", ".join(names)})
        elif names:
            parts.append(_("waits for %(names)s") % {"names": ", ".join(names)})
        if not parts:
            parts.append(_("next"))
        if self.begins_in is not None:
            minutes = round(self.begins_in / 60)
            begins = ngettext("begins in about %(n)s minute", "begins in about %(n)s minutes", minutes) % {
                "n": minutes
            }
            parts.append(begins if minutes else _("begins within a minute"))
        return " · ".join(parts)


def waits_of(jobs: Iterable[Job], *, user: User, now: datetime) -> dict[str, Wait]:
    """What each queued one of `jobs` waits for, by its id; titles of jobs that `user` may not see stay hidden."""
    shown = [job for job in jobs if job.state == JobState.QUEUED]
    if not shown:
        return {}
    unfinished = list(Job.objects.unfinished().order_by("created_at"))
    visible = set(
        Job.objects.visible_to(user)
        .filter(pk__in=[job.pk for job in unfinished])
        .values_list("pk", flat=True)
    )
    lengths = _usual_lengths({job.kind for job in unfinished})
    return {str(job.pk): _wait(job, unfinished, visible, lengths, now) for job in shown}


def outlook_of(job: Job, *, user: User, now: datetime) -> str:
    """What a queued job waits for, or about how long a running one still takes; "" where neither can be told."""
    wait = waits_of([job], user=user, now=now).get(str(job.pk))
    if wait is not None:
        return str(wait)
    left = job.seconds_left(now)
    if left is None:
        return ""
    if left < 60:
        return _("less than a minute left")
    minutes = round(left / 60)
    text = ngettext("about %(minutes)s minute left", "about %(minutes)s minutes left", minutes)
    return text % {"minutes": minutes}


def _wait(
    job: Job, unfinished: Sequence[Job], visible: set[UUID], lengths: dict[str, float | None], now: datetime
) -> Wait:
    same = [other for other in unfinished if other.queue == job.queue and other.pk != job.pk]
    running = [other for other in same if other.state in ACTIVE]
    ahead = [other for other in same if other.state == JobState.QUEUED and other.created_at < job.created_at]
    told = tuple(other.said_title or other.kind_label for other in running if other.pk in visible)
    left = [_left(other, lengths, now) for other in running] + [lengths[other.kind] for other in ahead]
    known = [seconds for seconds in left if seconds is not None]
    begins_in = sum(known) / max(len(running), 1) if len(known) == len(left) and left else None
    return Wait(len(ahead), job.gpus, told, len(running) - len(told), begins_in)


def _left(job: Job, lengths: dict[str, float | None], now: datetime) -> float | None:
    """What is left of a job at work: by its own progress, else by how long its kind usually takes."""
    by_progress = job.seconds_left(now)
    usual = lengths[job.kind]
    if by_progress is not None or usual is None or job.started_at is None:
        return by_progress
    return max(usual - (now - job.started_at).total_seconds(), 0.0)


def _usual_lengths(kinds: set[str]) -> dict[str, float | None]:
    """Median seconds of the last jobs of each kind that succeeded; None for a kind without any."""
    found: dict[str, float | None] = {}
    for kind in kinds:
        ended = Job.objects.filter(kind=kind, state=JobState.SUCCEEDED, started_at__isnull=False)
        times = ended.order_by("-finished_at").values_list("started_at", "finished_at")[:LOOKED_BACK]
        seconds = [(end - start).total_seconds() for start, end in times if start and end]
        found[kind] = median(seconds) if seconds else None
    return found
