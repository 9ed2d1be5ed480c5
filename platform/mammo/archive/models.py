"""Patients, studies, images, reports, pathology, splits, cohorts and imports. Pseudonymised, never anonymous."""

import uuid
from datetime import date
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Site, User
from mammo.core.choices import Birads, Density, Language, Laterality, PathologyClass, Vendor, View
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import AppendOnlyModel, TimedModel, VersionedModel


class PatientQuerySet(models.QuerySet["Patient"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "PatientQuerySet":
        """Patients of the account's sites."""
        return self.filter(site__in=user.sites_as())


class Patient(TimedModel):
    """A woman under a pseudonym; her texts are encrypted under her own key (`key_id`)."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="patients")
    pseudonym = models.CharField(max_length=40)
    number_hash = models.CharField(max_length=64, help_text="HMAC of the hospital number")
    key_id = models.UUIDField(editable=False)
    roster = EncryptedJSONField(
        default=dict, blank=True, help_text="names and numbers to look for in her texts; data managers only"
    )
    erased_at = models.DateTimeField(null=True, blank=True)
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Patient"]] = PatientQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "number_hash"], name="patient_once_per_site"),
            models.UniqueConstraint(fields=["site", "pseudonym"], name="pseudonym_once_per_site"),
        ]

    def __str__(self) -> str:
        return self.pseudonym

    def encryption_key_id(self) -> uuid.UUID:
        """Key of this patient's texts."""
        return self.key_id


class StudyQuerySet(models.QuerySet["Study"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "StudyQuerySet":
        """Studies of the account's sites."""
        return self.filter(site__in=user.sites_as())

    def needing(self, what: str) -> "StudyQuerySet":
        """Studies at which a person should look: doubtful, quarantine, incomplete or unlabelled."""
        from mammo.archive.study_search import doubtful_reports, quarantined_beside

        if what == "doubtful":
            return self.exclude(label_source="person").filter(models.Exists(doubtful_reports()))
        if what == "quarantine":
            return self.filter(models.Exists(quarantined_beside()))
        if what == "unlabelled":
            return self.filter(Q(density="") | Q(birads_overall=""))
        counts = {
            f"{laterality}{view}": models.Count("pk", filter=Q(laterality=laterality, view=view))
            for laterality in "LR"
            for view in ("CC", "MLO")
        }
        # One pass over the images: an Exists per view takes ten times as long.
        whole = Image.objects.filter(is_extra=False).order_by().values("study").annotate(**counts)
        return self.exclude(pk__in=whole.filter(**{f"{name}__gt": 0 for name in counts}).values("study"))


class Study(VersionedModel):
    """One mammography examination; dates are shifted by a secret number of days per patient."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="studies")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="studies")
    study_uid = models.CharField(max_length=64, help_text="remapped StudyInstanceUID (2.25.…)")
    study_uid_hash = models.CharField(
        max_length=64, help_text="HMAC of the original UID; join key of imports"
    )
    accession_hash = models.CharField(max_length=64, blank=True)
    date = models.DateField(null=True, blank=True)
    age = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="years; 90 stands for 90 and more"
    )
    symptom = EncryptedTextField(blank=True)
    indication = EncryptedTextField(blank=True)
    history = EncryptedTextField(blank=True)
    vendor = models.CharField(max_length=10, choices=Vendor, blank=True)
    density = models.CharField(max_length=1, choices=Density, blank=True)
    birads_left = models.CharField(max_length=2, choices=Birads, blank=True)
    birads_right = models.CharField(max_length=2, choices=Birads, blank=True)
    birads_overall = models.CharField(max_length=2, choices=Birads, blank=True)
    label_source = models.CharField(
        max_length=20, blank=True, choices=[("report", "report"), ("table", "table"), ("person", "person")]
    )
    birads_rule = models.CharField(
        max_length=60, blank=True, help_text="name of the rule that made `overall`"
    )
    birads_edition = models.CharField(max_length=20, blank=True)
    reporting_doctors = models.JSONField(default=list, help_text="keyed hashes")
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Study"]] = StudyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "studies"
        constraints = [models.UniqueConstraint(fields=["site", "study_uid_hash"], name="study_once_per_site")]
        indexes = [
            models.Index(fields=["site", "accession_hash"], name="study_accession"),
            models.Index(fields=["-created_at", "-id"], name="study_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.patient} {self.date or ''}".strip()

    def encryption_key_id(self) -> uuid.UUID:
        """Key of her patient."""
        return self.patient.key_id


class ImageQuerySet(models.QuerySet["Image"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "ImageQuerySet":
        """Images of the account's sites, of patients who were not erased."""
        return self.filter(study__site__in=user.sites_as(), study__patient__erased_at=None)

    def standard_views(self) -> "ImageQuerySet":
        """CC and MLO of both sides, without close-ups."""
        return self.filter(is_extra=False)


class Image(TimedModel):
    """One accepted mammogram: encrypted original, and the normalised HTJ2K viewing copy that everyone meets."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="images")
    laterality = models.CharField(max_length=1, choices=Laterality)
    laterality_source = models.CharField(
        max_length=20, help_text="ImageLaterality, Laterality, pixels or table"
    )
    view = models.CharField(max_length=5, choices=View)
    view_modifiers = models.JSONField(default=list)
    is_extra = models.BooleanField(
        default=False, help_text="close-up or further view: never one of the standard four"
    )
    sop_uid = models.CharField(max_length=64, help_text="remapped SOPInstanceUID")
    sop_uid_hash = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, help_text="of the file as received")
    original = models.CharField(
        max_length=300, help_text="encrypted original, path below the originals' store"
    )
    viewing_copy = models.CharField(max_length=300, help_text="path below the viewing copies' store")
    viewing_copy_sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    bits_stored = models.PositiveSmallIntegerField(default=12)
    spacing_row = models.FloatField(
        null=True, help_text="mm per pixel at the breast, magnification considered"
    )
    spacing_column = models.FloatField(null=True)
    spacing_estimated = models.BooleanField(default=True)
    window_center = models.FloatField()
    window_width = models.FloatField()
    voi_function = models.CharField(max_length=12, default="LINEAR")
    presets = models.JSONField(default=list)
    voi_baked = models.BooleanField(default=False, help_text="a VOI LUT sequence was applied to the copy")
    vendor = models.CharField(max_length=10, choices=Vendor, blank=True)
    acquired_order = models.PositiveIntegerField(
        default=0, help_text="newest highest, within study, side and view"
    )
    flags = models.JSONField(default=list, help_text="what a person should look at")
    procedure_version = models.CharField(max_length=40, help_text="of the de-identification")
    training_fit = models.JSONField(
        default=dict, help_text="how the viewing copy becomes the training array, so that boxes map back"
    )
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Image"]] = ImageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "sop_uid_hash"], name="image_uid_once"),
            models.UniqueConstraint(fields=["study", "sha256"], name="image_bytes_once"),
        ]
        indexes = [
            models.Index(fields=["sha256"], name="image_sha256"),
            models.Index(fields=["sop_uid_hash"], name="image_sop_uid"),
        ]

    def __str__(self) -> str:
        return f"{self.laterality} {self.view}"

    @property
    def slot(self) -> str:
        """Hanging slot such as RCC or LMLO."""
        return f"{self.laterality}{self.view}"


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


class SplitQuerySet(models.QuerySet["Split"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "SplitQuerySet":
        """Splits of the account's sites, and those over several sites."""
        return self.filter(Q(site__in=user.sites_as()) | Q(site=None))


class CohortQuerySet(models.QuerySet["Cohort"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "CohortQuerySet":
        """Cohorts of the account's sites."""
        return self.filter(site__in=user.sites_as())


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

    def __str__(self) -> str:
        return self.name


class SplitMembership(models.Model):
    """Side of one patient in one split; nobody is ever moved or taken out (database triggers)."""

    append_only = True

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


class Cohort(TimedModel):
    """A saved query with the count per exclusion, as the flow chart of a paper needs it."""

    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="cohorts")
    name = models.CharField(max_length=120)
    query = models.JSONField(default=dict)
    exclusions = models.JSONField(default=list, help_text="rule and count, in order")
    studies = models.ManyToManyField(Study, related_name="cohorts", blank=True)
    members_sha256 = models.CharField(max_length=64, blank=True, help_text="of its studies when it was saved")
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Cohort"]] = CohortQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class ImportBatchQuerySet(models.QuerySet["ImportBatch"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "ImportBatchQuerySet":
        """Imports of the sites where the account is data manager: their sources may identify."""
        return self.filter(site__in=user.sites_as("data_manager"))


class ImportBatch(TimedModel):
    """One run of an import."""

    class Kind(models.TextChoices):
        """What was imported."""

        STUDIES = "studies", _("Studies")
        REPORTS = "reports", _("Reports")
        LABELS = "labels", _("Labels")
        PATHOLOGY = "pathology", _("Pathology")
        QUESTIONS = "questions", _("Questions")

    class Origin(models.TextChoices):
        """How the data arrived."""

        FILES = "files", _("Files of this machine")
        UPLOAD = "upload", _("Uploaded")
        C_STORE = "c_store", _("Sent by DICOM C-STORE")
        STOW_RS = "stow_rs", _("Sent by DICOMweb")
        DICOMWEB = "dicomweb", _("Fetched by DICOMweb")
        DATASET = "dataset", _("Public data set")
        QUARANTINE = "quarantine", _("Decided in quarantine")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="import_batches")
    origin = models.CharField(max_length=12, choices=Origin, default=Origin.FILES)
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, help_text="studies, reports, labels, pathology or questions")
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["ImportBatch"]] = ImportBatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "import batches"
        ordering = ["-created_at"]

    @property
    def kind_label(self) -> str:
        """The kind in the reader's language."""
        return str(self.Kind(self.kind).label) if self.kind in self.Kind.values else self.kind

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at:%Y-%m-%d %H:%M}"


class ImportItemQuerySet(models.QuerySet["ImportItem"]):
    """Queries named as the domain says them."""

    def waiting_for(self, user: User) -> "ImportItemQuerySet":
        """Quarantined files, each content once, that this data manager has not looked at."""
        waiting = self.undecided_of(user)
        return waiting.values("quarantine_file").distinct()  # type: ignore[return-value]

    def undecided_of(self, user: User) -> "ImportItemQuerySet":
        """Quarantined files of this data manager's sites that nobody decided about; the same file perhaps twice."""
        undecided = self.filter(
            batch__site__in=user.sites_as("data_manager"), outcome="quarantined", resolved_at=None
        )
        return undecided.exclude(quarantine_file="")

    def one_per_file(self) -> "ImportItemQuerySet":
        """Of files that came several times the first item."""
        earlier = ImportItem.objects.filter(
            quarantine_file=models.OuterRef("quarantine_file"), created_at__lt=models.OuterRef("created_at")
        )
        return self.filter(~models.Exists(earlier))


class ImportItem(TimedModel):
    """What became of one file or row, with a reason a data manager can act on."""

    class Outcome(models.TextChoices):
        """Outcomes; exactly one per file."""

        IMPORTED = "imported", _("Imported")
        DUPLICATE = "duplicate", _("Duplicate")
        QUARANTINED = "quarantined", _("Quarantined")
        REJECTED = "rejected", _("Rejected")

    class Decision(models.TextChoices):
        """What a data manager decided about a quarantined file."""

        RELEASED = "released", _("Released as it is")
        MASKED = "masked", _("Released with boxes blacked out")
        REJECTED = "rejected", _("Refused and destroyed")

    batch = models.ForeignKey(ImportBatch, on_delete=models.PROTECT, related_name="items")
    source = EncryptedTextField(help_text="path as given: may identify, shown to data managers only")
    outcome = models.CharField(max_length=12, choices=Outcome)
    reason = models.CharField(max_length=500, blank=True)
    details = EncryptedJSONField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    image = models.ForeignKey(Image, null=True, on_delete=models.PROTECT, related_name="+")
    quarantine_file = models.CharField(
        max_length=300, blank=True, help_text="encrypted file kept for a person to look at"
    )
    resolved_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    decision_reason = EncryptedTextField(blank=True, help_text="may name what was seen on the image")

    objects: ClassVar[models.Manager["ImportItem"]] = ImportItemQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["sha256"], name="import_item_sha256")]

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the site: no patient is known for a rejected file."""
        return self.batch.site.key_id


class Erasure(TimedModel):
    """Withdrawal of a patient: two persons, and what still holds her (snapshots, checkpoints, exports)."""

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, related_name="erasure")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    still_held_in = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=models.F("requested_by")),
                name="erasure_two_persons",
            )
        ]

    def __str__(self) -> str:
        return f"erasure of {self.patient}"


class SendingSystemQuerySet(models.QuerySet["SendingSystem"]):
    """Queries named as the domain says them."""

    def active(self) -> "SendingSystemQuerySet":
        """Systems that may send now."""
        return self.filter(revoked_at=None)


class SendingSystem(TimedModel):
    """A PACS or modality that may send to a site: by DICOMweb with a token, by C-STORE with its AE title."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="sending_systems")
    name = models.SlugField(max_length=40, unique=True)
    ae_title = models.CharField(max_length=16, blank=True, help_text="calling AE title of its C-STORE")
    token_sha256 = models.CharField(max_length=64, help_text="of a random token of 256 bits")
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["SendingSystem"]] = SendingSystemQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class TableMapping(TimedModel):
    """How a site names the columns of one kind of table; remembered, so that it is asked once."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="table_mappings")
    kind = models.CharField(max_length=20, help_text="reports, labels or pathology")
    header_sha256 = models.CharField(max_length=64, help_text="of the table's column names, sorted")
    columns = models.JSONField(
        default=dict, help_text="column of the table -> column of ours; '' leaves it out"
    )
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "kind", "header_sha256"], name="table_mapping_once")
        ]

    def __str__(self) -> str:
        return f"{self.site}: {self.kind}"
