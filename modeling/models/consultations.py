"""Dialogues of researchers and radiologists with a tuned model about a study, under a protocol."""

import uuid
from datetime import date

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from annotation.models import Question
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.core.encryption import EncryptedTextField
from mammo.core.models import AppendOnlyModel, TimedModel
from mammo.jobs.models import Job
from modeling.models.training import Checkpoint

# Whoever may ask a model under a protocol; patients never.
CONSULTING_ROLES = ("researcher", "senior", "junior")


class ConsultationProtocol(TimedModel):
    """The approval under which a tuned model may be asked at a site, until a day."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="consultation_protocols")
    title = models.CharField(max_length=200)
    ethics_number = models.CharField(max_length=120)
    ends_on = models.DateField(help_text="last day on which it holds")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "ethics_number"], name="consultation_protocol_once")
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.ethics_number})"

    def is_standing(self, today: date) -> bool:
        """Whether it holds on a day."""
        return today <= self.ends_on


class ConsultationQuerySet(models.QuerySet["Consultation"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "ConsultationQuerySet":
        """One's own, at sites where one may still ask."""
        return self.filter(by_user=user, site__in=user.sites_as(*CONSULTING_ROLES))


class Consultation(TimedModel):
    """One dialogue about one study or none. All answers are a model's, and are shown as such."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="consultations")
    protocol = models.ForeignKey(ConsultationProtocol, on_delete=models.PROTECT, related_name="consultations")
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="consultations")
    study = models.ForeignKey(Study, null=True, on_delete=models.PROTECT, related_name="consultations")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="consultations")
    is_simulated = models.BooleanField(default=False)

    objects = ConsultationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"consultation {self.pk}"

    def get_absolute_url(self) -> str:
        """Its page."""
        return reverse("modeling:consultation", args=[self.pk])

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the study's patient; of the site where there is no study."""
        return self.study.patient.key_id if self.study is not None else self.site.key_id


class ConsultationTurn(TimedModel):
    """One question and the model's answer to it, with everything that is needed to write the answer again."""

    class State(models.TextChoices):
        """Life of an answer."""

        WAITING = "waiting", _("Being written")
        ANSWERED = "answered", _("Answered")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("No answer")

    consultation = models.ForeignKey(Consultation, on_delete=models.PROTECT, related_name="turns")
    number = models.PositiveSmallIntegerField()
    question = EncryptedTextField()
    answer = EncryptedTextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    seed = models.PositiveIntegerField()
    revision = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the weights that answered")
    prompt_sha256 = models.CharField(max_length=64, blank=True)
    parameters = models.JSONField(default=dict)
    tokens = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["consultation", "number"], name="consultation_turn_once"),
            models.UniqueConstraint(
                fields=["consultation"],
                condition=models.Q(state="waiting"),
                name="consultation_one_answer_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"turn {self.number} of {self.consultation_id}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the consultation."""
        return self.consultation.encryption_key_id()


class TurnRemark(AppendOnlyModel):
    """What a person thinks of an answer; with it, its question can go into a campaign."""

    class Thumb(models.TextChoices):
        """The short verdict."""

        UP = "up", _("Good answer")
        DOWN = "down", _("Bad answer")

    turn = models.ForeignKey(ConsultationTurn, on_delete=models.PROTECT, related_name="remarks")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    thumb = models.CharField(max_length=4, choices=Thumb)
    comment = EncryptedTextField(blank=True)
    question = models.ForeignKey(
        Question, null=True, on_delete=models.PROTECT, related_name="+", help_text="the question it fed"
    )
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.thumb} on {self.turn_id}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the consultation."""
        return self.turn.encryption_key_id()
