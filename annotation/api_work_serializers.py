"""What the programming interface gives and takes beside corrections and picks: drafts, skips, remarks, news, …"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api_serializers import (
    LONGEST_DAY,
    MOST_ITEMS,
    CaseSerializer,
    PriorSerializer,
    QuestionSerializer,
    guideline_field,
    instruction_field,
    round_field,
)
from annotation.models import (
    Comment,
    Flag,
    FlagKind,
    Lease,
    Notification,
    Phrase,
    Purpose,
    Question,
    Skip,
    SkipReason,
)
from annotation.question_table import LONGEST_POOL
from annotation.reasons import PickReason, ReturnReason
from annotation.services.returned import LONGEST_REASON
from annotation.services.wording import LONGEST_REMARK, LONGEST_TEXT
from mammo.api.serializers import StrictSerializer

LARGEST_VERSION = 2_147_483_647


def text_field(longest: int = LONGEST_TEXT, **how: Any) -> serializers.CharField:
    """A text that is stored as it was written."""
    return serializers.CharField(max_length=longest, trim_whitespace=False, **how)


def codes_field(choices: Any) -> serializers.ListField:
    """Codes of a list, each from its choices."""
    return serializers.ListField(
        child=serializers.ChoiceField(choices=choices), default=list, max_length=MOST_ITEMS
    )


class PurposeSerializer(StrictSerializer):
    """What is to be done with a question."""

    purpose = serializers.ChoiceField(choices=Purpose.choices)


class TakenSerializer(serializers.Serializer[Any]):
    """The question that was taken; null when nothing waits."""

    question = QuestionSerializer(allow_null=True)


class HolderSerializer(serializers.ModelSerializer[Lease]):
    """A seat at a question."""

    user = serializers.CharField(source="user.username")

    class Meta:
        model = Lease
        fields = ["id", "user", "purpose", "round", "seat", "expires_at"]


class HoldersSerializer(serializers.Serializer[Any]):
    """Where a question stands, for whom it waits, and who holds it now."""

    stage = serializers.ChoiceField(choices=Question.Stage.choices)
    pool = serializers.CharField(help_text="of people; empty: all of the campaign")
    holders = HolderSerializer(many=True)


class PoolSerializer(StrictSerializer):
    """For whose pool a question shall wait."""

    pool = serializers.CharField(max_length=LONGEST_POOL, allow_blank=True, help_text="empty: everybody")


class WithdrawalSerializer(StrictSerializer):
    """Why a question is taken out of its campaign; kept as a remark of research."""

    reason = text_field(LONGEST_REMARK)


class NewAssignmentSerializer(StrictSerializer):
    """Give a question to a person (`to`), take it back (`from`), or move it (both)."""

    purpose = serializers.ChoiceField(choices=Purpose.choices)
    to = serializers.CharField(max_length=150, default="", allow_blank=True, help_text="user name")
    come_from = serializers.CharField(max_length=150, default="", allow_blank=True, help_text="user name")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` is a word that Python keeps for itself."""
        found = super().get_fields()
        return {{"come_from": "from"}.get(name, name): field for name, field in found.items()}


class DraftSerializer(serializers.Serializer[Any]):
    """What was typed so far; version 0: nothing is stored."""

    version = serializers.IntegerField()
    content = serializers.JSONField()


class CorrectionDraftItemSerializer(StrictSerializer):
    """One answer that is being worked on."""

    text = text_field(allow_blank=True)
    no_change = serializers.BooleanField(default=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=20), default=list, max_length=MOST_ITEMS
    )
    citation = serializers.CharField(
        max_length=120,
        default="",
        allow_blank=True,
        help_text="one heading for all tags; read without `citations`",
    )
    citations = serializers.DictField(
        child=serializers.CharField(max_length=120),
        default=dict,
        help_text="error tag: code of the guideline's heading (`campaigns/{id}/texts/`)",
    )
    notes = text_field(LONGEST_REMARK, default="", allow_blank=True)


class NewDraftSerializer(StrictSerializer):
    """What every draft carries: the version that the caller holds, and the seconds at work so far."""

    version = serializers.IntegerField(min_value=0, max_value=LARGEST_VERSION, help_text="0 for the first")
    round = round_field()
    active_seconds = serializers.FloatField(
        min_value=0, max_value=LONGEST_DAY, default=0.0, help_text="of all visits together"
    )


class NewCorrectionDraftSerializer(NewDraftSerializer):
    """An unfinished correction: all its answers, by the id of their proposal."""

    items = serializers.DictField(child=CorrectionDraftItemSerializer())
    stands_because = text_field(LONGEST_REASON, default="", allow_blank=True)


class NewPickDraftSerializer(NewDraftSerializer):
    """An unfinished choice."""

    choice = serializers.CharField(max_length=40, default="", allow_blank=True)
    wordings = serializers.DictField(child=text_field(allow_blank=True), default=dict)
    ranks = serializers.DictField(child=serializers.CharField(max_length=3, allow_blank=True), default=dict)
    reasons = codes_field(PickReason.choices)
    reason = text_field(LONGEST_REMARK, default="", allow_blank=True)
    written = text_field(default="", allow_blank=True)
    written_reason = text_field(LONGEST_REMARK, default="", allow_blank=True)
    return_reasons = codes_field(ReturnReason.choices)
    return_reason = text_field(LONGEST_REMARK, default="", allow_blank=True)


class NewAdjudicationDraftSerializer(NewDraftSerializer):
    """An unfinished decision between two seniors."""

    chosen = serializers.CharField(max_length=40, default="", allow_blank=True)
    reasons = codes_field(PickReason.choices)
    reason = text_field(LONGEST_REMARK, default="", allow_blank=True)
    return_reasons = codes_field(ReturnReason.choices)
    return_reason = text_field(LONGEST_REMARK, default="", allow_blank=True)


class TextsToCheckSerializer(StrictSerializer):
    """Texts by the id of their proposal."""

    texts = serializers.DictField(child=text_field(allow_blank=True))


class WarningSerializer(serializers.Serializer[Any]):
    """What should be read again, and the words that gave rise to it."""

    kind = serializers.CharField()
    words = serializers.CharField()
    message = serializers.CharField()


class WarningsSerializer(serializers.Serializer[Any]):
    """Warnings by the id of the proposal; nothing is stored or changed."""

    warnings = serializers.DictField(child=WarningSerializer(many=True))


class SkipSerializer(serializers.ModelSerializer[Skip]):
    """A question left to somebody else."""

    by = serializers.CharField(source="by_user.username")
    reason = serializers.CharField()

    class Meta:
        model = Skip
        fields = ["id", "question", "by", "purpose", "round", "code", "reason", "created_at", "lifted_at"]


class NewSkipSerializer(PurposeSerializer):
    """Why a question is left to somebody else."""

    code = serializers.ChoiceField(choices=SkipReason.choices)
    reason = text_field(LONGEST_REMARK, default="", allow_blank=True)


class RemarkSerializer(serializers.ModelSerializer[Comment]):
    """A remark as the person who wrote it sees it."""

    text = serializers.CharField()

    class Meta:
        model = Comment
        fields = ["id", "question", "role", "text", "created_at"]


class RemarkLineSerializer(serializers.Serializer[Any]):
    """A remark as this reader may see it: by role, by name where names may be known."""

    who = serializers.CharField()
    text = serializers.CharField()
    at = serializers.DateTimeField()
    is_own = serializers.BooleanField()


class RemarksSerializer(serializers.Serializer[Any]):
    """The remarks that this account may read now, oldest first."""

    remarks = RemarkLineSerializer(many=True)


class NewRemarkSerializer(StrictSerializer):
    """A remark."""

    text = text_field(LONGEST_REMARK)


class FlagSerializer(serializers.ModelSerializer[Flag]):
    """Something is wrong with a question itself."""

    by = serializers.CharField(source="by_user.username")
    note = serializers.CharField()
    settlement = serializers.CharField()

    class Meta:
        model = Flag
        fields = ["id", "question", "by", "kind", "note", "created_at", "settled_at", "settlement"]


class NewFlagSerializer(StrictSerializer):
    """What is wrong with the question."""

    kind = serializers.ChoiceField(choices=FlagKind.choices)
    note = text_field(LONGEST_REMARK, default="", allow_blank=True)


class SettlementSerializer(StrictSerializer):
    """What was done about a flag."""

    settlement = text_field(LONGEST_REMARK)


class ReturnedSerializer(serializers.ModelSerializer[Question]):
    """Where a question stands after it was sent back."""

    class Meta:
        model = Question
        fields = ["id", "stage", "round"]


class NoneAcceptableSerializer(StrictSerializer):
    """Why none of the answers is acceptable, and the instructions that were shown."""

    reason = text_field(LONGEST_REMARK)
    reason_codes = codes_field(ReturnReason.choices)
    round = round_field()
    instruction_version = instruction_field()


class NewReturnSerializer(NoneAcceptableSerializer):
    """Why the question goes back."""

    guideline_version = guideline_field()
    active_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_DAY, default=0.0)


class NewAnswerSerializer(NoneAcceptableSerializer):
    """The senior's own answer, and why none of the corrected ones would do."""

    text = text_field()
    active_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_DAY, default=0.0)
    draft_version = serializers.IntegerField(
        min_value=0, max_value=LARGEST_VERSION, default=None, allow_null=True
    )


class DisputedSerializer(serializers.Serializer[Any]):
    """What one of two seniors chose, without a name."""

    id = serializers.UUIDField()
    text = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    is_written = serializers.BooleanField(help_text="written by that senior, no corrected answer")


class AnswerCardSerializer(serializers.Serializer[Any]):
    """A corrected answer under its letter."""

    letter = serializers.CharField()
    correction = serializers.UUIDField(source="id")
    text = serializers.CharField()


class OpenedCardSerializer(serializers.Serializer[Any]):
    """A corrected answer with what was hidden before the choice, under the letter that it had then."""

    letter = serializers.CharField()
    text = serializers.CharField()
    proposed = serializers.CharField(help_text="as the model wrote it")
    system = serializers.CharField()
    no_change = serializers.BooleanField()
    tags = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
    notes = serializers.CharField()
    is_picked = serializers.BooleanField()


class OpenedSerializer(serializers.Serializer[Any]):
    """The answers of the present round, in the order in which this senior saw them."""

    answers = OpenedCardSerializer(many=True)


class AdjudicationTaskSerializer(serializers.Serializer[Any]):
    """What the senior is given who decides between two others."""

    question = QuestionSerializer()
    study = CaseSerializer(allow_null=True)
    prior = PriorSerializer(allow_null=True)
    report = serializers.CharField()
    report_waits = serializers.BooleanField(
        help_text="there is one, not shown until a data manager has read it"
    )
    disputed = DisputedSerializer(many=True)
    candidates = AnswerCardSerializer(many=True)


class NewAdjudicationSerializer(StrictSerializer):
    """The decision: one of the disputed choices, or another corrected answer, and what decided."""

    chosen = serializers.UUIDField()
    reason = text_field(LONGEST_REMARK)
    reason_codes = codes_field(PickReason.choices)
    round = round_field()
    active_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_DAY, default=0.0)
    instruction_version = instruction_field()


class EventSerializer(serializers.Serializer[Any]):
    """One thing that happened to a question."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    title = serializers.CharField()
    by = serializers.SerializerMethodField()
    text = serializers.CharField()
    before = serializers.CharField()
    details = serializers.ListField(child=serializers.CharField())

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_by(self, event: Any) -> str | None:
        """User name; null for what the platform did."""
        return event.by_user.username if event.by_user is not None else None


class HistorySerializer(serializers.Serializer[Any]):
    """The history of a question, oldest first."""

    events = EventSerializer(many=True)


class PhraseSerializer(serializers.ModelSerializer[Phrase]):
    """A sentence of the phrase book."""

    class Meta:
        model = Phrase
        fields = ["id", "campaign", "language", "text", "is_shared", "created_at"]


class NewsSerializer(serializers.ModelSerializer[Notification]):
    """A line of news: what happened, on which question or campaign."""

    class Meta:
        model = Notification
        fields = ["id", "kind", "campaign", "question", "created_at", "read_at"]


class ReadSerializer(serializers.Serializer[Any]):
    """How many lines are still unread."""

    unread = serializers.IntegerField()
