"""Blinded trials: their design, arms, questions, answers and events."""

import math
import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.models import Question
from evaluation.models.protocols import Protocol
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import AppendOnlyModel, OpaqueModel, TimedModel, VersionedModel
from mammo.jobs.models import Job
from modeling.models import Checkpoint


class TrialQuerySet(models.QuerySet["Trial"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "TrialQuerySet":
        """Trials of a researcher's or statistician's sites, but those that the account itself rates blind.

        Raters reach theirs through Slot only, whatever other roles they hold.
        """
        here = self.filter(site__in=user.sites_as("researcher", "statistician", "admin"))
        return here.exclude(pk__in=Trial.objects.rated_blind_by(user).values("pk"))

    def rated_blind_by(self, user: User) -> "TrialQuerySet":
        """Trials in which the account is a rater, withdrawn or not, and whose arms have no names yet."""
        return self.filter(raters__user=user).exclude(state=Trial.State.UNBLINDED)


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

    class InputMode(models.TextChoices):
        """How values are given."""

        LINE = "line", _("Visual analogue line")
        NUMBER = "number", _("Typed number")

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
    show_earlier = models.BooleanField(
        default=False, help_text="the patient's earlier study hangs beside the present one; systems get none"
    )
    instructions = models.TextField(blank=True)
    seed = models.PositiveBigIntegerField()
    sitting_slots = models.PositiveSmallIntegerField(default=40)
    sitting_minutes = models.PositiveSmallIntegerField(default=60)
    input_mode = models.CharField(
        max_length=6, choices=InputMode, default=InputMode.LINE, help_text="one for all raters of the trial"
    )
    repeats = models.PositiveSmallIntegerField(default=0, help_text="hidden repeats per rater")
    controls = models.PositiveSmallIntegerField(default=0, help_text="degraded controls per rater")
    guesses = models.PositiveSmallIntegerField(
        default=0, help_text="answers of which each rater guesses the kind of author, after the last form"
    )
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

    @property
    def digit_marks(self) -> list[int]:
        """The marks that the digits 0 to 9 set on a line: tenths of a scale from 0 or 1, else tenths of the line."""
        low, high = self.scale_min, self.scale_max
        start = 0 if low in (0, 1) else low
        return [max(low, math.floor(start + digit / 10 * (high - start) + 0.5)) for digit in range(10)]


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


class TrialQuestionQuerySet(models.QuerySet["TrialQuestion"]):
    """Queries named as the domain says them."""

    def erased(self) -> "TrialQuestionQuerySet":
        """Questions of patients who withdrew: their texts, images and answers are gone."""
        return self.filter(question__patient__erased_at__isnull=False)

    def not_erased(self) -> "TrialQuestionQuerySet":
        """The others."""
        return self.exclude(question__patient__erased_at__isnull=False)


class TrialQuestion(OpaqueModel):
    """A question of the trial; never one whose patient or wording an arm was trained on.

    With `rounds` it is a dialogue: every arm answers what the patient says there, one turn after the other, and the
    whole is scored. Without, one answer is scored, to the question's last turn.
    """

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="trial_questions")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="trial_uses")
    position = models.PositiveIntegerField()
    earlier = models.ForeignKey(
        Study, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="the study that hangs beside the question's, fixed when it joined; part of the frozen design",
    )  # fmt: skip
    rounds = EncryptedJSONField(
        null=True, help_text="of a dialogue: what the patient says, turn by turn, fixed when it joined"
    )
    rounds_sha256 = models.CharField(
        max_length=64, blank=True, help_text="keyed hash of the rounds; part of the frozen design"
    )
    shown = models.JSONField(
        default=dict,
        editable=False,
        help_text="report and images by id and hash, fixed at freezing; empty before",
    )

    picture_left_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="when the archive took out a picture of the frozen ones for text on it; no form is scored after it",
    )

    objects = TrialQuestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "question"], name="trial_question_once"),
            models.UniqueConstraint(fields=["trial", "position"], name="trial_question_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.trial} #{self.position}"

    @property
    def is_dialogue(self) -> bool:
        """Whether every turn of the patient is answered and the whole is scored."""
        return self.rounds_sha256 != ""

    @property
    def shown_earlier(self) -> Study | None:
        """The study that hangs beside the question's; None unless the trial's design shows earlier studies."""
        return self.earlier if self.trial.show_earlier else None

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        return self.question.encryption_key_id()


class Answer(TimedModel):
    """What one arm answered to one question: raw, and as shown to raters."""

    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(TrialQuestion, on_delete=models.CASCADE, related_name="answers")
    turns = EncryptedJSONField(null=True, help_text="all turns of a dialogue; the last answer is raw_text")
    raw_text = EncryptedTextField()
    shown_text = EncryptedTextField(help_text="of a dialogue every answer, with a mark between them")
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


class UnfinishedDialogue(TimedModel):
    """What a doctor who is an arm has answered of a dialogue so far; gone when it is an Answer."""

    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="unfinished")
    question = models.ForeignKey(TrialQuestion, on_delete=models.CASCADE, related_name="unfinished")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    answers = EncryptedJSONField(
        help_text="answers to the first turns, in their order; none changes any more"
    )
    reports = models.JSONField(
        default=list, help_text="keyed hashes of the reports that these answers were given beside"
    )
    seconds = models.FloatField(default=0)
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["arm", "question"], name="unfinished_dialogue_once")]

    def __str__(self) -> str:
        return f"unfinished dialogue {self.pk}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        return self.question.encryption_key_id()


class TrialEvent(AppendOnlyModel):
    """Freezing, locking, unblinding and amendments: actor, reason, hash, second person."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(
        max_length=20, help_text="frozen, opened, locked, unblind_requested, unblinded, amended"
    )
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict, help_text="of an amendment: what was changed, from what to what")
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.trial_id}"
