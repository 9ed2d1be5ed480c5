"""Picture archives that may be asked for studies, and what was asked of them."""

import uuid
from typing import ClassVar

from django.db import models

from mammo.accounts.models import Site, User
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import TimedModel
from mammo.jobs.models import Job


class PacsServiceQuerySet(models.QuerySet["PacsService"]):
    """Queries named as the domain says them."""

    def usable_by(self, user: User) -> "PacsServiceQuerySet":
        """Services of the sites where the account is data manager."""
        return self.filter(site__in=user.sites_as("data_manager"), removed_at=None)


class PacsService(TimedModel):
    """A DICOMweb service that an administrator let this installation ask; its password stands under the site's key."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="pacs_services")
    name = models.SlugField(max_length=40)
    url = models.URLField(max_length=300, help_text="such as https://pacs/dicom-web")
    user_name = models.CharField(max_length=120, blank=True)
    password = EncryptedTextField(blank=True)
    certificates = models.CharField(
        max_length=300, blank=True, help_text="file of certificates (PEM) to trust"
    )
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["PacsService"]] = PacsServiceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="pacs_service_once")]

    def __str__(self) -> str:
        return self.name

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the site."""
        return self.site.key_id


class PacsFetchQuerySet(models.QuerySet["PacsFetch"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "PacsFetchQuerySet":
        """Fetches of the sites where the account is data manager."""
        return self.filter(service__site__in=user.sites_as("data_manager"))


class PacsFetch(TimedModel):
    """One question to a picture archive, and how far its answer has come; its key is that of the ImportBatch."""

    service = models.ForeignKey(PacsService, on_delete=models.PROTECT, related_name="fetches")
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    query = EncryptedJSONField(help_text="dates, numbers and UIDs that were asked for: they identify")
    todo = EncryptedJSONField(
        null=True, help_text="[study, series, instance] still to fetch; null: not asked yet"
    )
    found = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0, help_text="imported earlier, not fetched again")
    fetched = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["PacsFetch"]] = PacsFetchQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "fetches"

    def __str__(self) -> str:
        return f"{self.service} {self.created_at:%Y-%m-%d %H:%M}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the site: whose studies these are is not known yet."""
        return self.service.site.key_id
