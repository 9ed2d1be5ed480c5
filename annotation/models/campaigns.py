"""Campaigns, who works on them, and what they work by."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from annotation.models.choices import ProposerContext, Purpose
from annotation.querysets import CampaignQuerySet, PhraseQuerySet
from mammo.accounts.models import Site, User
from mammo.core.choices import Language
from mammo.core.models import AppendOnlyModel, TimedModel, VersionedModel


class Campaign(VersionedModel):
    """A collection of questions to be answered by three proposals each, corrected and picked."""

    class State(models.TextChoices):
        """Life of a campaign."""

        DRAFT = "draft", _("Draft")
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    languages = models.JSONField(default=list)
    instructions = models.TextField(
        blank=True, help_text="Markdown; every change is kept as an InstructionVersion"
    )
    proposer = models.JSONField(default=dict, help_text="spec of the proposing system")
    proposer_context = models.CharField(max_length=10, choices=ProposerContext, default=ProposerContext.NONE)
    parameters = models.JSONField(default=dict, help_text="temperature, top_p, …")
    proposals_per_question = models.PositiveSmallIntegerField(default=3)
    overlap = models.PositiveSmallIntegerField(default=1, help_text="juniors per question")
    senior_overlap = models.PositiveSmallIntegerField(default=1, help_text="seniors per question")
    rank_all = models.BooleanField(default=False, help_text="seniors rank all three")
    allow_small_edit = models.BooleanField(default=True)
    adjudication = models.BooleanField(
        default=False, help_text="a third senior decides where the seniors chose differently"
    )
    is_assigned_only = models.BooleanField(
        default=False, help_text="only named people: nobody takes a question from the pool"
    )
    practice_required = models.BooleanField(
        default=False, help_text="the practice set comes before real work"
    )
    guideline = models.TextField(blank=True, help_text="Markdown; error tags cite its headings")
    guideline_edition = models.CharField(max_length=120, blank=True)
    consent_text = models.JSONField(
        default=dict, help_text="what a patient agrees to on the tablet, by language"
    )
    seed = models.PositiveBigIntegerField(default=0)
    due_on = models.DateField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="campaign_name_once_per_site")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_overdue(self) -> bool:
        """Whether the day by which its work is due is over, and the work is not ended."""
        is_over = self.due_on is not None and self.due_on < timezone.localdate()
        return is_over and self.state != self.State.CLOSED


class InstructionVersion(AppendOnlyModel):
    """The wording of the instructions that a judgement was made under."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="instruction_versions")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="instruction_number_once")]

    def __str__(self) -> str:
        return f"{self.campaign} v{self.number}"


class GuidelineVersion(AppendOnlyModel):
    """The guideline that error tags were cited from: its edition and wording."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="guideline_versions")
    number = models.PositiveIntegerField()
    edition = models.CharField(max_length=120)
    text = models.TextField()
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="guideline_number_once")]

    def __str__(self) -> str:
        return f"{self.campaign} guideline v{self.number}"


class CampaignMember(TimedModel):
    """Who may work on a campaign, and as what."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="campaign_memberships")
    purpose = models.CharField(max_length=10, choices=Purpose)
    pool = models.CharField(max_length=40, blank=True, help_text="group of people that share questions")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "user", "purpose"], name="campaign_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.purpose}"


class Phrase(VersionedModel):
    """A sentence that is written often: one's own, or shared with everybody in the campaign."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="phrases")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="phrases")
    language = models.CharField(max_length=3, choices=Language)
    text = models.CharField(max_length=500)
    is_shared = models.BooleanField(default=False)

    objects = PhraseQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "by_user", "text"], name="phrase_once")]

    def __str__(self) -> str:
        return self.text
