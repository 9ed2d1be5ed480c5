"""What raters meet and give: slots, scores, remarks, guesses. Their pages query Slot and nothing that names an arm."""

import uuid

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from annotation.models import Question
from evaluation.models.trials import Answer, Aspect, Trial
from mammo.accounts.models import User
from mammo.core.encryption import EncryptedTextField
from mammo.core.models import AppendOnlyModel, OpaqueModel, TimedModel


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
        return self.not_erased().filter(
            rater__user=user, rater__withdrawn_at__isnull=True, rater__trial__state=Trial.State.SCORING
        )

    def not_erased(self) -> "SlotQuerySet":
        """Slots whose patient did not withdraw: of hers nothing is left to read."""
        return self.exclude(answer__question__question__patient__erased_at__isnull=False)

    def pictured(self) -> "SlotQuerySet":
        """Slots whose question has all the pictures of the freezing: the archive took out none for text on it."""
        return self.filter(answer__question__picture_left_at__isnull=True)

    def passed_over(self) -> "SlotQuerySet":
        """Slots of patients who stayed that had no score when a picture of their question was taken out."""
        left = self.not_erased().filter(answer__question__picture_left_at__isnull=False)
        return left.filter(scores__isnull=True)

    def counted(self) -> "SlotQuerySet":
        """Slots that make up a rater's work: scored, or still to be scored."""
        scored = Exists(Score.objects.filter(slot=OuterRef("pk")))
        return self.not_erased().filter(Q(answer__question__picture_left_at__isnull=True) | scored)

    def open_to(self, user: User) -> "SlotQuerySet":
        """Forms of a consenting rater from the first to the one whose turn it is; `is_scored` tells which is done."""
        scored = Exists(Score.objects.filter(slot=OuterRef("pk")))
        turn = (
            Slot.objects.filter(rater=OuterRef("rater"))
            .unscored()
            .order_by("position")
            .values("position")[:1]
        )
        mine = self.of(user).pictured().filter(rater__consented_at__isnull=False).annotate(is_scored=scored)
        return mine.annotate(turn=Subquery(turn)).filter(Q(turn__isnull=True) | Q(position__lte=F("turn")))

    def unscored(self) -> "SlotQuerySet":
        """Slots that can be scored and have no score (a form is stored whole, so one score means all)."""
        return self.not_erased().pictured().filter(scores__isnull=True)


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
    control_text = EncryptedTextField(null=True, help_text="of a degraded control: what is shown instead")
    control_sha256 = models.CharField(
        max_length=64, blank=True, help_text="keyed hash of it; part of the frozen design"
    )

    objects = SlotQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["rater", "position"], name="slot_position_once"),
            models.UniqueConstraint(fields=["rater", "answer", "kind"], name="slot_answer_once"),
        ]

    def __str__(self) -> str:
        return f"slot {self.position}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        return self.answer.encryption_key_id()

    @property
    def shown_text(self) -> str:
        """What the rater reads."""
        return str(self.control_text if self.control_text is not None else self.answer.shown_text)


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


class FormRemark(AppendOnlyModel):
    """What a rater said about a whole form beside its values; a change is a new row."""

    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="remarks")
    revision = models.PositiveSmallIntegerField(default=1)
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    comment = EncryptedTextField(blank=True, default="")
    is_unsafe = models.BooleanField(default=False, help_text="following the answer could harm the patient")
    knows_case = models.BooleanField(default=False, help_text="the rater has met this case outside the trial")
    is_typed = models.BooleanField(default=False, help_text="values were typed where the trial has lines")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["slot", "revision"], name="form_remark_once")]

    def __str__(self) -> str:
        return f"remark {self.revision} on {self.slot_id}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        return self.slot.encryption_key_id()


class AuthorGuess(AppendOnlyModel):
    """Whom a rater took for the author of an answer, asked once after the last form."""

    class Guess(models.TextChoices):
        """What can be guessed."""

        AI = "ai", _("A system")
        DOCTOR = "doctor", _("A doctor")
        UNKNOWN = "unknown", _("I don't know")

    slot = models.OneToOneField(Slot, on_delete=models.PROTECT, related_name="guess")
    guess = models.CharField(max_length=8, choices=Guess)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.guess} for {self.slot_id}"


class PracticeItemQuerySet(models.QuerySet["PracticeItem"]):
    """Queries named as the domain says them."""

    def waiting_for(self, rater: TrialRater) -> "PracticeItemQuerySet":
        """Practice answers that this rater has not scored; those of patients who withdrew are passed over."""
        hers = Q(question__patient__erased_at__isnull=False)
        return self.filter(trial=rater.trial_id).exclude(scores__rater=rater).exclude(hers)


class PracticeItem(OpaqueModel):
    """An answer that raters score before the first real form; it is in no analysis."""

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="practice_items")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="trial_practice")
    text = EncryptedTextField()
    text_sha256 = models.CharField(
        max_length=64, blank=True, help_text="keyed hash; part of the frozen design"
    )
    position = models.PositiveSmallIntegerField()
    shown = models.JSONField(
        default=dict,
        editable=False,
        help_text="report and images by id and hash, fixed at freezing; empty before",
    )

    objects = PracticeItemQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["trial", "position"], name="practice_item_once")]

    def __str__(self) -> str:
        return f"practice {self.position}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the question's patient."""
        return self.question.encryption_key_id()


class PracticeScore(TimedModel):
    """A rater's values for a practice item."""

    item = models.ForeignKey(PracticeItem, on_delete=models.CASCADE, related_name="scores")
    rater = models.ForeignKey(TrialRater, on_delete=models.CASCADE, related_name="practice_scores")
    values = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "rater"], name="practice_score_once")]

    def __str__(self) -> str:
        return f"practice of {self.rater_id}"
