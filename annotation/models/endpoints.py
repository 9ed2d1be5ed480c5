"""Which endpoints may be sent patients' cleaned texts, what may be spent there, and what was sent."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from annotation.models.questions import Question
from annotation.querysets import EndpointApprovalQuerySet, TransmissionQuerySet
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
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
    most_requests = models.PositiveIntegerField(null=True, help_text="that may be sent; null: without limit")
    most_tokens = models.PositiveBigIntegerField(
        null=True, help_text="of prompts and answers; null: without limit"
    )

    objects = EndpointApprovalQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.host} for {self.site}"


class Transmission(AppendOnlyModel):
    """One question, or one study to be judged, was handed over to be sent to an endpoint: its hash and size, no text."""

    approval = models.ForeignKey(EndpointApproval, on_delete=models.PROTECT, related_name="transmissions")
    question = models.ForeignKey(
        Question,
        null=True,
        on_delete=models.PROTECT,
        related_name="transmissions",
        help_text="empty: a study",
    )
    study = models.ForeignKey(
        Study, null=True, on_delete=models.PROTECT, related_name="+", help_text="judged without a question"
    )
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    attempt = models.PositiveIntegerField()
    system = models.CharField(max_length=64, default="", help_text="key of the system in the job's request")
    characters = models.PositiveIntegerField()
    images = models.PositiveSmallIntegerField()
    payload_sha256 = models.CharField(max_length=64)

    objects = TransmissionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["approval", "question", "job", "attempt", "system"], name="transmission_once"
            ),
            models.UniqueConstraint(
                fields=["approval", "study", "job", "attempt", "system"], name="transmission_of_study_once"
            ),
            models.CheckConstraint(
                condition=models.Q(question__isnull=False, study__isnull=True)
                | models.Q(question__isnull=True, study__isnull=False),
                name="transmission_of_question_or_study",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question_id or self.study_id} to {self.approval_id}"


class EndpointAllowance(AppendOnlyModel):
    """What one attempt of a job may spend at an endpoint: reserved before anything is sent."""

    approval = models.ForeignKey(EndpointApproval, on_delete=models.PROTECT, related_name="allowances")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    attempt = models.PositiveIntegerField()
    system = models.CharField(max_length=64, help_text="key of the system in the job's request")
    requests = models.PositiveIntegerField(null=True, help_text="null: the approval has no limit")
    tokens = models.PositiveBigIntegerField(null=True, help_text="null: the approval has no limit")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "attempt", "system"], name="endpoint_allowance_once")
        ]

    def __str__(self) -> str:
        return f"allowance under {self.approval_id}"


class EndpointUse(AppendOnlyModel):
    """What an attempt spent of its allowance, as the answering module told when it ended."""

    allowance = models.OneToOneField(EndpointAllowance, on_delete=models.PROTECT, related_name="use")
    requests = models.PositiveIntegerField()
    tokens = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"use of {self.allowance_id}"
