"""The practice set: questions with a known good answer, worked on before real ones."""

from django.db import models

from annotation.models.campaigns import Campaign
from annotation.models.choices import Purpose
from mammo.accounts.models import User
from mammo.core.choices import Language
from mammo.core.models import AppendOnlyModel, TimedModel


class PracticeItem(TimedModel):
    """A written example of no patient: three answers with the mistakes that are in them, and the best one."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="practice_items")
    position = models.PositiveSmallIntegerField()
    language = models.CharField(max_length=3, choices=Language)
    context = models.TextField(blank=True, help_text="what the report says")
    question = models.TextField()
    answers = models.JSONField(help_text='[{"text", "tags": [...], "reference"}], one per proposal')
    best = models.PositiveSmallIntegerField(help_text="index of the answer a senior should pick")
    feedback = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "position"], name="practice_position_once")
        ]

    def __str__(self) -> str:
        return f"{self.campaign} practice {self.position}"


class PracticeResult(AppendOnlyModel):
    """What a person did with a practice item the first time, and how much of it was right."""

    item = models.ForeignKey(PracticeItem, on_delete=models.PROTECT, related_name="results")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=10, choices=Purpose)
    given = models.JSONField(help_text="error tags and texts by answer, or the index that was picked")
    right = models.PositiveSmallIntegerField()
    possible = models.PositiveSmallIntegerField()
    active_seconds = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "by_user", "purpose"], name="practice_result_once")
        ]

    def __str__(self) -> str:
        return f"{self.right}/{self.possible} of {self.item_id}"
