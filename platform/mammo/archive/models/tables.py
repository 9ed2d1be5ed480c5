"""Tables of a hospital's other systems: how their columns are read, and those that a page takes in."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Site, User
from mammo.core.encryption import EncryptedTextField
from mammo.core.models import TimedModel
from mammo.jobs.models import Job


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


class TableUploadQuerySet(models.QuerySet["TableUpload"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "TableUploadQuerySet":
        """Tables of the sites where the account is data manager: they identify."""
        return self.filter(site__in=user.sites_as("data_manager"))


class TableUpload(TimedModel):
    """A table that came by a page: kept encrypted until a person confirms its mapping, gone when it is imported.

    Its key is that of the ImportBatch which its rows become.
    """

    class Kind(models.TextChoices):
        """What the rows are."""

        REPORTS = "reports", _("Reports")
        PATHOLOGY = "pathology", _("Pathology")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="table_uploads")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    name = EncryptedTextField(help_text="of the file as it was sent: may identify")
    suffix = models.CharField(max_length=10)
    file = models.CharField(
        max_length=80, blank=True, help_text="name of the sealed file; the row's key names it where empty"
    )
    mapping = models.JSONField(default=dict, help_text="as it was confirmed; empty until then")
    taken = models.PositiveIntegerField(default=0, help_text="rows that were imported or refused so far")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["TableUpload"]] = TableUploadQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.kind} of {self.site}"

    def encryption_key_id(self) -> uuid.UUID:
        """Key of the site: whose rows these are is not looked up yet."""
        return self.site.key_id
