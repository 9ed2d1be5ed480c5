"""Imports, what became of each file, who may send, and how tables are read."""

import uuid
from pathlib import PurePosixPath, PureWindowsPath
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Site, User
from mammo.archive.models.studies import Image
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import TimedModel


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
        CHECK = "check", _("Check of stored pictures")

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

    @property
    def shown_source(self) -> str:
        """The source without the server's own folders, which rows of an earlier version have."""
        source, mark, member = str(self.source).partition("!")
        if PurePosixPath(source).is_absolute() or PureWindowsPath(source).is_absolute():
            source = "/".join(PureWindowsPath(source).parts[1:][-2:])
        return source + mark + member

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the site: no patient is known for a rejected file."""
        return self.batch.site.key_id


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
