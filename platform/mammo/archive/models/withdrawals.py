"""Withdrawal of a patient, and the backups that may still hold her."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import User
from mammo.archive.models.studies import Patient
from mammo.core.models import TimedModel


class Erasure(TimedModel):
    """Withdrawal of a patient: two persons, and what still holds her (snapshots, checkpoints, exports)."""

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, related_name="erasure")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    still_held_in = models.JSONField(default=list)
    destroyed = models.JSONField(
        default=dict, help_text="how much of what stood under the site's key went, by kind"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=models.F("requested_by")),
                name="erasure_two_persons",
            )
        ]

    def __str__(self) -> str:
        return f"erasure of {self.patient}"


class Backup(TimedModel):
    """A backup that was taken of this installation, as its operator states it; it holds whoever was there then."""

    class Content(models.TextChoices):
        """What was copied."""

        DATABASE = "database", _("Database")
        KEYS = "keys", _("Encryption keys")
        FILES = "files", _("Image files")
        ALL = "all", _("Everything")

    content = models.CharField(max_length=10, choices=Content)
    taken_at = models.DateTimeField()
    where = models.CharField(max_length=300)
    expires_on = models.DateField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-taken_at"]

    def __str__(self) -> str:
        return f"{self.content} {self.taken_at:%Y-%m-%d}"
