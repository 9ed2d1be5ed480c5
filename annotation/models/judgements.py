"""What juniors and seniors decide. Append-only."""

import uuid

from django.db import models

from annotation.models.questions import AboutQuestion, Proposal, Question
from annotation.querysets import CorrectionQuerySet, PickQuerySet
from annotation.reasons import ReturnReason
from mammo.accounts.models import User
from mammo.core.encryption import EncryptedTextField
from mammo.core.models import AppendOnlyModel


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
    citations = models.JSONField(default=dict, help_text="error tag: heading of the guideline")
    guideline_version = models.PositiveIntegerField(default=0)
    warnings = models.JSONField(default=list, help_text="kinds of warning that stood when it was sent in")
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
    is_adjudication = models.BooleanField(default=False)
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


class PickEdit(AboutQuestion, AppendOnlyModel):
    """A senior's small edit of the answer that was picked: the correction itself stays as it is."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="pick_edits")
    pick = models.OneToOneField(Pick, on_delete=models.PROTECT, related_name="edit")
    correction = models.ForeignKey(Correction, on_delete=models.PROTECT, related_name="+")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    text = EncryptedTextField(help_text="after the edit")
    edit_distance = models.PositiveIntegerField(help_text="Levenshtein, in characters")
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"edit of {self.pick_id}"


class Return(AboutQuestion, AppendOnlyModel):
    """None was acceptable: back to the junior, with a reason."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="returns")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    round = models.PositiveSmallIntegerField()
    reason_codes = models.JSONField(default=list)
    reason = EncryptedTextField()
    instruction_version = models.PositiveIntegerField(
        null=True, help_text="that the senior was shown; empty: sent back before this was kept"
    )
    guideline_version = models.PositiveIntegerField(
        null=True, help_text="that the senior was shown; empty: sent back before this was kept"
    )
    active_seconds = models.FloatField(null=True, help_text="empty: sent back before this was kept")
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "round", "by_user"], name="return_once")]

    def __str__(self) -> str:
        return f"return of {self.question}"

    @property
    def reasons_in_words(self) -> list[str]:
        """What its codes say, in the reader's language."""
        return [str(ReturnReason(code).label) for code in self.reason_codes if code in ReturnReason.values]
