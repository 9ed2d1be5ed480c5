"""What the programming interface gives and takes of a practice set: its examples, and how the account did."""

from typing import Any

from rest_framework import serializers

from annotation.api_campaign_serializers import MOST_ANSWERS
from annotation.api_serializers import LONGEST_DAY, MOST_ITEMS
from annotation.api_work_serializers import text_field
from annotation.models import ErrorTag, PracticeItem
from annotation.services.wording import LONGEST_TEXT
from mammo.api.serializers import StrictSerializer
from mammo.core.choices import Language


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


class MemberScoreSerializer(serializers.Serializer[Any]):
    """How a member of the campaign did on the examples; the first try of each counts."""

    user = serializers.CharField()
    purpose = serializers.CharField()
    done = serializers.IntegerField(help_text="examples")
    right = serializers.IntegerField()
    possible = serializers.IntegerField()


class PracticeItemsSerializer(serializers.Serializer[Any]):
    """The practice set, and how its people did."""

    items = PracticeItemSerializer(many=True)
    scores = MemberScoreSerializer(many=True)


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
