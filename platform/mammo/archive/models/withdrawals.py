"""Withdrawal of a patient."""

from django.db import models
from django.db.models import Q

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

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=models.F("requested_by")),
                name="erasure_two_persons",
            )
        ]

    def __str__(self) -> str:
        return f"erasure of {self.patient}"
