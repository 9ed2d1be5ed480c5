"""Protocols, blinded trials and reader studies. A rater's pages query Slot and nothing that names an arm."""

import uuid

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from annotation.models import Question
from mammo.accounts.models import Site, User
from mammo.archive.models import Cohort, Study
from mammo.core.choices import Birads, Laterality
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import AppendOnlyModel, OpaqueModel, TimedModel, VersionedModel
from mammo.jobs.models import Job
from modeling.models import Checkpoint


class Protocol(VersionedModel):
    """The plan behind a trial or reader study; frozen by hash before the first judgement."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="protocols")
    title = models.CharField(max_length=200)
    ethics_approval = models.CharField(max_length=120, blank=True)
    registry_number = models.CharField(max_length=120, blank=True)
    consent_basis = models.TextField(blank=True)
    primary_endpoint = models.JSONField(default=dict, help_text="aspect or AUC, contrast, hypothesis, margin")
    alpha = models.FloatField(default=0.05)
    multiplicity = models.CharField(max_length=40, default="holm")
    analysis_plan = models.TextField(blank=True)
    rules = models.JSONField(default=dict, help_text="missing scores, withdrawn raters, failed controls")
    exclusions = models.JSONField(default=list)
    cohort = models.ForeignKey(
        Cohort, null=True, blank=True, on_delete=models.PROTECT, related_name="protocols"
    )
    authors = models.TextField(blank=True)
    frozen_at = models.DateTimeField(null=True, editable=False)
    frozen_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True, frozen_sha256="")
                | (Q(frozen_at__isnull=False) & ~Q(frozen_sha256="")),
                name="protocol_frozen_with_hash",
            )
        ]

    def __str__(self) -> str:
        return self.title


class TrialQuerySet(models.QuerySet["Trial"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "TrialQuerySet":
        """Trials of a researcher's or statistician's sites; raters reach theirs through Slot only."""
        return self.filter(site__in=user.sites_as("researcher", "statistician", "admin"))


class Trial(VersionedModel):
    """A blinded scoring of answers to the same questions by several arms."""

    class State(models.TextChoices):
        """Life of a trial; nothing of the design changes after FROZEN."""

        DRAFT = "draft", _("Draft")
        FROZEN = "frozen", _("Frozen")
        SCORING = "scoring", _("Scoring")
        LOCKED = "locked", _("Locked")
        UNBLINDED = "unblinded", _("Unblinded")

    class Order(models.TextChoices):
        """How answers to one question are spread over a rater's slots."""

        INTERLEAVED = "interleaved", _("Interleaved")
        SIDE_BY_SIDE = "side_by_side", _("Side by side")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="trials")
    protocol = models.ForeignKey(Protocol, on_delete=models.PROTECT, related_name="trials")
    name = models.CharField(max_length=120)
    rater_title = models.CharField(
        max_length=120, blank=True, help_text="what raters see instead of the name; must name no arm"
    )
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    order = models.CharField(max_length=12, choices=Order, default=Order.INTERLEAVED)
    scale_min = models.IntegerField(default=1)
    scale_max = models.IntegerField(default=100)
    raters_per_answer = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="empty: every rater scores every answer"
    )
    show_report = models.BooleanField(default=False, help_text="raters see the blanked report")
    instructions = models.TextField(blank=True)
    seed = models.PositiveBigIntegerField()
    sitting_slots = models.PositiveSmallIntegerField(default=40)
    sitting_minutes = models.PositiveSmallIntegerField(default=60)
    screening = models.JSONField(
        default=list, help_text="rules that settle what the screen found; each is applied to every arm"
    )
    design_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    frozen_at = models.DateTimeField(null=True, editable=False)
    locked_at = models.DateTimeField(null=True, editable=False)
    unblinded_at = models.DateTimeField(null=True, editable=False)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects = TrialQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="trial_name_once_per_site"),
            models.CheckConstraint(condition=Q(scale_min__lt=F("scale_max")), name="trial_scale_ordered"),
            models.CheckConstraint(
                condition=Q(state="draft") | ~Q(design_sha256=""), name="trial_frozen_with_hash"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Aspect(OpaqueModel):
    """One thing an answer is scored on."""

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="aspects")
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80, blank=True)
    definition = models.TextField(blank=True)
    definition_zh = models.TextField(blank=True)
    anchors = models.JSONField(default=dict, help_text="value to wording")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["trial", "key"], name="aspect_once_per_trial")]

    def __str__(self) -> str:
        return self.name


class Arm(TimedModel):
    """Who answers. `name` is hidden from raters; `code` is the mask a statistician works under."""

    class Kind(models.TextChoices):
        """Kinds of arm."""

        SYSTEM = "system", _("System")
        HUMAN = "human", _("Human")
        REFERENCE = "reference", _("Reference")

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="arms")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=120)
    code = models.CharField(max_length=8, help_text="masked arm code")
    spec = models.JSONField(default=dict)
    checkpoint = models.ForeignKey(
        Checkpoint, null=True, blank=True, on_delete=models.PROTECT, related_name="arms"
    )
    left_out_reason = models.CharField(
        max_length=300, blank=True, help_text="an arm that was run and left out says why"
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="row of the table")
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "name"], name="arm_name_once"),
            models.UniqueConstraint(fields=["trial", "code"], name="arm_code_once"),
        ]

    def __str__(self) -> str:
        return self.name


class TrialQuestion(OpaqueModel):
    """A question of the trial; never one whose patient or wording an arm was trained on."""

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="trial_questions")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="trial_uses")
    position = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "question"], name="trial_question_once"),
            models.UniqueConstraint(fields=["trial", "position"], name="trial_question_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.trial} #{self.position}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        return self.question.encryption_key_id()


class Answer(TimedModel):
    """What one arm answered to one question: raw, and as shown to raters."""

    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(TrialQuestion, on_delete=models.CASCADE, related_name="answers")
    turns = EncryptedJSONField(null=True, help_text="all turns of a dialogue; the last answer is raw_text")
    raw_text = EncryptedTextField()
    shown_text = EncryptedTextField()
    shown_sha256 = models.CharField(max_length=64, help_text="keyed hash; part of the frozen design")
    seconds = models.FloatField(null=True)
    author = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="authored_answers"
    )
    provenance = models.JSONField(default=dict)
    job = models.ForeignKey(Job, null=True, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["arm", "question"], name="answer_once")]

    def __str__(self) -> str:
        return f"answer {self.pk}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        return self.question.encryption_key_id()


class TrialRater(TimedModel):
    """A senior who scores in a trial, with the aspect order drawn for them."""

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="raters")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="trials_rated")
    aspect_order = models.JSONField(default=list, help_text="aspect keys, as shown")
    consented_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    trained_arms = models.JSONField(
        default=list, help_text="codes of arms whose training data the rater corrected or picked"
    )
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trial", "user"], name="trial_rater_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.trial_id}"


class SlotQuerySet(models.QuerySet["Slot"]):
    """Queries named as the domain says them."""

    def of(self, user: User) -> "SlotQuerySet":
        """Slots that this rater may open now."""
        return self.filter(
            rater__user=user, rater__withdrawn_at__isnull=True, rater__trial__state=Trial.State.SCORING
        )

    def open_to(self, user: User) -> "SlotQuerySet":
        """Forms of a consenting rater from the first to the one whose turn it is; `is_scored` tells which is done."""
        scored = Exists(Score.objects.filter(slot=OuterRef("pk")))
        turn = (
            Slot.objects.filter(rater=OuterRef("rater"), scores__isnull=True)
            .order_by("position")
            .values("position")[:1]
        )
        mine = self.of(user).filter(rater__consented_at__isnull=False).annotate(is_scored=scored)
        return mine.annotate(turn=Subquery(turn)).filter(Q(turn__isnull=True) | Q(position__lte=F("turn")))

    def unscored(self) -> "SlotQuerySet":
        """Slots without any score (a form is stored whole, so one score means all)."""
        return self.filter(scores__isnull=True)


class Slot(OpaqueModel):
    """The only thing a rater can fetch: one answer at one place of their sequence, under a random name."""

    class Kind(models.TextChoices):
        """Why the slot is there."""

        SCORED = "scored", _("Scored")
        REPEAT = "repeat", _("Hidden repeat")
        CONTROL = "control", _("Degraded control")

    rater = models.ForeignKey(TrialRater, on_delete=models.CASCADE, related_name="slots")
    answer = models.ForeignKey(Answer, on_delete=models.PROTECT, related_name="slots")
    position = models.PositiveIntegerField()
    sitting = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.SCORED)

    objects = SlotQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["rater", "position"], name="slot_position_once"),
            models.UniqueConstraint(fields=["rater", "answer", "kind"], name="slot_answer_once"),
        ]

    def __str__(self) -> str:
        return f"slot {self.position}"


class ScoreQuerySet(models.QuerySet["Score"]):
    """Queries named as the domain says them."""

    def standing(self) -> "ScoreQuerySet":
        """Scores that no later one replaced."""
        return self.filter(replaced_by__isnull=True)


class Score(AppendOnlyModel):
    """One rater's value for one aspect of one slot; a change is a new row."""

    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="scores")
    aspect = models.ForeignKey(Aspect, on_delete=models.PROTECT, related_name="scores")
    value = models.IntegerField()
    revision = models.PositiveSmallIntegerField(default=1)
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="scores")
    active_seconds = models.FloatField(default=0)
    is_simulated = models.BooleanField(default=False)

    objects = ScoreQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["slot", "aspect", "revision"], name="score_once")]

    def __str__(self) -> str:
        return f"{self.aspect_id} {self.value}"


class TrialEvent(AppendOnlyModel):
    """Freezing, locking, unblinding and amendments: actor, reason, hash, second person."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(
        max_length=20, help_text="frozen, opened, locked, unblind_requested, unblinded, amended"
    )
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.trial_id}"


class ReaderStudy(VersionedModel):
    """Doctors read the same cases with and without the model's output."""

    class State(models.TextChoices):
        """Life of a reader study."""

        DRAFT = "draft", _("Draft")
        FROZEN = "frozen", _("Frozen")
        READING = "reading", _("Reading")
        LOCKED = "locked", _("Locked")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="reader_studies")
    protocol = models.ForeignKey(Protocol, on_delete=models.PROTECT, related_name="reader_studies")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    conditions = models.JSONField(
        default=list, help_text="key, name, whether assisted, what reader and model see"
    )
    checkpoint = models.ForeignKey(
        Checkpoint, null=True, blank=True, on_delete=models.PROTECT, related_name="reader_studies"
    )
    scale = models.CharField(
        max_length=20, default="birads", choices=[("birads", "birads"), ("forced_3_4", "forced_3_4")]
    )
    operating_point = models.CharField(
        max_length=3, default="4A", help_text="lowest category that means biopsy"
    )
    washout_days = models.PositiveSmallIntegerField(default=28)
    seed = models.PositiveBigIntegerField()
    design_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    frozen_at = models.DateTimeField(null=True, editable=False)
    locked_at = models.DateTimeField(null=True, editable=False)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "reader studies"
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="reader_study_name_once_per_site")
        ]

    def __str__(self) -> str:
        return self.name


class ReaderStudyCase(OpaqueModel):
    """A case of a reader study with its truth at freezing."""

    reader_study = models.ForeignKey(ReaderStudy, on_delete=models.CASCADE, related_name="cases")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="reader_study_uses")
    laterality = models.CharField(max_length=1, choices=Laterality, blank=True)
    truth = models.BooleanField(help_text="malignant by biopsy")
    position = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reader_study", "study", "laterality"], name="reader_case_once")
        ]

    def __str__(self) -> str:
        return f"case {self.position}"


class Reader(TimedModel):
    """A doctor who reads in a reader study."""

    reader_study = models.ForeignKey(ReaderStudy, on_delete=models.CASCADE, related_name="readers")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="reader_studies_read")
    group = models.CharField(max_length=20, blank=True, help_text="junior, senior, …")
    condition_order = models.JSONField(default=list)
    withdrawn_at = models.DateTimeField(null=True)
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader_study", "user"], name="reader_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.reader_study_id}"


class ReadingSlot(OpaqueModel):
    """One case at one place of one reader's stored sequence under one condition."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="slots")
    case = models.ForeignKey(ReaderStudyCase, on_delete=models.PROTECT, related_name="slots")
    condition = models.CharField(max_length=40)
    position = models.PositiveIntegerField()
    session = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["reader", "position"], name="reading_slot_position_once"),
            models.UniqueConstraint(fields=["reader", "case", "condition"], name="reading_slot_once"),
        ]

    def __str__(self) -> str:
        return f"reading {self.position}"


class Reading(AppendOnlyModel):
    """One reader's assessment of one case under one condition."""

    slot = models.ForeignKey(ReadingSlot, on_delete=models.PROTECT, related_name="readings")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="readings")
    revision = models.PositiveSmallIntegerField(default=1)
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    phase = models.CharField(
        max_length=10, default="final", choices=[("before", "before"), ("final", "final")]
    )
    category = models.CharField(max_length=2, choices=Birads)
    likelihood = models.PositiveSmallIntegerField(help_text="likelihood of malignancy, 0 to 100")
    shown_output = models.JSONField(default=dict, help_text="what the model showed")
    seconds = models.FloatField(default=0)
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["slot", "phase", "revision"], name="reading_once"),
            models.CheckConstraint(condition=Q(likelihood__lte=100), name="reading_likelihood_percent"),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.likelihood}"
