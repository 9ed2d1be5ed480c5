"""What the programming interface gives and takes of campaigns: settings, texts, people, practice, figures."""

import json
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from annotation.api_serializers import MOST_ITEMS
from annotation.api_work_serializers import LARGEST_VERSION, text_field
from annotation.exporting.writing import IMAGES, goes_together
from annotation.models import (
    Campaign,
    CampaignMember,
    ProposerContext,
    Purpose,
    TabletLink,
)
from annotation.question_table import LONGEST_POOL
from annotation.services.campaign_settings import LONGEST_TEXT as LONGEST_PAGE
from annotation.services.campaign_settings import MOST_SEATS
from annotation.services.campaigns import SEED_LIMIT
from annotation.services.export import FORMATS
from annotation.services.proposer_specs import checked_spec
from mammo.api.serializers import StrictSerializer
from mammo.core.choices import Language
from mammo.core.errors import UserError

MOST_ANSWERS = 10
MOST_POOLS = 20_000
MOST_MEMBERS = 200
LARGEST_NUMBER = 2**31 - 1


class PlainObjectField(serializers.DictField):
    """A JSON object of plain values: texts, numbers, lists of them; no NUL and no lone surrogate (not stored)."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The object.

        Raises:
            ValidationError: a name or value can't be stored.
        """
        values: dict[str, Any] = super().to_internal_value(data)
        try:
            json.dumps(values, ensure_ascii=False, default=str).encode()
            can_be_stored = len(repr(values)) <= 20_000 and "\\x00" not in repr(values)
        except UnicodeEncodeError:
            can_be_stored = False
        if not can_be_stored:
            raise serializers.ValidationError(_("too large, or with characters that can't be stored"))
        return values


class ProposerField(PlainObjectField):
    """The spec of a proposing system: `kind` and what that kind needs (docs/annotation.md).

    Of an endpoint: base_url, model, api_key_env, timeout_seconds, max_retries and capabilities (supports_n,
    supports_seed, image_mode, max_concurrency); of every kind: name and licence.
    """

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The spec.

        Raises:
            ValidationError: its kind is not a known one, or a field of it can't be used.
        """
        values = super().to_internal_value(data)
        try:
            return checked_spec(values)
        except UserError as error:
            raise serializers.ValidationError(str(error)) from None


class ParametersSerializer(StrictSerializer):
    """How the proposing system draws; what is not given is the system's own."""

    temperature = serializers.FloatField(min_value=0, max_value=2, required=False)
    top_p = serializers.FloatField(
        min_value=0, max_value=1, required=False, help_text="above 0: the nucleus words are drawn from"
    )
    max_new_tokens = serializers.IntegerField(min_value=1, max_value=8192, required=False)
    most_draws = serializers.IntegerField(
        min_value=1, max_value=50, required=False, help_text="of one answer, until it repeats no other one"
    )


def languages_field(**how: Any) -> serializers.ListField:
    """Languages, at least one."""
    child = serializers.ChoiceField(choices=Language.choices)
    return serializers.ListField(child=child, allow_empty=False, max_length=3, **how)


def seats_field(**how: Any) -> serializers.IntegerField:
    """How many people per question."""
    return serializers.IntegerField(min_value=1, max_value=MOST_SEATS, **how)


def pool_field() -> serializers.CharField:
    """The people of a campaign that a question waits for."""
    return serializers.CharField(
        max_length=LONGEST_POOL, default="", allow_blank=True, help_text="of people; empty: all"
    )


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
    parameters = ParametersSerializer(default=dict)
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
    parameters = ParametersSerializer(required=False)
    proposer_context = serializers.ChoiceField(choices=ProposerContext.choices, required=False)
    seed = serializers.IntegerField(min_value=0, max_value=SEED_LIMIT, required=False)


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
    pool = serializers.CharField(
        max_length=LONGEST_POOL,
        default=None,
        allow_null=True,
        allow_blank=True,
        help_text="empty: none; without it a member stays in theirs",
    )


class NewMembersSerializer(StrictSerializer):
    """Several people at once: all of them, or nobody."""

    members = serializers.ListField(
        child=NewMemberSerializer(), allow_empty=False, max_length=MOST_MEMBERS, help_text="each work once"
    )

    def validate_members(self, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each person once for each kind of work."""
        seen = set()
        for row in given:
            if (row["user"], row["purpose"]) in seen:
                raise serializers.ValidationError(_("%(user)s stands in it twice") % {"user": row["user"]})
            seen.add((row["user"], row["purpose"]))
        return given


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


class NewQuestionSerializer(StrictSerializer):
    """One question; several rounds alternate patient and answer and end with the patient."""

    turns = serializers.ListField(
        child=serializers.CharField(max_length=4000), allow_empty=False, max_length=MOST_ITEMS
    )
    source = serializers.CharField(max_length=60)  # type: ignore[assignment]  # a field of this name
    language = serializers.ChoiceField(choices=Language.choices, default="", allow_blank=True)
    consent = serializers.CharField(max_length=120, default="", allow_blank=True)
    asked_on = serializers.DateField(default=None, allow_null=True)
    patient = serializers.CharField(max_length=64, default="", allow_blank=True)
    accession = serializers.CharField(max_length=64, default="", allow_blank=True)
    pool = pool_field()


class NumberedPoolSerializer(StrictSerializer):
    """A question, by its number in the campaign, and its pool."""

    question = serializers.IntegerField(min_value=1, max_value=LARGEST_NUMBER)
    pool = serializers.CharField(max_length=LONGEST_POOL, allow_blank=True, help_text="empty: everybody")


class PoolsSerializer(StrictSerializer):
    """The pools of many questions."""

    pools = serializers.ListField(
        child=NumberedPoolSerializer(),
        allow_empty=False,
        max_length=MOST_POOLS,
        help_text="each question once",
    )

    def validate_pools(self, given: list[dict[str, Any]]) -> dict[int, str]:
        """By number."""
        found = {row["question"]: row["pool"] for row in given}
        if len(found) < len(given):
            raise serializers.ValidationError(_("a question stands in it twice"))
        return found


class MovedSerializer(serializers.Serializer[Any]):
    """Questions whose pool was changed."""

    moved = serializers.ListField(child=serializers.UUIDField())


class NewInvitationSerializer(StrictSerializer):
    """Invite one patient to the tablet."""

    language = serializers.ChoiceField(choices=[("zh", "zh"), ("en", "en")])
    patient = serializers.CharField(max_length=64, default="", allow_blank=True)
    accession = serializers.CharField(max_length=64, default="", allow_blank=True)
    pool = pool_field()


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
    images = serializers.ChoiceField(
        choices=IMAGES,
        default="reference",
        help_text="packed: into the rows, with format parquet alone; none: texts alone",
    )

    split = serializers.CharField(
        default="", allow_blank=True, max_length=80,
        help_text="name of the split whose sides patients have; the campaign's own where none is given",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Pictures are packed into the rows of a format that holds them."""
        if not goes_together(attrs["format"], attrs["images"]):
            raise serializers.ValidationError({"images": _("packed goes with format parquet alone")})
        return attrs
