"""Patients, their studies and images."""

import uuid
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import Q

from mammo.accounts.models import Site, User
from mammo.archive.viewing_rights import CATALOGUE_ROLES, READER_ROLES, granted
from mammo.core.choices import Birads, Density, Laterality, Vendor, View
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import TimedModel, VersionedModel

# Bits of `Study.standard_views`.
STANDARD_VIEW_BITS = {("L", "CC"): 1, ("L", "MLO"): 2, ("R", "CC"): 4, ("R", "MLO"): 8}
ALL_STANDARD_VIEWS = sum(STANDARD_VIEW_BITS.values())


class PatientQuerySet(models.QuerySet["Patient"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "PatientQuerySet":
        """Patients of the sites where the account reads the catalogue."""
        return self.filter(site__in=user.sites_as(*CATALOGUE_ROLES))


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
        """Studies whose facts the account may read: of its sites for readers of the catalogue, else those it works on."""
        return self.filter(Q(site__in=user.sites_as(*CATALOGUE_ROLES)) | granted(user))

    def readable_by(self, user: User) -> "StudyQuerySet":
        """Studies whose labels and reports the account may read: of the sites where it reads the archive."""
        return self.filter(site__in=user.sites_as(*READER_ROLES))

    def viewable_by(self, user: User) -> "StudyQuerySet":
        """Studies whose images the account may look at; none of patients who were erased."""
        seen = Q(site__in=user.sites_as(*READER_ROLES)) | granted(user)
        return self.filter(seen, patient__erased_at=None)

    def needing(self, what: str) -> "StudyQuerySet":
        """Studies at which a person should look: doubtful, quarantine, incomplete or unlabelled."""
        from mammo.archive.study_search import doubtful_reports, quarantined_beside, reports_that_may_name

        if what == "doubtful":
            labels = ~Q(label_source="person") & models.Exists(doubtful_reports())
            return self.filter(labels | models.Exists(reports_that_may_name()))
        if what == "quarantine":
            return self.filter(models.Exists(quarantined_beside()))
        if what == "unlabelled":
            return self.filter(Q(density="") | Q(birads_overall=""))
        return self.filter(standard_views__lt=ALL_STANDARD_VIEWS)


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
    label_sources = models.JSONField(
        default=dict, blank=True, help_text="source by label; `label_source` is the highest of them"
    )
    birads_rule = models.CharField(
        max_length=60, blank=True, help_text="name of the rule that made `overall`"
    )
    birads_edition = models.CharField(max_length=20, blank=True)
    reporting_doctors = models.JSONField(default=list, help_text="keyed hashes")
    # Kept by `Image.save`, since counting them over all images is what made the list of incomplete studies slow.
    standard_views = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="bits of the standard views it has: LCC 1, LMLO 2, RCC 4, RMLO 8"
    )
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Study"]] = StudyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "studies"
        constraints = [models.UniqueConstraint(fields=["site", "study_uid_hash"], name="study_once_per_site")]
        indexes = [
            models.Index(fields=["site", "accession_hash"], name="study_accession"),
            models.Index(fields=["-created_at", "-id"], name="study_newest"),
            models.Index(
                fields=["-created_at", "-id"],
                name="study_lacks_a_view",
                condition=Q(standard_views__lt=ALL_STANDARD_VIEWS),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient} {self.date or ''}".strip()

    def encryption_key_id(self) -> uuid.UUID:
        """Key of her patient."""
        return self.patient.key_id


class ImageQuerySet(models.QuerySet["Image"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "ImageQuerySet":
        """Images whose facts the account may read, of patients who were not erased."""
        seen = Q(study__site__in=user.sites_as(*CATALOGUE_ROLES)) | granted(user, "study__patient")
        return self.filter(seen, study__patient__erased_at=None)

    def viewable_by(self, user: User) -> "ImageQuerySet":
        """Images that the account may look at, of patients who were not erased."""
        seen = Q(study__site__in=user.sites_as(*READER_ROLES)) | granted(user, "study__patient")
        return self.filter(seen, study__patient__erased_at=None)

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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and tell the study of a standard view that it did not have. Which view it is never changes."""
        is_new = self._state.adding
        with transaction.atomic(using=kwargs.get("using")):
            super().save(*args, **kwargs)
            bit = 0 if self.is_extra else STANDARD_VIEW_BITS.get((self.laterality, self.view), 0)
            if is_new and bit:
                had = models.F("standard_views").bitor(bit)
                Study.objects.filter(pk=self.study_id).update(standard_views=had)

    @property
    def slot(self) -> str:
        """Hanging slot such as RCC or LMLO."""
        return f"{self.laterality}{self.view}"
