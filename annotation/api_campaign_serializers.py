"""What the programming interface gives and takes of campaigns: settings, texts, people, practice, figures, tables."""

import base64
import binascii
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from annotation.api_serializers import LONGEST_DAY, MOST_ITEMS
from annotation.api_work_serializers import LARGEST_VERSION, text_field
from annotation.models import (
    Campaign,
    CampaignMember,
    ErrorTag,
    PracticeItem,
    ProposerContext,
    Purpose,
    QuestionUpload,
    TabletLink,
)
from annotation.services.campaign_settings import LONGEST_TEXT as LONGEST_PAGE
from annotation.services.campaign_settings import MOST_SEATS
from annotation.services.campaigns import PROPOSER_KINDS, SEED_LIMIT
from annotation.services.export import FORMATS
from annotation.services.wording import LONGEST_TEXT
from mammo.api.serializers import StrictSerializer
from mammo.archive.models import ImportBatch
from mammo.core.choices import Language

# Of a table sent as base64: 20 MB, as on the page.
LONGEST_TABLE = 27_000_000
MOST_ANSWERS = 10


class PlainObjectField(serializers.DictField):
    """A JSON object of plain values: texts, numbers, lists of them; no NUL, which PostgreSQL can't store."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The object.

        Raises:
            ValidationError: a name or value can't be stored.
        """
        values: dict[str, Any] = super().to_internal_value(data)
        if len(repr(values)) > 20_000 or "\\x00" in repr(values):
            raise serializers.ValidationError(_("too large, or with characters that can't be stored"))
        return values


class ProposerField(PlainObjectField):
    """The spec of a proposing system: `kind` and what that kind needs (docs/annotation.md)."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The spec.

        Raises:
            ValidationError: its kind is not a known one.
        """
        values = super().to_internal_value(data)
        if values.get("kind") not in PROPOSER_KINDS:
            raise serializers.ValidationError(
                _("kind: one of %(known)s") % {"known": ", ".join(PROPOSER_KINDS)}
            )
        return values


def languages_field(**how: Any) -> serializers.ListField:
    """Languages, at least one."""
    child = serializers.ChoiceField(choices=Language.choices)
    return serializers.ListField(child=child, allow_empty=False, max_length=3, **how)


def seats_field(**how: Any) -> serializers.IntegerField:
    """How many people per question."""
    return serializers.IntegerField(min_value=1, max_value=MOST_SEATS, **how)


class SettingsSerializer(StrictSerializer):
    """Settings of a campaign; those that are not given stay as they are."""

    languages = languages_field(required=False)
    overlap = seats_field(required=False)
    senior_overlap = seats_field(required=False)
    rank_all = serializers.BooleanField(required=False)
    allow_small_edit = serializers.BooleanField(required=False)
    adjudication = serializers.BooleanField(required=False)
    practice_required = serializers.BooleanField(required=False)
    is_assigned_only = serializers.BooleanField(required=False)
    due_on = serializers.DateField(required=False, allow_null=True)
    consent_text = serializers.DictField(
        child=text_field(LONGEST_PAGE, allow_blank=True), required=False, help_text="by language: zh, en"
    )

    def validate_consent_text(self, given: dict[str, str]) -> dict[str, str]:
        """By known languages only."""
        unknown = sorted(set(given) - set(Language.values))
        if unknown:
            raise serializers.ValidationError(_("language: choose Chinese or English"))
        return given


class NewCampaignSerializer(SettingsSerializer):
    """A draft campaign."""

    site = serializers.CharField(max_length=40, help_text="code of the site")
    name = serializers.CharField(max_length=120)
    proposer = ProposerField()
    proposer_context = serializers.ChoiceField(choices=ProposerContext.choices, default=ProposerContext.NONE)
    parameters = PlainObjectField(default=dict)
    proposals_per_question = serializers.IntegerField(min_value=1, max_value=MOST_ANSWERS, default=3)
    instructions = text_field(LONGEST_PAGE, default="", allow_blank=True)
    seed = serializers.IntegerField(min_value=0, max_value=SEED_LIMIT, default=None, allow_null=True)


class ChangedSettingsSerializer(SettingsSerializer):
    """Settings to change, and the version of the campaign that they were read from."""

    version = serializers.IntegerField(min_value=0, max_value=LARGEST_VERSION)


class CampaignSettingsSerializer(serializers.ModelSerializer[Campaign]):
    """Every setting of a campaign, for those who run it."""

    site = serializers.CharField(source="site.code")
    languages = serializers.ListField(child=serializers.CharField())
    consent_text = serializers.DictField(child=serializers.CharField(allow_blank=True))

    class Meta:
        model = Campaign
        fields = [
            "id",
            "site",
            "name",
            "state",
            "languages",
            "overlap",
            "senior_overlap",
            "rank_all",
            "allow_small_edit",
            "adjudication",
            "practice_required",
            "is_assigned_only",
            "due_on",
            "consent_text",
            "version",
        ]


class NewProposerSerializer(StrictSerializer):
    """Another proposing system; only before the first proposal."""

    proposer = ProposerField()
    parameters = PlainObjectField(required=False)
    proposer_context = serializers.ChoiceField(choices=ProposerContext.choices, required=False)


class SectionSerializer(serializers.Serializer[Any]):
    """A heading of the guideline that an error tag can cite."""

    code = serializers.CharField()
    title = serializers.CharField()


class TextsSerializer(serializers.Serializer[Any]):
    """Instructions and guideline as they stand, with the numbers of their versions."""

    version = serializers.IntegerField(help_text="of the campaign: send it back with a change")
    instructions = serializers.CharField()
    instruction_version = serializers.IntegerField()
    guideline = serializers.CharField()
    guideline_edition = serializers.CharField()
    guideline_version = serializers.IntegerField()
    sections = SectionSerializer(many=True)


class NewInstructionsSerializer(StrictSerializer):
    """A new wording of the instructions (Markdown)."""

    text = text_field(LONGEST_PAGE, allow_blank=True)
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_VERSION)


class NewGuidelineSerializer(NewInstructionsSerializer):
    """A new wording of the guideline (Markdown), and its edition."""

    edition = serializers.CharField(max_length=120)


class MemberSerializer(serializers.ModelSerializer[CampaignMember]):
    """A person of a campaign."""

    user = serializers.CharField(source="user.username")

    class Meta:
        model = CampaignMember
        fields = ["id", "user", "purpose", "pool"]


class MembersSerializer(serializers.Serializer[Any]):
    """Who works on a campaign, and as what."""

    members = MemberSerializer(many=True)


class NewMemberSerializer(StrictSerializer):
    """Let a person work on a campaign, or put them into another pool."""

    user = serializers.CharField(max_length=150, help_text="user name")
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    pool = serializers.CharField(max_length=40, default="", allow_blank=True)


class FormerMemberSerializer(StrictSerializer):
    """Who shall no longer do what."""

    user = serializers.CharField(max_length=150, help_text="user name")
    purpose = serializers.ChoiceField(choices=Purpose.choices)


class MoveSerializer(StrictSerializer):
    """Open or close."""

    to = serializers.ChoiceField(choices=["open", "closed"])
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)


class ShareSerializer(StrictSerializer):
    """Assign what nobody holds to these people in equal parts."""

    purpose = serializers.ChoiceField(choices=Purpose.choices)
    people = serializers.ListField(
        child=serializers.CharField(max_length=150), allow_empty=False, max_length=200
    )
    most = serializers.IntegerField(min_value=1, max_value=100_000, default=None, allow_null=True)


class SharesSerializer(serializers.Serializer[Any]):
    """How many questions each person holds by name, by user name."""

    assigned = serializers.DictField(child=serializers.IntegerField())


class NewPhraseSerializer(StrictSerializer):
    """A sentence for the phrase book."""

    text = serializers.CharField(max_length=500)
    is_shared = serializers.BooleanField(default=False, help_text="counts for researchers only")


class UploadSerializer(serializers.ModelSerializer[QuestionUpload]):
    """A table that was read and waits to be confirmed; it goes by itself after three days."""

    by = serializers.CharField(source="by_user.username")
    count = serializers.SerializerMethodField()

    class Meta:
        model = QuestionUpload
        fields = ["id", "campaign", "name", "by", "count", "created_at"]

    def get_count(self, upload: QuestionUpload) -> int:
        """Rows that were read."""
        return len(upload.rows)


class NewUploadSerializer(StrictSerializer):
    """A table of questions: CSV, JSON lines or XLSX."""

    name = serializers.CharField(max_length=200, help_text="ends in .csv, .jsonl or .xlsx")
    content = serializers.CharField(max_length=LONGEST_TABLE, help_text="the file in base64")

    def validate_content(self, given: str) -> bytes:
        """The file's bytes."""
        try:
            return base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            raise serializers.ValidationError(_("not base64")) from None


class RejectedSerializer(serializers.Serializer[Any]):
    """A row that was not taken in."""

    row = serializers.CharField()
    reason = serializers.CharField()


class TakenInSerializer(serializers.ModelSerializer[ImportBatch]):
    """What became of a table's rows."""

    counts = serializers.DictField(child=serializers.IntegerField())
    rejected = RejectedSerializer(many=True)

    class Meta:
        model = ImportBatch
        fields = ["id", "counts", "rejected"]


class NewQuestionSerializer(StrictSerializer):
    """One question; several rounds alternate patient and answer and end with the patient."""

    turns = serializers.ListField(
        child=serializers.CharField(max_length=4000), allow_empty=False, max_length=MOST_ITEMS
    )
    source = serializers.CharField(max_length=60)  # type: ignore[assignment]  # a field of this name
    language = serializers.ChoiceField(choices=Language.choices, default="", allow_blank=True)
    consent = serializers.CharField(max_length=120, default="", allow_blank=True)
    patient = serializers.CharField(max_length=64, default="", allow_blank=True)
    accession = serializers.CharField(max_length=64, default="", allow_blank=True)


class NewInvitationSerializer(StrictSerializer):
    """Invite one patient to the tablet."""

    language = serializers.ChoiceField(choices=[("zh", "zh"), ("en", "en")])
    patient = serializers.CharField(max_length=64, default="", allow_blank=True)
    accession = serializers.CharField(max_length=64, default="", allow_blank=True)


class InvitationSerializer(serializers.ModelSerializer[TabletLink]):
    """The link for one patient, used once, for two hours."""

    address = serializers.CharField(
        allow_null=True, help_text="told once: null in the answer to a repeated call"
    )

    class Meta:
        model = TabletLink
        fields = ["id", "address", "language", "expires_at"]


class NewExportSerializer(StrictSerializer):
    """A training set to be written by a job."""

    format = serializers.ChoiceField(choices=FORMATS)
    preferences = serializers.BooleanField(default=False)
    images = serializers.ChoiceField(choices=["reference", "packed"], default="reference")


class PracticeAnswerSerializer(StrictSerializer):
    """One answer of an example, what is wrong with it, and how it should read."""

    text = text_field()
    tags = serializers.ListField(
        child=serializers.ChoiceField(choices=ErrorTag.choices), default=list, max_length=MOST_ITEMS
    )
    reference = text_field(default="", allow_blank=True)


class NewPracticeItemSerializer(StrictSerializer):
    """An example about no patient."""

    language = serializers.ChoiceField(choices=Language.choices)
    question = text_field()
    context = text_field(default="", allow_blank=True)  # type: ignore[assignment]  # a field of this name
    answers = serializers.ListField(child=PracticeAnswerSerializer(), min_length=2, max_length=MOST_ANSWERS)
    best = serializers.IntegerField(min_value=0, max_value=MOST_ANSWERS - 1, help_text="place, from 0")
    feedback = text_field(default="", allow_blank=True)


class PracticeItemSerializer(serializers.ModelSerializer[PracticeItem]):
    """An example with what is expected, for those who run the campaign."""

    answers = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = PracticeItem
        fields = ["id", "position", "language", "context", "question", "answers", "best", "feedback"]


class PracticeItemsSerializer(serializers.Serializer[Any]):
    """The practice set."""

    items = PracticeItemSerializer(many=True)


class ExampleSerializer(serializers.ModelSerializer[PracticeItem]):
    """An example as the person who practises meets it: nothing that gives the solution away."""

    answers = serializers.ListField(child=serializers.CharField(), source="shown")

    class Meta:
        model = PracticeItem
        fields = ["id", "language", "context", "question", "answers"]


class PractiseSerializer(serializers.Serializer[Any]):
    """The next example (null: all are done), and how the account did so far."""

    example = ExampleSerializer(allow_null=True)
    done = serializers.IntegerField()
    right = serializers.IntegerField()
    possible = serializers.IntegerField()


class PractisedSerializer(serializers.Serializer[Any]):
    """How one example went, with what was expected."""

    right = serializers.IntegerField()
    possible = serializers.IntegerField()
    expected = PracticeItemSerializer(source="item")


class PractisedCorrectionSerializer(StrictSerializer):
    """What is wrong with each answer, by its place from "0"; a place that is missing is without fault."""

    item = serializers.UUIDField()
    tags = serializers.DictField(
        child=serializers.ListField(child=serializers.ChoiceField(choices=ErrorTag.choices)), default=dict
    )
    texts = serializers.DictField(child=text_field(LONGEST_TEXT, allow_blank=True), default=dict)
    active_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_DAY, default=0.0)


class PractisedPickSerializer(StrictSerializer):
    """The best answer by its place."""

    item = serializers.UUIDField()
    picked = serializers.IntegerField(min_value=0, max_value=MOST_ANSWERS - 1)
    active_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_DAY, default=0.0)
