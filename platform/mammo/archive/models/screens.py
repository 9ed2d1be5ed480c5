"""On which screen mammograms were read, which views were on it, and how a reader likes the viewer."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import User
from mammo.archive.models.studies import Study
from mammo.core.models import AppendOnlyModel, TimedModel


class Verdict(models.TextChoices):
    """Whether mammograms may be judged at a computer."""

    YES = "yes", _("This computer will do.")
    LIMITS = "limits", _("This computer will do, within limits.")
    NO = "no", _("This computer will not do.")


class Unavailable(models.TextChoices):
    """Why a view was judged without."""

    NOT_LOADED = "not_loaded", _("could not be loaded or decoded")
    UNREADABLE = "unreadable", _("on screen, but not to be read (empty, cut off, another patient's)")
    NOT_IN_STUDY = "not_in_study", _("not in the study")


# What a person may state; that a view is not in the study, the server knows by itself.
DECLARABLE = (Unavailable.NOT_LOADED, Unavailable.UNREADABLE)


class DisplayCheckQuerySet(models.QuerySet["DisplayCheck"]):
    """Queries named as the domain says them."""

    def of_screen(self, user: User, width: int, height: int) -> "DisplayCheckQuerySet":
        """This account's checks of a screen of that size (CSS pixels, which no zoom changes), newest first."""
        found = self.filter(by_user=user, screen_width=width, screen_height=height)
        return found.order_by("-created_at")


class DisplayCheck(AppendOnlyModel):
    """A reader's screen as measured by the browser and as stated by the reader."""

    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="display_checks")
    screen_width = models.PositiveIntegerField(help_text="CSS pixels")
    screen_height = models.PositiveIntegerField(help_text="CSS pixels")
    pixel_ratio = models.FloatField(help_text="device pixels per CSS pixel, zoom included")
    colour_depth = models.PositiveSmallIntegerField(help_text="bits of the three colours together")
    browser = models.CharField(max_length=300)
    renderer = models.CharField(max_length=200, blank=True, help_text="what draws WebGL")
    webgl = models.BooleanField()
    decodes = models.BooleanField(help_text="the test pattern was decoded and drawn by the viewer")
    model = models.CharField(max_length=120, help_text="maker and model, as stated")
    native_columns = models.PositiveIntegerField(help_text="pixels of the screen, as stated")
    native_rows = models.PositiveIntegerField()
    luminance = models.PositiveIntegerField(null=True, help_text="cd/m2, as stated; null: not known")
    calibrated_on = models.DateField(null=True, help_text="as stated; null: never or not known")
    dark_seen = models.BooleanField(help_text="5 % square seen on black")
    light_seen = models.BooleanField(help_text="95 % square seen on white")
    mm_per_device_pixel = models.FloatField(null=True, help_text="measured with a card; null: not measured")
    verdict = models.CharField(max_length=8, choices=Verdict)
    problems = models.JSONField(default=list, help_text="codes of what speaks against it")
    is_simulated = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["DisplayCheck"]] = DisplayCheckQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["by_user", "screen_width", "screen_height"], name="display_screen")]

    def __str__(self) -> str:
        return f"{self.model} {self.screen_width}x{self.screen_height}"


class ViewsShown(AppendOnlyModel):
    """What a viewer reported for one piece of judged work: the views on screen, those declared unavailable."""

    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, help_text="kind of work: question, form, reading")
    task = models.UUIDField(help_text="public key of the work")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    display = models.ForeignKey(DisplayCheck, null=True, on_delete=models.PROTECT, related_name="+")
    shown = models.JSONField(default=list, help_text="keys of the images that were on screen")
    unavailable = models.JSONField(default=dict, help_text="view: why it was judged without")
    webgl = models.BooleanField(help_text="false: drawn in the reduced way; nothing is judged on it")
    screen = models.JSONField(default=dict, help_text="as measured: width, height, pixel_ratio, window")
    seconds = models.FloatField(null=True, help_text="from opening the page to all views on screen")
    is_simulated = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "views shown"
        indexes = [models.Index(fields=["by_user", "kind", "task", "-created_at"], name="views_of_work")]

    def __str__(self) -> str:
        return f"{len(self.shown)} images for {self.kind} {self.task}"


class JudgedOnScreen(AppendOnlyModel):
    """Leads from a judgement to the views, and with them the display, that it was made on."""

    views = models.ForeignKey(ViewsShown, on_delete=models.PROTECT, related_name="judged")
    judgement_type = models.CharField(max_length=60, help_text="such as annotation.correction")
    judgement = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["judgement_type", "judgement"], name="judged_on_one_screen")
        ]

    def __str__(self) -> str:
        return f"{self.judgement_type} {self.judgement}"


class ViewerPreferences(TimedModel):
    """How one reader likes the viewer; follows the account to every computer."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="viewer_preferences")
    values = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"viewer of {self.user}"
