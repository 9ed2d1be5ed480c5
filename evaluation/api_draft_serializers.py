"""Bodies and answers of what a draft's pages change beside its main steps. A field that is not known is refused."""

from typing import Any

from rest_framework import serializers

from annotation.api_upload_serializers import NewUploadSerializer
from evaluation.api_design_serializers import LONGEST_TEXT, AspectDefinitionSerializer
from evaluation.services.arms import FED_TABLES
from evaluation.statistics.names import HYPOTHESES, PATIENT_CORRELATION
from mammo.api.serializers import StrictSerializer


class AspectsSerializer(StrictSerializer):
    """All aspects of a draft, in their order."""

    aspects = AspectDefinitionSerializer(many=True)


class QuestionTableSerializer(NewUploadSerializer):
    """A table of questions: CSV, JSON lines or XLSX, as the design page takes it."""

    dialogues = serializers.BooleanField(
        default=False, help_text="questions of several turns are answered turn by turn and scored whole"
    )


class JoinedSerializer(serializers.Serializer[Any]):
    """How many questions the trial has now, and a line for each row that did not join."""

    questions = serializers.IntegerField()
    said = serializers.ListField(child=serializers.CharField())


class AskedQuestionSerializer(serializers.Serializer[Any]):
    """A question of the trial; of a dialogue `turns` are the patient's alone."""

    position = serializers.IntegerField()
    question = serializers.UUIDField()
    turns = serializers.ListField(child=serializers.CharField())
    is_dialogue = serializers.BooleanField()
    has_study = serializers.BooleanField()
    outside_cohort = serializers.BooleanField()


class PositionSerializer(StrictSerializer):
    """A question by its position in the trial."""

    position = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class LeftOutSerializer(StrictSerializer):
    """An arm that is left out, and why."""

    arm = serializers.UUIDField()
    reason = serializers.CharField(max_length=300)


class FedTablesSerializer(StrictSerializer):
    """An arm and the tables of the paper that it feeds; none takes the word back."""

    arm = serializers.UUIDField()
    tables = serializers.ListField(
        child=serializers.ChoiceField(choices=list(FED_TABLES)), max_length=len(FED_TABLES)
    )


class RaterNameSerializer(StrictSerializer):
    """A rater of the trial."""

    username = serializers.CharField(max_length=150)


class PracticeSerializer(StrictSerializer):
    """A question of the site that is none of the trial, and an answer to it."""

    question = serializers.UUIDField()
    text = serializers.CharField(max_length=LONGEST_TEXT)


class AmendmentSerializer(StrictSerializer):
    """What was done otherwise than planned, and why; `rater` names who is withdrawn with it."""

    text = serializers.CharField(max_length=LONGEST_TEXT)
    reason = serializers.CharField(max_length=LONGEST_TEXT)
    rater = serializers.CharField(max_length=150, allow_blank=True, default="", help_text="username")


class PowerSerializer(serializers.Serializer[Any]):
    """The numbers whose power is asked for."""

    raters = serializers.IntegerField(min_value=2, max_value=60)
    questions = serializers.IntegerField(min_value=2, max_value=400)
    difference = serializers.FloatField(help_text="of two arms, in points")
    hypothesis = serializers.ChoiceField(choices=list(HYPOTHESES))
    margin = serializers.FloatField(
        min_value=0, required=False, help_text="of non_inferiority and equivalence"
    )
    per_patient = serializers.FloatField(
        min_value=1,
        max_value=100,
        required=False,
        help_text="questions per patient; the trial's mean if absent",
    )
    correlation = serializers.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        help_text=f"within a patient; {PATIENT_CORRELATION} if absent",
    )
    wanted = serializers.IntegerField(
        min_value=50, max_value=99, required=False, help_text="power in percent: the numbers that reach it"
    )


class PowerFoundSerializer(serializers.Serializer[Any]):
    """The power with its interval over simulated trials, and the page's sentences."""

    power = serializers.FloatField()
    ci = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    method = serializers.CharField()
    per_patient = serializers.FloatField()
    correlation = serializers.FloatField()
    design_effect = serializers.FloatField()
    effective_questions = serializers.FloatField()
    said = serializers.ListField(child=serializers.CharField())


class LeakReportSerializer(serializers.Serializer[Any]):
    """The leak report, as its page and the study report show it."""

    lengths = serializers.ListField(child=serializers.DictField())
    arms = serializers.ListField(child=serializers.DictField())
    # The class itself takes this name off its body: `Field.style` stays what it is.
    style = serializers.DictField(allow_null=True)  # type: ignore[assignment]
    groups = serializers.DictField()
    screened = serializers.DictField(child=serializers.IntegerField())
    notes = serializers.ListField(child=serializers.CharField())


class ChecklistSerializer(StrictSerializer):
    """What no row can fill of the reporting checklists: text by item, an empty one takes the item out."""

    items = serializers.DictField(child=serializers.CharField(max_length=1000, allow_blank=True))


class WithdrawnReaderSerializer(StrictSerializer):
    """A reader who leaves a running study, and why."""

    username = serializers.CharField(max_length=150)
    reason = serializers.CharField(max_length=LONGEST_TEXT)


class StudyAmendmentSerializer(StrictSerializer):
    """What was done otherwise than planned in a reader study, and why."""

    text = serializers.CharField(max_length=LONGEST_TEXT)
    reason = serializers.CharField(max_length=LONGEST_TEXT)
