"""Questions, the answers a model proposed to them, and the order in which people see these."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from annotation.models.campaigns import Campaign
from annotation.models.choices import ProposerContext, Purpose
from annotation.querysets import SETTLED_STAGES, ProposalQuerySet, QuestionQuerySet, QuestionUploadQuerySet
from mammo.accounts.models import User
from mammo.archive.models import Patient, Study
from mammo.core.choices import Language
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField, ErasedText
from mammo.core.models import AppendOnlyModel, TimedModel, VersionedModel
from mammo.jobs.models import Job


class Question(VersionedModel):
    """A patient's question, with or without a study; multi-turn questions alternate patient and answer."""

    class Stage(models.TextChoices):
        """Where the question stands."""

        NEW = "new", _("Waits for proposals")
        PROPOSED = "proposed", _("To be corrected")
        CORRECTED = "corrected", _("To be picked")
        ADJUDICATE = "adjudicate", _("To be adjudicated")
        PICKED = "picked", _("Done")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="questions")
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="questions"
    )
    study = models.ForeignKey(
        Study, null=True, blank=True, on_delete=models.PROTECT, related_name="questions"
    )
    position = models.PositiveIntegerField(help_text="order within the campaign")
    language = models.CharField(max_length=3, choices=Language)
    source = models.CharField(max_length=60, help_text="tablet, letter, ward, synthetic, …")
    consent_reference = models.CharField(max_length=120, blank=True)
    asked_on = models.DateField(null=True, blank=True)
    wording_received = EncryptedTextField(help_text="before cleaning; data managers only")
    turns = EncryptedJSONField(help_text="cleaned texts: patient, answer, patient, …; ends with the patient")
    turns_hash = models.CharField(
        max_length=64, help_text="keyed hash of study, patient and turns: finds the same question twice"
    )
    cleaned_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.NEW)
    round = models.PositiveSmallIntegerField(default=1, help_text="moves on with every return")
    pool = models.CharField(max_length=40, blank=True, help_text="group of people it waits for; empty: all")
    is_practice = models.BooleanField(default=False)
    is_simulated = models.BooleanField(default=False)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "position"], name="question_position_once"),
            models.UniqueConstraint(fields=["campaign", "turns_hash"], name="question_once"),
        ]
        indexes = [
            models.Index(fields=["campaign", "stage", "position"], name="question_worklist"),
            models.Index(fields=["campaign", "stage", "-round", "position"], name="question_next"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} #{self.position}"

    @property
    def is_unconfirmed(self) -> bool:
        """No data manager has read the cleaned wording (as `UNCONFIRMED` in the queries)."""
        unread = self.stage in (Question.Stage.NEW, Question.Stage.WITHDRAWN)
        return unread and self.cleaned_by_id is None and not self.is_practice

    @property
    def is_settled(self) -> bool:
        """Nobody chooses among its answers any more: what was hidden from the seniors who did may open."""
        return self.stage in SETTLED_STAGES

    @property
    def is_erased(self) -> bool:
        """Her patient withdrew: nothing of the question can be read, and nothing more is written about it."""
        return isinstance(self.turns, ErasedText)

    @property
    def texts(self) -> list[str]:
        """The texts of `turns`, oldest first; one tombstone after her patient's erasure."""
        return [str(self.turns)] if self.is_erased else list(self.turns)

    def encryption_key_id(self) -> uuid.UUID:
        """Key of her patient; of the site for a question without one."""
        return self.patient.key_id if self.patient is not None else self.campaign.site.key_id


class AboutQuestion(models.Model):
    """Rows whose texts belong to the patient of a question."""

    class Meta:
        abstract = True

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        question: Question = self.question  # type: ignore[attr-defined]
        return question.encryption_key_id()


class Proposal(AboutQuestion, AppendOnlyModel):
    """One of the answers a model proposed, with its full provenance."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="proposals")
    round = models.PositiveSmallIntegerField(default=1)
    index = models.PositiveSmallIntegerField()
    text = EncryptedTextField()
    raw = EncryptedTextField(help_text="as the system gave it")
    system = models.CharField(max_length=200)
    system_kind = models.CharField(max_length=20)
    revision = models.CharField(
        max_length=64, help_text="sha256 of the weights, or the endpoint's model name"
    )
    parameters = models.JSONField(default=dict)
    seed = models.PositiveBigIntegerField()
    prompt_sha256 = models.CharField(max_length=64)
    context = models.CharField(max_length=10, choices=ProposerContext)
    finish_reason = models.CharField(max_length=20)
    is_distinct = models.BooleanField(default=True, help_text="false when resampling ended at its cap")
    tokens = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    job = models.ForeignKey(Job, null=True, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "round", "index"], name="proposal_once")]

    def __str__(self) -> str:
        return f"{self.question} proposal {self.index}"


class ShownOrder(AppendOnlyModel):
    """The order in which one person saw the three texts of a question; drawn once, never recomputed."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="shown_orders")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=10, choices=Purpose)
    round = models.PositiveSmallIntegerField(default=1)
    order = models.JSONField(help_text="ids of proposals or corrections, as shown")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["question", "user", "purpose", "round"], name="shown_order_once")
        ]

    def __str__(self) -> str:
        return f"{self.question} as shown to {self.user_id}"


class QuestionUpload(TimedModel):
    """A table of questions that was read and waits for a person to confirm it; gone afterwards."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="uploads")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    rows = EncryptedJSONField()

    objects = QuestionUploadQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} for {self.campaign}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the site: whose questions these are is not looked up yet."""
        return self.campaign.site.key_id


class TabletLink(TimedModel):
    """An invitation of one patient to ask on a tablet: used once, for a short time."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="tablet_links")
    patient = models.ForeignKey(Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    study = models.ForeignKey(Study, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    language = models.CharField(max_length=3, choices=Language)
    pool = models.CharField(max_length=40, blank=True, help_text="of the question that she will ask")
    token_sha256 = models.CharField(max_length=64, unique=True)
    consent_text = models.TextField(help_text="as she saw it")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    question = models.OneToOneField(
        Question, null=True, blank=True, on_delete=models.PROTECT, related_name="tablet_link"
    )

    def __str__(self) -> str:
        return f"tablet link of {self.campaign}"
