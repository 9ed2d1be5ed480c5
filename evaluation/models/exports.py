"""Raw data that leaves the platform: asked for with a reason, approved by a second person, for a time."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from evaluation.models.reader_studies import ReaderStudy
from evaluation.models.trials import Trial
from mammo.accounts.models import Site, User
from mammo.core.models import TimedModel


class DataExportQuerySet(models.QuerySet["DataExport"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "DataExportQuerySet":
        """Requests of a researcher's or statistician's sites, but those of trials that the account rates blind."""
        here = self.filter(site__in=user.sites_as("researcher", "statistician", "admin"))
        blind = Trial.objects.rated_blind_by(user)
        return here.exclude(trial__in=blind.values("pk"))


class DataExport(TimedModel):
    """One request for raw scores or readings; every download is an event of the trail."""

    class State(models.TextChoices):
        """Life of a request."""

        ASKED = "asked", _("Asked for")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")
        REVOKED = "revoked", _("Revoked")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="data_exports")
    trial = models.ForeignKey(Trial, null=True, on_delete=models.PROTECT, related_name="exports")
    reader_study = models.ForeignKey(ReaderStudy, null=True, on_delete=models.PROTECT, related_name="exports")
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    expires_on = models.DateField()
    simulated = models.BooleanField(default=False, help_text="rows marked as simulated are taken in")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    downloads = models.PositiveIntegerField(default=0)

    objects = DataExportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(trial__isnull=False, reader_study__isnull=True)
                | Q(trial__isnull=True, reader_study__isnull=False),
                name="data_export_of_one",
            )
        ]

    def __str__(self) -> str:
        return f"export of {self.trial or self.reader_study}"
