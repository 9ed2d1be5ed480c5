"""A campaign's figures as the programming interface gives them."""

from typing import Any

from rest_framework import serializers


class DayCountSerializer(serializers.Serializer[Any]):
    """Questions settled on one day."""

    day = serializers.DateField()
    corrected = serializers.IntegerField()
    picked = serializers.IntegerField()


class PersonCountSerializer(serializers.Serializer[Any]):
    """What one person did."""

    user = serializers.CharField(source="user.username")
    corrected = serializers.IntegerField()
    picked = serializers.IntegerField()
    returned = serializers.IntegerField(help_text="sent back to be corrected")
    held = serializers.IntegerField()
    skipped = serializers.IntegerField()
    minutes = serializers.FloatField()
    seconds_each = serializers.FloatField(allow_null=True)


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a campaign is."""

    stages = serializers.DictField(child=serializers.IntegerField())
    days = DayCountSerializer(many=True)
    people = PersonCountSerializer(many=True)


class SystemQualitySerializer(serializers.Serializer[Any]):
    """Proposals of one system: shares from 0 to 1, null where there is nothing to divide by."""

    system = serializers.CharField()
    proposals = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="proposals that repeat another of their question")
    corrections = serializers.IntegerField()
    unchanged = serializers.FloatField(allow_null=True)
    distance = serializers.FloatField(allow_null=True)
    picked = serializers.FloatField(allow_null=True)
    tags = serializers.DictField(child=serializers.FloatField())


class AgreementSerializer(serializers.Serializer[Any]):
    """Share of agreeing pairs and Krippendorff's alpha."""

    units = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    alpha = serializers.FloatField(allow_null=True)


class SupportSerializer(serializers.Serializer[Any]):
    """Facts stated, and those that the labels of the study support."""

    stated = serializers.IntegerField()
    supported = serializers.IntegerField()
    unread = serializers.IntegerField()


class MedianSerializer(serializers.Serializer[Any]):
    """How many, and their median."""

    count = serializers.IntegerField()
    median = serializers.FloatField()


class PickRateSerializer(serializers.Serializer[Any]):
    """How often the answer at a position (from 1) was picked; shares from 0 to 1, null before the first pick."""

    position = serializers.IntegerField()
    picked = serializers.IntegerField()
    of = serializers.IntegerField(help_text="picks of questions that had an answer there")
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="Wilson's 95 % interval")
    high = serializers.FloatField(allow_null=True)
    chance = serializers.FloatField(allow_null=True, help_text="share that picking blindly would give")


class QualitySerializer(serializers.Serializer[Any]):
    """How good the proposals are, and how far people agree."""

    systems = SystemQualitySerializer(many=True)
    distance_by_tag = serializers.DictField(child=MedianSerializer())
    seconds_per_task = serializers.DictField(child=MedianSerializer())
    picks_by_index = PickRateSerializer(many=True)
    picks_by_place = PickRateSerializer(many=True)
    juniors = serializers.DictField(child=AgreementSerializer())
    seniors = AgreementSerializer()
    picked_and_returned = serializers.IntegerField(
        help_text="rounds in which one senior picked and another sent back: no pair in `seniors`"
    )
    proposed = SupportSerializer()
    picked = SupportSerializer()


class StuckQuestionSerializer(serializers.Serializer[Any]):
    """A question that does not move by itself."""

    question = serializers.UUIDField(source="question.pk")
    position = serializers.IntegerField(source="question.position")
    stage = serializers.CharField(source="question.stage")
    reasons = serializers.ListField(child=serializers.CharField())
    since = serializers.DateTimeField()


class StuckSerializer(serializers.Serializer[Any]):
    """Questions that do not move by themselves, at most 100: those that need somebody first, the untouched last."""

    stuck = StuckQuestionSerializer(many=True)
    total = serializers.IntegerField(help_text="also those beyond the 100")


class WorkDaySerializer(serializers.Serializer[Any]):
    """One day's own work in one campaign."""

    day = serializers.DateField()
    campaign = serializers.CharField()
    purpose = serializers.CharField()
    cases = serializers.IntegerField()
    minutes = serializers.FloatField()


class WorkDaysSerializer(serializers.Serializer[Any]):
    """The account's own hours and cases, oldest first."""

    days = WorkDaySerializer(many=True)
