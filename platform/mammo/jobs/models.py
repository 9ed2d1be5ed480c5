"""The Job row is the truth about every long piece of work; a Celery message is only a doorbell."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Role, Site, User
from mammo.core.models import TimedModel

# Who sees the jobs of a site, steers them and reads their logs (which may hold patients' texts).
JOB_ROLES = (Role.RESEARCHER, Role.DATA_MANAGER, Role.ADMIN)
# Jobs of the archive read what was sent, before cleaning: their logs are for those who may see that.
ARCHIVE_KINDS = "archive."


class JobState(models.TextChoices):
    """States of a job; `TRANSITIONS` lists the legal moves."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    INGESTING = "ingesting", _("Storing results")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


TRANSITIONS: dict[str, frozenset[str]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    # Back to queued: the lease lapsed (worker killed) or the child was stopped on request of the machine.
    JobState.RUNNING: frozenset({JobState.INGESTING, JobState.QUEUED, JobState.FAILED, JobState.CANCELLED}),
    JobState.INGESTING: frozenset({JobState.SUCCEEDED, JobState.QUEUED, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),  # a person asks for another try
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}
ACTIVE = (JobState.RUNNING, JobState.INGESTING)
ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class JobQuerySet(models.QuerySet["Job"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "JobQuerySet":
        """Those of sites where the account is researcher, data manager or admin; one's own where one has a role still.

        Jobs of no site are seen by who submitted them and by administrators.
        """
        seen = Q(site__in=user.sites_as(*JOB_ROLES))
        seen |= Q(by_user=user, site__in=user.sites_as()) | Q(by_user=user, site__isnull=True)
        if user.has_role(Role.ADMIN):
            seen |= Q(site__isnull=True)
        return self.filter(seen)

    def unfinished(self) -> "JobQuerySet":
        """Queued or being worked on."""
        return self.exclude(state__in=ENDED)

    def in_states(self, *states: str) -> "JobQuerySet":
        """Jobs in one of `states`; all where none is named."""
        return self.filter(state__in=states) if states else self

    def failed_lately(self, now: datetime) -> "JobQuerySet":
        """Failed in the last two weeks, and nobody has asked for another try."""
        return self.filter(state=JobState.FAILED, finished_at__gt=now - timedelta(days=14))

    def lapsed(self, now: datetime) -> "JobQuerySet":
        """Being worked on by a worker that has been silent for longer than its lease."""
        return self.filter(state__in=ACTIVE, lease_until__lt=now)

    def about(self, row: models.Model) -> "JobQuerySet":
        """Jobs that work for this row."""
        return self.filter(about_type=row._meta.label_lower, about_id=str(row.pk))


class Job(TimedModel):
    """One piece of work: a module run by name in a child process with a request file."""

    kind = models.CharField(max_length=60)
    queue = models.CharField(max_length=10, choices=[("cpu", "cpu"), ("gpu", "gpu")], default="cpu")
    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="+")
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    about_type = models.CharField(max_length=60, blank=True, help_text="label of the model it works for")
    about_id = models.CharField(max_length=64, blank=True)
    title = models.CharField(max_length=200, blank=True, help_text="in English; said_title is the reader's")
    title_parts = models.JSONField(default=dict, help_text="text to translate, and its values")
    parameters = models.JSONField(default=dict, help_text="ids and settings; never a patient's text")
    gpus = models.PositiveSmallIntegerField(default=0)

    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    attempt = models.PositiveIntegerField(default=0, help_text="fencing token of every write of a worker")
    failed_attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    worker = models.CharField(max_length=120, blank=True)
    child_pid = models.PositiveIntegerField(null=True)
    lease_until = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True, help_text="when the doorbell was last sent")
    rings = models.PositiveIntegerField(default=0, help_text="doorbells sent since it was queued")
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    progress = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    idempotency_key = models.UUIDField(null=True)
    is_simulated = models.BooleanField(default=False)
    key_id = models.UUIDField(null=True, editable=False, help_text="key of the log of a job of no site")

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["by_user", "idempotency_key"], name="job_once_per_key"),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.CheckConstraint(
                condition=~Q(state__in=["running", "ingesting"]) | Q(lease_until__isnull=False),
                name="job_active_has_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["succeeded", "failed", "cancelled"], finished_at__isnull=False)
                | Q(state__in=["queued", "running", "ingesting"], finished_at__isnull=True),
                name="job_ended_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"], name="job_state_lease"),
            models.Index(fields=["state", "rung_at"], name="job_state_rung"),
            models.Index(fields=["about_type", "about_id"], name="job_about"),
        ]

    def __str__(self) -> str:
        return self.said_title or f"{self.kind} {self.pk}"

    @property
    def said_title(self) -> str:
        """The title in the language of whoever reads it."""
        if not self.title_parts:
            return self.title
        text, values = self.title_parts["text"], self.title_parts["values"]
        labels = {name: gettext(label) for name, label in self.title_parts["labels"].items()}
        return gettext(text) % {**values, **labels}

    @property
    def folder(self) -> Path:
        """Working folder of the job: request, answer, log, and whatever its child writes."""
        return Path(settings.MAMMO_HOME) / "jobs" / str(self.pk)

    @property
    def is_ended(self) -> bool:
        """No worker will touch it again unless a person asks for another try."""
        return self.state in ENDED

    @property
    def is_stopping(self) -> bool:
        """Cancelled by a person, and its worker has not stopped yet."""
        return self.cancel_requested_at is not None and not self.is_ended

    @property
    def percent(self) -> int | None:
        """Progress in per cent; None while the child has not told how much there is to do."""
        done, total = self.progress.get("done"), self.progress.get("total")
        if not isinstance(done, int | float) or not isinstance(total, int | float) or total <= 0:
            return None
        return max(0, min(100, int(100 * done / total)))

    @property
    def is_starting(self) -> bool:
        """It runs, and its child has not said a word yet."""
        if self.state != JobState.RUNNING or self.is_stopping or self.progress.get("message"):
            return False
        return self.percent is None and not self.progress.get("done")

    def seconds_left(self, now: datetime) -> float | None:
        """What is left at the pace of this attempt's phase; None before a tenth of what it found is done."""
        if self.state != JobState.RUNNING or self.started_at is None or self.percent is None:
            return None
        began = self.progress.get("began") or {}  # none before its first word was kept
        start = datetime.fromisoformat(began["at"]) if began else self.started_at
        done, total, before = self.progress["done"], self.progress["total"], began.get("done") or 0
        if done <= before or done - before < (total - before) / 10:
            return None
        taken = (now - start).total_seconds()
        return max(0.0, float(taken * (total - done) / (done - before)))

    def log_is_readable_by(self, user: User) -> bool:
        """Whether the account may read the log, which may hold patients' texts of the job's site."""
        reads_uncleaned = self.kind.startswith(ARCHIVE_KINDS)
        roles = (Role.DATA_MANAGER,) if reads_uncleaned else JOB_ROLES
        if self.site is not None:
            return user.has_role(*roles, site=self.site)
        own = self.by_user_id == user.pk and user.has_role(*roles)
        return own or (not reads_uncleaned and user.has_role(Role.ADMIN))

    @property
    def kind_label(self) -> str:
        """The kind in words, as its app registered it."""
        from mammo.jobs.kinds import label_of

        return label_of(self.kind)

    def said(self, figures: dict[str, Any]) -> dict[str, str | int | float]:
        """Figures of its progress or result by the names its app gave them; what is not a single value is left out."""
        from mammo.jobs.kinds import names_of

        names = names_of(self.kind)
        return {
            str(names.get(key, key)): value
            for key, value in figures.items()
            if isinstance(value, str | int | float)
        }

    @property
    def came_of_it(self) -> list[tuple[str, int | float]]:
        """Figures of the result that its app has a name for: what came of an ended job, in a few words."""
        from mammo.jobs.kinds import names_of

        return [
            (str(name), self.result[key])
            for key, name in names_of(self.kind).items()
            if isinstance(self.result.get(key), int | float) and not isinstance(self.result[key], bool)
        ]

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the log: the site's, or one of its own for a job of no site."""
        key_id = self.site.key_id if self.site is not None else self.key_id
        if key_id is None:
            raise RuntimeError(f"job {self.pk} has neither a site nor a key")
        return key_id


class EndingQuerySet(models.QuerySet["Ending"]):
    """Queries named as the domain says them."""

    def unseen_by(self, user: User) -> "EndingQuerySet":
        """Ends of the person's own jobs that they have not looked at, newest first."""
        return self.filter(job__by_user=user, seen_at__isnull=True).order_by("-created_at")

    def unsent(self, *stamps: str) -> "EndingQuerySet":
        """Not seen by who asked, who may still sign in, and not sent by one of these ways, oldest first.

        Args:
            stamps: the ways by the fields that they set: sent_at (e-mail), posted_at (webhook).
        """
        lacking = Q(*((f"{stamp}__isnull", True) for stamp in stamps), _connector=Q.OR)
        return self.filter(lacking, seen_at__isnull=True, job__by_user__is_active=True).order_by("created_at")


class Ending(TimedModel):
    """That a job has ended, for the person who asked for it; gone when the job is queued again."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="ending")
    seen_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True, help_text="by e-mail, where that is switched on")
    posted_at = models.DateTimeField(null=True, help_text="by webhook, where that is switched on")

    objects = EndingQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["seen_at", "sent_at"], name="ending_unseen")]

    def __str__(self) -> str:
        return f"end of {self.job_id}"


class GpuHold(models.Model):
    """A GPU of a host that belongs to one running job: the row is the lock, and goes when the attempt ends."""

    host = models.CharField(max_length=120)
    device = models.CharField(max_length=60, help_text="as CUDA_VISIBLE_DEVICES names it")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="gpu_holds")
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "device"], name="gpu_held_once")]
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.host} GPU {self.device}"


class Beat(models.Model):
    """When a part of the machinery (the reaper) was last alive."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()
    details = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
