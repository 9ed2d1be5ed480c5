"""Campaigns, questions, proposals, corrections and picks. Judgements are append-only."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from annotation.querysets import (
    CampaignQuerySet,
    CorrectionQuerySet,
    LeaseQuerySet,
    PickQuerySet,
    ProposalQuerySet,
    QuestionQuerySet,
)
from mammo.accounts.models import Site, User
from mammo.archive.models import Patient, Study
from mammo.core.choices import Language
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import AppendOnlyModel, TimedModel, VersionedModel
from mammo.jobs.models import Job


class Purpose(models.TextChoices):
    """What a person does with a question."""

    CORRECT = "correct", _("Correct")
    PICK = "pick", _("Pick")


class ProposerContext(models.TextChoices):
    """What the proposing model saw beside the question (PAPER.md section 1)."""

    NONE = "none", _("Question only")
    FIELDS = "fields", _("Age, density and findings as fields")
    BLANKED = "blanked", _("Report without BI-RADS")
    FULL = "full", _("Report")
    IMAGES = "images", _("Mammograms")


class ErrorTag(models.TextChoices):
    """Kinds of mistake a junior marks in a proposal."""

    WRONG_FACT = "wrong_fact", _("Wrong fact")
    WRONG_SIDE = "wrong_side", _("Wrong side")
    WRONG_CATEGORY = "wrong_category", _("Wrong category")
    UNSAFE_ADVICE = "unsafe_advice", _("Unsafe advice")
    LANGUAGE = "language", _("Language")
    UNSUPPORTED = "unsupported", _("Not supported by the images")
    OTHER = "other", _("Other")


class Campaign(VersionedModel):
    """A collection of questions to be answered by three proposals each, corrected and picked."""

    class State(models.TextChoices):
        """Life of a campaign."""

        DRAFT = "draft", _("Draft")
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    languages = models.JSONField(default=list)
    instructions = models.TextField(
        blank=True, help_text="Markdown; every change is kept as an InstructionVersion"
    )
    proposer = models.JSONField(default=dict, help_text="spec of the proposing system")
    proposer_context = models.CharField(max_length=10, choices=ProposerContext, default=ProposerContext.NONE)
    parameters = models.JSONField(default=dict, help_text="temperature, top_p, …")
    proposals_per_question = models.PositiveSmallIntegerField(default=3)
    overlap = models.PositiveSmallIntegerField(default=1, help_text="juniors per question")
    senior_overlap = models.PositiveSmallIntegerField(default=1, help_text="seniors per question")
    rank_all = models.BooleanField(default=False, help_text="seniors rank all three")
    allow_small_edit = models.BooleanField(default=True)
    seed = models.PositiveBigIntegerField(default=0)
    due_on = models.DateField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="campaign_name_once_per_site")]

    def __str__(self) -> str:
        return self.name


class InstructionVersion(AppendOnlyModel):
    """The wording of the instructions that a judgement was made under."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="instruction_versions")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="instruction_number_once")]

    def __str__(self) -> str:
        return f"{self.campaign} v{self.number}"


class CampaignMember(TimedModel):
    """Who may work on a campaign, and as what."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="campaign_memberships")
    purpose = models.CharField(max_length=10, choices=Purpose)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "user", "purpose"], name="campaign_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.purpose}"


class Question(VersionedModel):
    """A patient's question, with or without a study; multi-turn questions alternate patient and answer."""

    class Stage(models.TextChoices):
        """Where the question stands."""

        NEW = "new", _("Waits for proposals")
        PROPOSED = "proposed", _("To be corrected")
        CORRECTED = "corrected", _("To be picked")
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
    is_practice = models.BooleanField(default=False)
    is_simulated = models.BooleanField(default=False)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "position"], name="question_position_once"),
            models.UniqueConstraint(fields=["campaign", "turns_hash"], name="question_once"),
        ]
        indexes = [models.Index(fields=["campaign", "stage", "position"], name="question_worklist")]

    def __str__(self) -> str:
        return f"{self.campaign} #{self.position}"

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


class Correction(AppendOnlyModel):
    """A junior's settled version of one proposal: corrected, or positively marked as needing no change."""

    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="corrections")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="corrections")
    round = models.PositiveSmallIntegerField(default=1)
    revision = models.PositiveSmallIntegerField(default=1)
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    text = EncryptedTextField()
    no_change = models.BooleanField()
    error_tags = models.JSONField(default=list)
    notes = EncryptedTextField(blank=True)
    edit_distance = models.PositiveIntegerField(help_text="Levenshtein, in characters")
    active_seconds = models.FloatField(default=0)
    instruction_version = models.PositiveIntegerField(default=0)
    is_simulated = models.BooleanField(default=False)

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["proposal", "by_user", "round", "revision"], name="correction_once"
            )
        ]

    def __str__(self) -> str:
        return f"correction of {self.proposal_id} by {self.by_user_id}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        return self.proposal.question.encryption_key_id()


class Pick(AboutQuestion, AppendOnlyModel):
    """A senior's choice: the answer that goes into the training set."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="picks")
    correction = models.ForeignKey(
        Correction,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="picks",
        help_text="empty: written by the senior",
    )
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="picks")
    round = models.PositiveSmallIntegerField(default=1)
    revision = models.PositiveSmallIntegerField(default=1)
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    text = EncryptedTextField(help_text="the picked text, small edits included")
    edited = models.BooleanField(default=False)
    ranking = models.JSONField(default=list, help_text="ids of corrections, best first")
    reason_codes = models.JSONField(default=list)
    reason = EncryptedTextField(blank=True)
    active_seconds = models.FloatField(default=0)
    instruction_version = models.PositiveIntegerField(default=0)
    is_simulated = models.BooleanField(default=False)

    objects = PickQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["question", "by_user", "round", "revision"], name="pick_once")
        ]

    def __str__(self) -> str:
        return f"pick for {self.question}"


class Return(AboutQuestion, AppendOnlyModel):
    """None was acceptable: back to the junior, with a reason."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="returns")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    round = models.PositiveSmallIntegerField()
    reason_codes = models.JSONField(default=list)
    reason = EncryptedTextField()
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "round", "by_user"], name="return_once")]

    def __str__(self) -> str:
        return f"return of {self.question}"


class Draft(AboutQuestion, VersionedModel):
    """Unfinished work of one person, saved on the server while they type."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="drafts")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="drafts")
    purpose = models.CharField(max_length=10, choices=Purpose)
    content = EncryptedJSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "user", "purpose"], name="draft_once")]

    def __str__(self) -> str:
        return f"draft of {self.user_id} on {self.question_id}"


class Lease(TimedModel):
    """A person holds a question for a while; expiry never drops a draft."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="leases")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="leases")
    purpose = models.CharField(max_length=10, choices=Purpose)
    round = models.PositiveSmallIntegerField(default=1)
    seat = models.PositiveSmallIntegerField(default=0, help_text="0 to overlap - 1")
    expires_at = models.DateTimeField(null=True, help_text="empty: a named assignment, which does not expire")

    objects = LeaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question", "user", "purpose", "round"], name="lease_person_once"
            ),
            models.UniqueConstraint(fields=["question", "purpose", "round", "seat"], name="lease_seat_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} holds {self.question_id}"


class TrainingExport(TimedModel):
    """A training set made from picks: where it lies, what is in it, and its hash."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="exports")
    format = models.CharField(max_length=20)
    preferences = models.BooleanField(default=False)
    folder = models.CharField(max_length=500)
    content_hash = models.CharField(max_length=64)
    counts = models.JSONField(default=dict)
    patients = models.ManyToManyField(Patient, related_name="training_exports", blank=True)
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.campaign} {self.format}"
