"""What was found in a study: reports, results of tissue, and labels as a person states them."""

import uuid
from datetime import date

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import User
from mammo.archive.models.studies import Study
from mammo.core.choices import Language, Laterality, PathologyClass
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import AppendOnlyModel, TimedModel


class Report(TimedModel):
    """A radiologist's report: as received, cleaned of identity, blanked of BI-RADS, strictly blanked."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="reports")
    language = models.CharField(max_length=3, choices=Language)
    original = EncryptedTextField(help_text="as received; data managers only")
    cleaned = EncryptedTextField()
    blanked = EncryptedTextField()
    blanked_strict = EncryptedTextField()
    reading = models.JSONField(default=dict, help_text="labels, rule, confidence")
    sha256 = models.CharField(
        max_length=64, help_text="keyed hash of the original; the same report twice is one row"
    )
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    read_at = models.DateTimeField(
        null=True, editable=False, help_text="when a person read the cleaned text and found no name in it"
    )
    read_by = models.ForeignKey(User, null=True, editable=False, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "sha256"], name="report_once_per_study")]

    def __str__(self) -> str:
        return f"report of {self.study_id}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of her patient."""
        return self.study.patient.key_id


class Pathology(TimedModel):
    """A result by breast or lesion, or a negative follow-up of at least 24 months."""

    class Method(models.TextChoices):
        """How the tissue (or its absence) was established."""

        CORE_BIOPSY = "core_biopsy", _("Core biopsy")
        VACUUM_BIOPSY = "vacuum_biopsy", _("Vacuum-assisted biopsy")
        FINE_NEEDLE = "fine_needle", _("Fine-needle aspiration")
        SURGERY = "surgery", _("Surgery")
        FOLLOW_UP = "follow_up", _("Negative follow-up")
        OTHER = "other", _("Other")

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="pathology")
    laterality = models.CharField(max_length=1, choices=Laterality)
    lesion = models.CharField(max_length=40, blank=True)
    method = models.CharField(max_length=20, choices=Method)
    specimen_date = models.DateField(null=True, blank=True, help_text="shifted like the study's")
    result = models.CharField(
        max_length=10, choices=PathologyClass, blank=True, help_text="empty: negative by follow-up"
    )
    follow_up_months = models.PositiveSmallIntegerField(null=True, blank=True)
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    is_simulated = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "pathology"
        constraints = [
            # An expression, because SQLite has no NULLS NOT DISTINCT.
            models.UniqueConstraint(
                "study",
                "laterality",
                "lesion",
                "method",
                Coalesce("specimen_date", models.Value(date(1, 1, 1))),
                "result",
                name="pathology_once",
            ),
            models.CheckConstraint(
                condition=Q(method="follow_up", result="", follow_up_months__gte=24)
                | (~Q(method="follow_up") & ~Q(result="")),
                name="pathology_result_or_follow_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.laterality} {self.result or 'negative by follow-up'}"


class LabelCorrection(AppendOnlyModel):
    """What a person read in a study's report: all four labels as they stand from then on, under her key."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="label_corrections")
    labels = EncryptedJSONField(default=dict, help_text="density and BI-RADS as the person states them")
    before = EncryptedJSONField(default=dict, help_text="the labels it replaced, and where they came from")
    reason = EncryptedTextField()
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    is_simulated = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"labels of {self.study_id}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of her patient."""
        return self.study.patient.key_id
