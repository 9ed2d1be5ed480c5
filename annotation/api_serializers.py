"""What the programming interface gives and takes of annotation. Field lists are contracts: tests hold them."""

from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.models import Campaign, Correction, ErrorTag, Pick, Proposal, Question, TrainingExport
from annotation.reasons import PickReason
from annotation.services.returned import LONGEST_REASON
from annotation.services.wording import LONGEST_TEXT
from mammo.accounts.models import Role, User
from mammo.api.serializers import StrictSerializer
from mammo.core.encryption import ErasedText

LONGEST_DAY = 86_400.0
MOST_ITEMS = 20


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    """A campaign as everybody on it may know it: nothing of the proposing model."""

    site = serializers.CharField(source="site.code")

    class Meta:
        model = Campaign
        fields = [
            "id",
            "site",
            "name",
            "state",
            "languages",
            "instructions",
            "overlap",
            "senior_overlap",
            "rank_all",
            "allow_small_edit",
            "due_on",
            "opened_at",
            "closed_at",
            "version",
            "is_simulated",
        ]


class CampaignDesignSerializer(serializers.ModelSerializer[Campaign]):
    """Which model proposes, and how."""

    class Meta:
        model = Campaign
        fields = ["id", "proposer", "proposer_context", "parameters", "proposals_per_question", "seed"]


class TurnsField(serializers.Field[Any, Any, Any, Any]):
    """The conversation, oldest first; one tombstone after the patient's erasure."""

    def to_representation(self, value: Any) -> list[str]:
        """A list of texts."""
        return [str(value)] if isinstance(value, ErasedText) else [str(turn) for turn in value]


@extend_schema_field(serializers.ListField(child=serializers.CharField()))
class Turns(TurnsField):
    """`TurnsField` as the schema names it."""


class QuestionSerializer(serializers.ModelSerializer[Question]):
    """A question in its cleaned wording; `turns` is empty until a data manager has confirmed it."""

    turns = Turns(
        help_text="empty until a data manager has confirmed the wording; data managers read it before"
    )

    class Meta:
        model = Question
        fields = [
            "id",
            "campaign",
            "study",
            "position",
            "language",
            "turns",
            "stage",
            "round",
            "is_practice",
            "version",
            "is_simulated",
        ]

    def to_representation(self, instance: Question) -> dict[str, Any]:
        """The question as the caller may read it."""
        shown = super().to_representation(instance)
        if instance.is_unconfirmed and instance.campaign.site_id not in self._sites_kept:
            shown["turns"] = []
        return shown

    @cached_property
    def _sites_kept(self) -> set[Any]:
        """Sites where the caller is data manager; none where nobody is known to ask."""
        user = getattr(self.context.get("request"), "user", None)
        if not isinstance(user, User):
            return set()
        return set(user.sites_as(Role.DATA_MANAGER).values_list("pk", flat=True))


class ProposalSerializer(serializers.ModelSerializer[Proposal]):
    """A proposal with its provenance."""

    text = serializers.CharField()

    class Meta:
        model = Proposal
        fields = [
            "id",
            "question",
            "round",
            "index",
            "text",
            "system",
            "system_kind",
            "revision",
            "parameters",
            "seed",
            "prompt_sha256",
            "context",
            "finish_reason",
            "is_distinct",
            "tokens",
            "seconds",
            "created_at",
            "is_simulated",
        ]


class CorrectionSerializer(serializers.ModelSerializer[Correction]):
    """A junior's settled version of one proposal."""

    by = serializers.CharField(source="by_user.username")
    question = serializers.UUIDField(source="proposal.question_id")
    text = serializers.CharField()
    notes = serializers.CharField()
    error_tags = serializers.ListField(child=serializers.CharField())
    citations = serializers.DictField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Correction
        fields = [
            "id",
            "question",
            "proposal",
            "by",
            "round",
            "revision",
            "replaces",
            "text",
            "no_change",
            "error_tags",
            "citations",
            "guideline_version",
            "instruction_version",
            "warnings",
            "notes",
            "edit_distance",
            "active_seconds",
            "created_at",
            "is_simulated",
        ]


class PickSerializer(serializers.ModelSerializer[Pick]):
    """A senior's choice."""

    by = serializers.CharField(source="by_user.username")
    text = serializers.CharField()
    reason = serializers.CharField()

    class Meta:
        model = Pick
        fields = [
            "id",
            "question",
            "correction",
            "by",
            "round",
            "revision",
            "replaces",
            "text",
            "edited",
            "ranking",
            "reason_codes",
            "reason",
            "active_seconds",
            "created_at",
            "is_simulated",
        ]


class ExportSerializer(serializers.ModelSerializer[TrainingExport]):
    """A training set; where it lies on the server stays there."""

    by = serializers.CharField(source="by_user.username", default=None, allow_null=True)

    class Meta:
        model = TrainingExport
        fields = [
            "id",
            "campaign",
            "format",
            "preferences",
            "images",
            "export_id",
            "content_hash",
            "counts",
            "by",
            "created_at",
            "is_simulated",
        ]


class CaseSerializer(serializers.Serializer[Any]):
    """What is shown of the study beside a task."""

    id = serializers.UUIDField()
    age = serializers.IntegerField(allow_null=True)
    density = serializers.CharField()
    birads_left = serializers.CharField()
    birads_right = serializers.CharField()
    symptom = serializers.CharField()
    indication = serializers.CharField()
    history = serializers.CharField()


class PriorSerializer(serializers.Serializer[Any]):
    """The newest earlier study of the same patient."""

    id = serializers.UUIDField()
    date = serializers.DateField(help_text="shifted, as every date")
    density = serializers.CharField()
    birads_left = serializers.CharField()
    birads_right = serializers.CharField()


class CorrectionCardSerializer(serializers.Serializer[Any]):
    """One proposal as its junior works on it."""

    letter = serializers.CharField()
    proposal = serializers.UUIDField(source="id")
    proposed = serializers.CharField(help_text="as the model wrote it")
    text = serializers.CharField(help_text="as the draft, or the last correction, has it")
    no_change = serializers.BooleanField()
    error_tags = serializers.ListField(child=serializers.CharField(), source="tags")


class CandidateSerializer(serializers.Serializer[Any]):
    """One corrected answer as a senior sees it."""

    letter = serializers.CharField()
    correction = serializers.UUIDField(source="id")
    text = serializers.CharField()


class TaskReturnSerializer(serializers.Serializer[Any]):
    """Why a senior sent a question back, without a name."""

    round = serializers.IntegerField(help_text="that ended with it")
    reason_codes = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()


class CorrectionTaskSerializer(serializers.Serializer[Any]):
    """What a junior is given."""

    question = QuestionSerializer()
    study = CaseSerializer(allow_null=True)
    prior = PriorSerializer(allow_null=True)
    report = serializers.CharField(help_text="cleaned of identity; empty when there is none")
    report_waits = serializers.BooleanField(
        help_text="there is one, not shown until a data manager has read it"
    )
    items = CorrectionCardSerializer(many=True)
    returns = TaskReturnSerializer(many=True, help_text="newest first; empty in the first round")
    revision = serializers.IntegerField(help_text="send it back; 0 before the first submission")
    draft_version = serializers.IntegerField(help_text="of the draft on the server; 0 when there is none")


class PickTaskSerializer(serializers.Serializer[Any]):
    """What a senior is given."""

    question = QuestionSerializer()
    study = CaseSerializer(allow_null=True)
    prior = PriorSerializer(allow_null=True)
    report = serializers.CharField(help_text="cleaned of identity; empty when there is none")
    report_waits = serializers.BooleanField(
        help_text="there is one, not shown until a data manager has read it"
    )
    candidates = CandidateSerializer(many=True)
    draft_version = serializers.IntegerField(help_text="of the draft on the server; 0 when there is none")


def instruction_field() -> serializers.IntegerField:
    """Which instructions the person was shown."""
    return serializers.IntegerField(
        min_value=0,
        max_value=2_147_483_647,
        default=None,
        allow_null=True,
        help_text="number of the instructions that were shown (`campaigns/{id}/texts/`); without it those that stand",
    )


def guideline_field() -> serializers.IntegerField:
    """Which guideline the person was shown."""
    return serializers.IntegerField(
        min_value=0,
        max_value=2_147_483_647,
        default=None,
        allow_null=True,
        help_text="number of the guideline that was shown (`campaigns/{id}/texts/`); without it the one that stands",
    )


def round_field() -> serializers.IntegerField:
    """Which round of the question the person was shown."""
    return serializers.IntegerField(
        min_value=1,
        max_value=32_767,
        default=None,
        allow_null=True,
        source="shown_round",
        help_text="`question.round` of the task that was shown: after a return it is answered 409; without it the "
        "present round is meant",
    )


class NewCorrectionSerializer(StrictSerializer):
    """One proposal, settled."""

    proposal = serializers.UUIDField()
    text = serializers.CharField(max_length=LONGEST_TEXT, trim_whitespace=False)
    no_change = serializers.BooleanField(default=False)
    error_tags = serializers.ListField(
        child=serializers.ChoiceField(choices=ErrorTag.choices), default=list, max_length=MOST_ITEMS
    )
    citations = serializers.DictField(
        child=serializers.CharField(max_length=120),
        default=dict,
        help_text="error tag: code of the guideline's heading (`campaigns/{id}/texts/`)",
    )
    notes = serializers.CharField(
        max_length=LONGEST_TEXT, default="", allow_blank=True, trim_whitespace=False
    )


class NewCorrectionsSerializer(StrictSerializer):
    """All proposals of a question, settled."""

    items = NewCorrectionSerializer(many=True, allow_empty=False)
    revision = serializers.IntegerField(min_value=0, max_value=32_767)
    round = round_field()
    draft_version = serializers.IntegerField(
        min_value=0, max_value=2_147_483_647, default=None, allow_null=True
    )
    active_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_DAY, default=0.0)
    instruction_version = instruction_field()
    guideline_version = guideline_field()
    stands_because = serializers.CharField(
        max_length=LONGEST_REASON,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        help_text="after a return: why texts that are all as they were sent back stand; without it they are refused",
    )

    def validate_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each proposal once."""
        named = [item["proposal"] for item in items]
        if len(named) != len(set(named)):
            raise serializers.ValidationError(_("a proposal is settled twice"))
        return items


class NewPickSerializer(StrictSerializer):
    """A choice."""

    correction = serializers.UUIDField()
    text = serializers.CharField(
        max_length=LONGEST_TEXT, default=None, allow_null=True, allow_blank=True, trim_whitespace=False
    )
    ranking = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=MOST_ITEMS)
    reason_codes = serializers.ListField(
        child=serializers.ChoiceField(choices=PickReason.choices), default=list, max_length=MOST_ITEMS
    )
    reason = serializers.CharField(
        max_length=LONGEST_TEXT, default="", allow_blank=True, trim_whitespace=False
    )
    round = round_field()
    draft_version = serializers.IntegerField(
        min_value=0, max_value=2_147_483_647, default=None, allow_null=True
    )
    active_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_DAY, default=0.0)
    instruction_version = instruction_field()
