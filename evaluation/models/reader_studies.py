"""Reader studies: doctors read the same cases alone and with the model's output."""

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from evaluation.models.protocols import Protocol
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.core.choices import Birads, Laterality
from mammo.core.models import AppendOnlyModel, OpaqueModel, TimedModel, VersionedModel
from modeling.models import Checkpoint


class ReaderStudyQuerySet(models.QuerySet["ReaderStudy"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "ReaderStudyQuerySet":
        """Reader studies of a researcher's or statistician's sites; readers reach theirs through ReadingSlot only."""
        return self.filter(site__in=user.sites_as("researcher", "statistician", "admin"))


class ReaderStudy(VersionedModel):
    """Doctors read the same cases with and without the model's output."""

    class State(models.TextChoices):
        """Life of a reader study."""

        DRAFT = "draft", _("Draft")
        FROZEN = "frozen", _("Frozen")
        READING = "reading", _("Reading")
        LOCKED = "locked", _("Locked")

    class Design(models.TextChoices):
        """How the conditions follow each other."""

        CROSSOVER = "crossover", _("Crossover with washout")
        SEQUENTIAL = "sequential", _("Alone, then at once with the model's output")

    class Unit(models.TextChoices):
        """What one reading is about."""

        BREAST = "breast", _("Breast")
        PATIENT = "patient", _("Patient")

    class Sees(models.TextChoices):
        """What a reader or the model is given."""

        IMAGES = "images", _("Images")
        REPORT = "report", _("Images and the report without BI-RADS")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="reader_studies")
    protocol = models.ForeignKey(Protocol, on_delete=models.PROTECT, related_name="reader_studies")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    design = models.CharField(max_length=10, choices=Design, default=Design.CROSSOVER)
    unit = models.CharField(max_length=7, choices=Unit, default=Unit.BREAST)
    reader_sees = models.CharField(max_length=6, choices=Sees, default=Sees.IMAGES)
    show_earlier = models.BooleanField(
        default=False, help_text="the patient's earlier study hangs beside the case; the model gets none"
    )
    model_sees = models.CharField(max_length=6, choices=Sees, default=Sees.IMAGES)
    prevalence_statement = models.CharField(
        max_length=300, blank=True, help_text="what readers are told about the share of cancers"
    )
    instructions = models.TextField(blank=True)
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

    objects = ReaderStudyQuerySet.as_manager()

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
    earlier = models.ForeignKey(
        Study, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="the study that hangs beside it, fixed when it joined; part of the frozen design",
    )  # fmt: skip
    output = models.JSONField(
        default=dict, help_text="what the pinned checkpoint said, stored when the design was frozen"
    )
    shown = models.JSONField(
        default=dict,
        editable=False,
        help_text="report and images by id and hash, fixed at freezing; empty before",
    )

    picture_left_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="when the archive took out a picture of the frozen ones for text on it; it is read no more after it",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reader_study", "study", "laterality"], name="reader_case_once")
        ]

    def __str__(self) -> str:
        return f"case {self.position}"

    @property
    def shown_earlier(self) -> Study | None:
        """The study that hangs beside the case; None unless the design shows earlier studies."""
        return self.earlier if self.reader_study.show_earlier else None


class Reader(TimedModel):
    """A doctor who reads in a reader study."""

    reader_study = models.ForeignKey(ReaderStudy, on_delete=models.CASCADE, related_name="readers")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="reader_studies_read")
    group = models.CharField(max_length=20, blank=True, help_text="junior, senior, …")
    condition_order = models.JSONField(default=list)
    consented_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader_study", "user"], name="reader_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.reader_study_id}"


class ReadingSlotQuerySet(models.QuerySet["ReadingSlot"]):
    """Queries named as the domain says them."""

    def of(self, user: User) -> "ReadingSlotQuerySet":
        """Slots of this reader in studies that are being read."""
        return self.filter(
            reader__user=user,
            reader__withdrawn_at__isnull=True,
            reader__reader_study__state=ReaderStudy.State.READING,
        )

    def not_erased(self) -> "ReadingSlotQuerySet":
        """Slots whose patient did not withdraw: the images of the others are gone."""
        return self.exclude(case__study__patient__erased_at__isnull=False)

    def pictured(self) -> "ReadingSlotQuerySet":
        """Slots whose case has all the pictures of the freezing: the archive took out none for text on it."""
        return self.filter(case__picture_left_at__isnull=True)

    def passed_over(self) -> "ReadingSlotQuerySet":
        """Slots of patients who stayed that were not read before a picture of their case was taken out."""
        return self.not_erased().filter(case__picture_left_at__isnull=False).exclude(readings__phase="final")

    def counted(self) -> "ReadingSlotQuerySet":
        """Slots that make up a reader's work: read, or still to be read."""
        read = Exists(Reading.objects.filter(slot=OuterRef("pk"), phase="final"))
        return self.not_erased().filter(Q(case__picture_left_at__isnull=True) | read)

    def unread(self) -> "ReadingSlotQuerySet":
        """Slots that can be read and have no final reading."""
        return self.not_erased().pictured().exclude(readings__phase="final")


class ReadingSlot(OpaqueModel):
    """One case at one place of one reader's stored sequence under one condition."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="slots")
    case = models.ForeignKey(ReaderStudyCase, on_delete=models.PROTECT, related_name="slots")
    condition = models.CharField(max_length=40)
    position = models.PositiveIntegerField()
    session = models.PositiveSmallIntegerField(default=1, help_text="period: a washout lies between two")

    objects = ReadingSlotQuerySet.as_manager()

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

    class Finding(models.TextChoices):
        """What was seen (BI-RADS lexicon)."""

        NONE = "none", _("No finding")
        MASS = "mass", _("Mass")
        CALCIFICATIONS = "calcifications", _("Calcifications")
        DISTORTION = "distortion", _("Architectural distortion")
        ASYMMETRY = "asymmetry", _("Asymmetry")
        OTHER = "other", _("Other finding")

    slot = models.ForeignKey(ReadingSlot, on_delete=models.PROTECT, related_name="readings")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="readings")
    revision = models.PositiveSmallIntegerField(default=1)
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    phase = models.CharField(
        max_length=10, default="final", choices=[("before", "before"), ("final", "final")]
    )
    side = models.CharField(max_length=1, choices=[*Laterality.choices, ("N", _("none"))], blank=True)
    finding = models.CharField(max_length=16, choices=Finding, blank=True)
    point = models.JSONField(
        null=True, help_text="click on the lesion: view, and across and down as shares of the image"
    )
    decision = models.BooleanField(null=True, help_text="the category is at or above the operating point")
    views_shown = models.JSONField(default=list)
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


class ReaderStudyEvent(AppendOnlyModel):
    """Freezing, opening, locking, amendments and withdrawals of a reader study: actor, reason, hash."""

    reader_study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20, help_text="frozen, opened, locked, amended")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.reader_study_id}"
