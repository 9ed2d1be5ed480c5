"""Snapshots, runs, checkpoints, metrics and predictions: what the paper's tables are computed from."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models import Campaign, TrainingExport
from mammo.accounts.models import Site, User
from mammo.archive.models import Patient, Split, Study
from mammo.core.choices import Laterality
from mammo.core.models import TimedModel
from mammo.jobs.models import Job


class Stage(models.TextChoices):
    """Training stages and ablations."""

    LANGUAGE = "language", _("Language model (text only)")
    DENSITY = "density", _("Density selector")
    UMICON_UNSUPERVISED = "umicon_unsupervised", _("UMiCon, unsupervised")
    UMICON_SUPERVISED = "umicon_supervised", _("UMiCon, supervised")
    SFT = "sft", _("Instruction tuning")
    PREFERENCES = "preferences", _("Preference tuning")
    VISION_LANGUAGE_SFT = "vision_language_sft", _("Instruction tuning of a compared model")
    ENCODER_PROBE = "encoder_probe", _("Encoder probe")
    CLASSIFIER = "classifier", _("Compared classifier")
    ZERO_SHOT = "zero_shot", _("Zero-shot malignancy")


class RunQuerySet(models.QuerySet["Run"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "RunQuerySet":
        """Runs of the sites where the account is researcher, statistician or admin."""
        return self.filter(Q(site__in=user.sites_as("researcher", "statistician", "admin")))


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "SnapshotQuerySet":
        """Snapshots of the sites where the account is researcher, statistician or admin."""
        return self.filter(site__in=user.sites_as("researcher", "statistician", "admin"))


class Snapshot(TimedModel):
    """A frozen training set: manifest and arrays in one folder, named by the hash of its content."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="snapshots")
    name = models.CharField(max_length=120)
    folder = models.CharField(max_length=500, blank=True)
    content_hash = models.CharField(
        max_length=64, blank=True, help_text="empty until the job that builds it is done"
    )
    manifest = models.JSONField(default=dict)
    split = models.ForeignKey(Split, null=True, on_delete=models.PROTECT, related_name="snapshots")
    export = models.ForeignKey(
        TrainingExport, null=True, blank=True, on_delete=models.PROTECT, related_name="snapshots"
    )
    campaign = models.ForeignKey(
        Campaign,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="snapshots",
        help_text="whose picked answers are in it",
    )
    patients = models.ManyToManyField(Patient, related_name="snapshots", blank=True)
    text_seen_at = models.DateTimeField(
        null=True, help_text="a picture in it was found to show burned-in text; its files are destroyed"
    )
    job = models.ForeignKey(Job, null=True, on_delete=models.PROTECT, related_name="+")
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="snapshot_name_once_per_site")]

    def __str__(self) -> str:
        return self.name


class Run(TimedModel):
    """One training run: everything needed to repeat it."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(max_length=120, blank=True)
    stage = models.CharField(max_length=24, choices=Stage)
    variant = models.CharField(
        max_length=60, blank=True, help_text="row of an ablation, or a compared classifier"
    )
    config = models.JSONField(default=dict)
    seed = models.PositiveBigIntegerField(default=0)
    snapshot = models.ForeignKey(Snapshot, null=True, on_delete=models.PROTECT, related_name="runs")
    starts_from: "models.ManyToManyField[Checkpoint, Any]" = models.ManyToManyField(
        "Checkpoint", related_name="continued_by", blank=True
    )
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="run")
    code_version = models.CharField(max_length=64, blank=True)
    environment = models.JSONField(default=dict)
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False, help_text="phantom data or random-weight models")

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name or f"{self.stage} {self.created_at:%Y-%m-%d %H:%M}"


class Checkpoint(TimedModel):
    """Weights in a folder (safetensors), named by their sha256."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="checkpoints")
    folder = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    step = models.PositiveIntegerField(default=0)
    epoch = models.FloatField(default=0)
    is_best = models.BooleanField(default=True)
    metrics = models.JSONField(default=dict)
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "sha256", "step"], name="checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.run} {self.sha256[:12]}"


class Metric(models.Model):
    """One point of a curve."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="metric_points")
    step = models.PositiveIntegerField()
    epoch = models.FloatField(default=0)
    name = models.CharField(max_length=80)
    value = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step", "name"], name="metric_point_once")]

    def __str__(self) -> str:
        return f"{self.name}@{self.step}"


class Prediction(TimedModel):
    """What a checkpoint says about one image, breast, study or question; Tables 6 to 10 are made of these."""

    class UnitKind(models.TextChoices):
        """What was judged."""

        IMAGE = "image", _("Image")
        BREAST = "breast", _("Breast")
        STUDY = "study", _("Study")
        QUESTION = "question", _("Question")

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="predictions")
    unit_kind = models.CharField(max_length=10, choices=UnitKind)
    unit = models.CharField(max_length=80, help_text="id of the unit: <study>, <study>:L, <question>")
    study = models.ForeignKey(Study, null=True, on_delete=models.PROTECT, related_name="predictions")
    laterality = models.CharField(max_length=1, choices=Laterality, blank=True)
    kind = models.CharField(max_length=40, help_text="density_A, malignancy, …")
    method = models.CharField(max_length=20, help_text="image, report, fused, …")
    side = models.CharField(max_length=10, default="test", help_text="side of the split")
    value = models.FloatField()
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["checkpoint", "unit_kind", "unit", "kind", "method"], name="prediction_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.unit}"
