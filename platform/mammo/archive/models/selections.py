"""Splits and cohorts."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Site, User
from mammo.archive.models.studies import Patient, Study
from mammo.core.append_only import Guard
from mammo.core.models import AppendOnlyModel, TimedModel


class SplitQuerySet(models.QuerySet["Split"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "SplitQuerySet":
        """Splits of the account's sites, and those over several sites."""
        return self.filter(Q(site__in=user.sites_as()) | Q(site=None))


class Split(TimedModel):
    """A named division of patients; a patient never stands on both sides of one."""

    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="splits")
    name = models.CharField(max_length=80, unique=True)
    purpose = models.CharField(max_length=40, help_text="density, umicon, sft, zero_shot, …")
    rule = models.CharField(
        max_length=20,
        default="random",
        choices=[
            ("random", _("by patient, at random")),
            ("stratified", _("by patient, balanced over density and pathology")),
            ("window", _("test is a calendar window")),
            ("after", _("test is from a date on")),
            ("eras", _("by era: training before the first day, test after the last, validation between")),
            ("site", _("test is another site")),
        ],
    )
    parameters = models.JSONField(default=dict)
    seed = models.PositiveBigIntegerField(default=0)
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    frozen_at = models.DateTimeField(null=True, editable=False)
    frozen_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    members_sha256 = models.CharField(max_length=64, blank=True, help_text="of the sides at freezing")
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Split"]] = SplitQuerySet.as_manager()

    guards = tuple(
        Guard(verb, "SELECT 1 WHERE OLD.frozen_at IS NULL", "a frozen split never changes")
        for verb in ("UPDATE", "DELETE")
    )

    def __str__(self) -> str:
        return self.name


class SplitMembership(models.Model):
    """Side of one patient in one split: nobody is ever moved or taken out, nor joins a frozen split (triggers)."""

    append_only = True
    guards = (
        Guard(
            "INSERT",
            "SELECT 1 FROM archive_split WHERE id = NEW.split_id AND frozen_at IS NULL",
            "the split is frozen",
            waits=True,
        ),
    )

    class Side(models.TextChoices):
        """Sides of a split."""

        TRAIN = "train", _("Training")
        VALIDATION = "validation", _("Validation")
        TEST = "test", _("Test")

    split = models.ForeignKey(Split, on_delete=models.CASCADE, related_name="members")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="split_sides")
    side = models.CharField(max_length=10, choices=Side)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["split", "patient"], name="patient_on_one_side")]

    def __str__(self) -> str:
        return f"{self.split}: {self.side}"


class CohortQuerySet(models.QuerySet["Cohort"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "CohortQuerySet":
        """Cohorts of the account's sites."""
        return self.filter(site__in=user.sites_as())


class Cohort(AppendOnlyModel):
    """A saved query with the count per exclusion, as the flow chart of a paper needs it; never changed (triggers)."""

    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="cohorts")
    name = models.CharField(max_length=120)
    query = models.JSONField(default=dict)
    exclusions = models.JSONField(default=list, help_text="rule and count, in order")
    studies = models.ManyToManyField(Study, through="CohortStudy", related_name="cohorts", blank=True)
    members_sha256 = models.CharField(max_length=64, blank=True, help_text="of its studies when it was saved")
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Cohort"]] = CohortQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class CohortStudy(models.Model):
    """A study of a cohort: written before the cohort's own row, so that none joins a cohort that is saved (triggers)."""

    append_only = True
    guards = (
        Guard(
            "INSERT",
            "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM archive_cohort WHERE id = NEW.cohort_id)",
            "the cohort is saved",
        ),
    )

    cohort = models.ForeignKey(Cohort, on_delete=models.PROTECT, related_name="+")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "archive_cohort_studies"
        unique_together = [("cohort", "study")]

    def __str__(self) -> str:
        return f"{self.cohort_id}: {self.study_id}"
