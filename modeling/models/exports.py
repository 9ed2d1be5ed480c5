"""Weights that leave the platform: one person asks with a reason, another decides."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mammo.accounts.models import User
from mammo.core.models import TimedModel
from mammo.jobs.models import Job
from modeling.models.training import Checkpoint


class CheckpointExportQuerySet(models.QuerySet["CheckpointExport"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "CheckpointExportQuerySet":
        """Exports of the sites where the account asks or decides."""
        return self.filter(checkpoint__run__site__in=user.sites_as("researcher", "data_manager", "admin"))


class CheckpointExport(TimedModel):
    """The wish to hand a checkpoint's weights on, what the memorisation test found, and the decision."""

    class State(models.TextChoices):
        """Life of an export."""

        ASKED = "asked", _("Waits for approval")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", pgettext_lazy("decision", "Refused")

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="exports")
    recipient = models.CharField(max_length=200, help_text="who gets the weights")
    reason = models.CharField(max_length=500)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    is_test_needed = models.BooleanField(default=True, help_text="weights that write text are tested first")
    test_job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    test = models.JSONField(default=dict, help_text="prompts, planted, emitted, passed")

    objects = CheckpointExportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="asked", decided_by__isnull=True)
                | (models.Q(decided_by__isnull=False) & ~models.Q(decided_by=models.F("asked_by"))),
                name="checkpoint_export_second_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.checkpoint} for {self.recipient}"

    @property
    def has_passed(self) -> bool:
        """Whether no memorisation test is needed, or none of the planted strings came out."""
        return not self.is_test_needed or bool(self.test.get("passed"))
