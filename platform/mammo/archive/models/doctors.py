"""Reporting doctors: who of the accounts they are."""

from django.db import models

from mammo.accounts.models import Site, User
from mammo.core.models import TimedModel


class ReportingDoctor(TimedModel):
    """A reporting doctor's keyed hash and the account it belongs to, as a data manager says.

    `user` is empty where the doctor has no account here: that too is an answer.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="reporting_doctors")
    name_hash = models.CharField(max_length=64, help_text="keyed hash, as it stands in studies")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="reports_as")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name_hash"], name="reporting_doctor_once")]

    def __str__(self) -> str:
        return self.name_hash[:8]
