"""Samples of stored pictures in which a person looks for burned-in text that the detector let through."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Site, User
from mammo.archive.models.studies import Study
from mammo.core.append_only import Guard
from mammo.core.models import TimedModel


class PictureSampleQuerySet(models.QuerySet["PictureSample"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "PictureSampleQuerySet":
        """Samples of the sites where the account is data manager."""
        return self.filter(site__in=user.sites_as("data_manager"))


class PictureSample(TimedModel):
    """Pictures drawn at random from all that a site has accepted."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="picture_samples")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    population = models.PositiveIntegerField(help_text="pictures that it was drawn from")
    seed = models.PositiveBigIntegerField()
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["PictureSample"]] = PictureSampleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.site} {self.created_at:%Y-%m-%d}"


class SampledPicture(TimedModel):
    """One picture of a sample; what a person said of it never changes (database triggers)."""

    class Verdict(models.TextChoices):
        """What a person saw."""

        CLEAN = "clean", _("No text")
        TEXT = "text", _("Text: into quarantine")
        GONE = "gone", _("Not there any more")
        UNSHOWN = "unshown", _("Could not be shown")

    sample = models.ForeignKey(PictureSample, on_delete=models.PROTECT, related_name="pictures")
    # No foreign key: a picture with text leaves the archive, the record of the look stays.
    image_key = models.UUIDField(help_text="key of the image's row")
    position = models.PositiveIntegerField()
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True)
    judged_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    judged_at = models.DateTimeField(null=True)
    study = models.ForeignKey(
        Study,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="which a picture with text left",
    )
    held_in = models.JSONField(default=list, help_text="what else held a picture with text when it left")

    guards = tuple(
        Guard(verb, "SELECT 1 WHERE OLD.verdict = ''", "what was seen on a picture never changes")
        for verb in ("UPDATE", "DELETE")
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["sample", "position"], name="sampled_picture_position_once"),
            models.UniqueConstraint(fields=["sample", "image_key"], name="sampled_picture_once"),
        ]

    def __str__(self) -> str:
        return f"picture {self.position}"
