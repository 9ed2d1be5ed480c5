"""Training sets that were made from picks."""

from django.db import models

from annotation.models.campaigns import Campaign
from mammo.accounts.models import User
from mammo.archive.models import Patient
from mammo.core.models import TimedModel
from mammo.jobs.models import Job


class TrainingExport(TimedModel):
    """A training set made from picks: where it lies, what is in it, and its hash."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="exports")
    format = models.CharField(max_length=20)
    preferences = models.BooleanField(default=False)
    export_id = models.CharField(
        max_length=16, blank=True, help_text="from campaign and contents: the same set has the same id"
    )
    images = models.CharField(max_length=10, default="reference", help_text="reference or packed")
    job = models.ForeignKey(Job, null=True, on_delete=models.PROTECT, related_name="+")
    folder = models.CharField(max_length=500)
    content_hash = models.CharField(max_length=64)
    counts = models.JSONField(default=dict)
    patients = models.ManyToManyField(Patient, related_name="training_exports", blank=True)
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.campaign} {self.format}"
