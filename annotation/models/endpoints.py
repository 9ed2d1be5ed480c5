"""Which endpoints may be sent patients' cleaned texts, and what was sent."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from annotation.models.questions import Question
from annotation.querysets import EndpointApprovalQuerySet
from mammo.accounts.models import Site, User
from mammo.core.models import AppendOnlyModel, TimedModel
from mammo.jobs.models import Job


class EndpointApproval(TimedModel):
    """One person asks that an endpoint be used, another approves; none is approved by default."""

    class State(models.TextChoices):
        """Life of an approval."""

        ASKED = "asked", _("Waits for approval")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")
        REVOKED = "revoked", _("Revoked")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="endpoint_approvals")
    host = models.CharField(max_length=255, help_text="host name and port, such as llm.example.org:8443")
    country = models.CharField(max_length=2, help_text="ISO 3166 code of where the texts go")
    with_images = models.BooleanField(default=False, help_text="mammograms may be sent too")
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    expires_on = models.DateField(help_text="last day on which it holds")

    objects = EndpointApprovalQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.host} for {self.site}"


class Transmission(AppendOnlyModel):
    """One question was handed over to be sent to an endpoint: never its text, only its hash and size."""

    approval = models.ForeignKey(EndpointApproval, on_delete=models.PROTECT, related_name="transmissions")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="transmissions")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    attempt = models.PositiveIntegerField()
    characters = models.PositiveIntegerField()
    images = models.PositiveSmallIntegerField()
    payload_sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["question", "job", "attempt"], name="transmission_once")
        ]

    def __str__(self) -> str:
        return f"{self.question_id} to {self.approval_id}"
