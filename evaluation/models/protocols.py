"""The plan behind a trial or reader study."""

from django.db import models
from django.db.models import Q

from mammo.accounts.models import Site, User
from mammo.archive.models import Cohort
from mammo.core.models import VersionedModel


class ProtocolQuerySet(models.QuerySet["Protocol"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "ProtocolQuerySet":
        """Protocols of a researcher's or statistician's sites, but those of trials that the account rates blind.

        A primary endpoint may name the arms.
        """
        blind = Protocol.objects.filter(
            trials__raters__user=user, trials__state__in=("draft", "frozen", "scoring", "locked")
        )
        here = self.filter(site__in=user.sites_as("researcher", "statistician", "admin"))
        return here.exclude(pk__in=blind.values("pk"))


class Protocol(VersionedModel):
    """The plan behind a trial or reader study; frozen by hash before the first judgement."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="protocols")
    title = models.CharField(max_length=200)
    ethics_approval = models.CharField(max_length=120, blank=True)
    registry_number = models.CharField(max_length=120, blank=True)
    consent_basis = models.TextField(blank=True)
    primary_endpoint = models.JSONField(default=dict, help_text="aspect or AUC, contrast, hypothesis, margin")
    alpha = models.FloatField(default=0.05)
    multiplicity = models.CharField(max_length=40, default="holm")
    analysis_plan = models.TextField(blank=True)
    rules = models.JSONField(default=dict, help_text="missing scores, withdrawn raters, failed controls")
    exclusions = models.JSONField(default=list)
    cohort = models.ForeignKey(
        Cohort, null=True, blank=True, on_delete=models.PROTECT, related_name="protocols"
    )
    authors = models.TextField(blank=True)
    checklist = models.JSONField(
        default=dict, help_text="items of reporting checklists that no row can fill, by key; not frozen"
    )
    frozen_at = models.DateTimeField(null=True, editable=False)
    frozen_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects = ProtocolQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True, frozen_sha256="")
                | (Q(frozen_at__isnull=False) & ~Q(frozen_sha256="")),
                name="protocol_frozen_with_hash",
            )
        ]

    def __str__(self) -> str:
        return self.title
