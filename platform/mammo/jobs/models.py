"""The Job row is the truth about every long piece of work; a Celery message is only a doorbell."""

from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Site, User
from mammo.core.models import TimedModel

LEASE = timedelta(seconds=90)
HEARTBEAT = timedelta(seconds=10)
RING_AGAIN_AFTER = timedelta(seconds=30)


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
        """Jobs of the sites where the account is researcher, data manager or admin."""
        sites = user.sites_as("researcher", "data_manager", "admin")
        return self.filter(Q(site__in=sites) | Q(by_user=user))

    def unfinished(self) -> "JobQuerySet":
        """Queued or being worked on."""
        return self.exclude(state__in=ENDED)


class Job(TimedModel):
    """One piece of work: a module run by name in a child process with a request file."""

    kind = models.CharField(max_length=60)
    queue = models.CharField(max_length=10, choices=[("cpu", "cpu"), ("gpu", "gpu")], default="cpu")
    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="+")
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    about_type = models.CharField(max_length=60, blank=True, help_text="label of the model it works for")
    about_id = models.CharField(max_length=64, blank=True)
    title = models.CharField(max_length=200, blank=True)
    parameters = models.JSONField(default=dict)
    gpus = models.PositiveSmallIntegerField(default=0)

    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    attempt = models.PositiveIntegerField(default=0, help_text="fencing token: every write of a worker carries it")
    failed_attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    worker = models.CharField(max_length=120, blank=True)
    child_pid = models.PositiveIntegerField(null=True)
    lease_until = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True, help_text="when the doorbell was last sent")
    cancel_requested_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    progress = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    idempotency_key = models.UUIDField(null=True)
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Job"]] = JobQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["by_user", "idempotency_key"], name="job_once_per_key"),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.CheckConstraint(
                condition=~Q(state__in=["running", "ingesting"]) | Q(lease_until__isnull=False), name="job_active_has_lease"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"], name="job_state_lease"),
            models.Index(fields=["about_type", "about_id"], name="job_about"),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.kind} {self.pk}"

    @property
    def folder(self) -> Path:
        """Working folder of the job: request, answer, log, and whatever its child writes."""
        return Path(settings.MAMMO_HOME) / "jobs" / str(self.pk)
