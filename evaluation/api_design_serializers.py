"""Bodies and answers of designing trials and reader studies by program. A field that is not known is refused."""

from typing import Any

from rest_framework import serializers

from annotation.api_campaign_serializers import PlainObjectField
from evaluation.models import Arm, Protocol, ReaderStudy, Trial
from evaluation.services.drafts import SETTINGS
from evaluation.statistics.names import ADJUSTMENTS
from mammo.api.serializers import StrictSerializer

LONGEST_TEXT, LARGEST_SEED = 20_000, 2**62
TRIAL_STEPS = ("answer", "freeze", "open", "lock", "request_unblinding", "confirm_unblinding")
STUDY_STEPS = ("take-out", "freeze", "open", "lock")


def small(default: int, least: int = 0, **more: Any) -> serializers.IntegerField:
    """A small whole number."""
    return serializers.IntegerField(min_value=least, max_value=32_767, default=default, **more)


def text(**more: Any) -> serializers.CharField:
    """A text that may be empty."""
    return serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, default="", **more)


class NewProtocolSerializer(StrictSerializer):
    """A draft protocol."""

    site = serializers.CharField(max_length=40, help_text="code of the site")
    title = serializers.CharField(max_length=200)
    ethics_approval = serializers.CharField(max_length=120, allow_blank=True, default="")
    registry_number = serializers.CharField(max_length=120, allow_blank=True, default="")
    consent_basis = text()
    primary_endpoint = PlainObjectField(default=dict)
    alpha = serializers.FloatField(min_value=0.0001, max_value=0.5, default=0.05)
    multiplicity = serializers.ChoiceField(choices=ADJUSTMENTS, default="holm")
    analysis_plan = text()
    rules = PlainObjectField(default=dict)
    cohort = serializers.UUIDField(default=None, allow_null=True, help_text="of the site")
    exclusions = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TEXT), max_length=1000, default=list
    )
    authors = text(help_text="as the paper names them")


class ChangedProtocolSerializer(StrictSerializer):
    """Fields of a draft protocol to change (those that are named), and the version that they were read from."""

    title = serializers.CharField(max_length=200, required=False)
    ethics_approval = serializers.CharField(max_length=120, allow_blank=True, required=False)
    registry_number = serializers.CharField(max_length=120, allow_blank=True, required=False)
    consent_basis = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    primary_endpoint = PlainObjectField(required=False)
    alpha = serializers.FloatField(min_value=0.0001, max_value=0.5, required=False)
    multiplicity = serializers.ChoiceField(choices=ADJUSTMENTS, required=False)
    analysis_plan = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    rules = PlainObjectField(required=False)
    cohort = serializers.UUIDField(allow_null=True, required=False, help_text="of the site")
    exclusions = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TEXT), max_length=1000, required=False
    )
    authors = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    version = serializers.IntegerField(min_value=0, max_value=2**31 - 1)


class ProtocolSerializer(serializers.ModelSerializer[Protocol]):
    """A protocol as written."""

    site = serializers.CharField(source="site.code")
    exclusions = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Protocol
        fields = [
            *("id", "site", "title", "ethics_approval", "registry_number", "consent_basis"),
            *("primary_endpoint", "alpha", "multiplicity", "analysis_plan", "rules", "cohort", "exclusions"),
            *("authors", "frozen_at", "frozen_sha256", "created_at", "version"),
        ]


class AspectDefinitionSerializer(StrictSerializer):
    """One thing that answers are scored on."""

    key = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=80)
    name_zh = serializers.CharField(max_length=80, allow_blank=True, default="")
    definition = text()
    definition_zh = text()
    anchors = serializers.DictField(
        child=serializers.CharField(max_length=200),
        default=dict,
        help_text="wording of the ends: low, high, low_zh, high_zh",
    )


class TrialSettingsSerializer(StrictSerializer):
    """Settings of a draft."""

    rater_title = serializers.CharField(max_length=120, allow_blank=True, default="")
    order = serializers.ChoiceField(choices=Trial.Order.choices, default=Trial.Order.INTERLEAVED)
    scale_min = serializers.IntegerField(min_value=-1000, max_value=1000, default=1)
    scale_max = serializers.IntegerField(min_value=-1000, max_value=1000, default=100)
    show_report = serializers.BooleanField(default=False)
    show_earlier = serializers.BooleanField(default=False)
    instructions = text()
    sitting_slots = small(40, 1)
    sitting_minutes = small(60, 1)
    input_mode = serializers.ChoiceField(choices=Trial.InputMode.choices, default=Trial.InputMode.LINE)
    raters_per_answer = small(None, 1, allow_null=True)  # type: ignore[arg-type]
    repeats = small(0)
    controls = small(0)
    guesses = small(0)


class NewTrialSerializer(TrialSettingsSerializer):
    """A draft trial under a protocol of one of the caller's sites."""

    protocol = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    seed = serializers.IntegerField(min_value=0, max_value=LARGEST_SEED, default=None, allow_null=True)
    aspects = AspectDefinitionSerializer(
        many=True, default=None, allow_null=True, help_text="null: the paper's five"
    )


class ChangedTrialSerializer(TrialSettingsSerializer):
    """Settings to change (those that are named), and the version that they were read from."""

    version = serializers.IntegerField(min_value=0, max_value=2**31 - 1)

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, partial=True, **kw)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A partial serializer lets every field be left out: the version may not be."""
        if "version" not in attrs:
            raise serializers.ValidationError(
                {"version": [self.fields["version"].error_messages["required"]]}
            )
        return attrs

    def changes(self) -> dict[str, Any]:
        """The settings that were named."""
        return {name: self.validated_data[name] for name in SETTINGS if name in self.validated_data}


class NewQuestionsSerializer(StrictSerializer):
    """Questions of a campaign: those named, `count` drawn by chance, or all that may join."""

    campaign = serializers.UUIDField()
    questions = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=10_000)
    count = serializers.IntegerField(min_value=1, max_value=10_000, default=None, allow_null=True)
    dialogues = serializers.BooleanField(
        default=False,
        help_text="every arm answers each turn of the patient, and the whole dialogue is scored",
    )


class WrittenAnswerSerializer(StrictSerializer):
    """An answer that comes with the arm: `text`, or of a dialogue `turns`."""

    question = serializers.CharField(max_length=40, help_text="position in the trial, or id")
    text = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, default="")
    turns = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True),
        default=list,
        max_length=100,
        help_text="of a dialogue the answers, one for each of the patient's turns",
    )


class NewArmSerializer(StrictSerializer):
    """An arm: a system by `spec` or `checkpoint`, doctors by `authors`, or finished `answers`."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=Arm.Kind.choices, default=Arm.Kind.SYSTEM)
    spec = PlainObjectField(default=None, allow_null=True)
    checkpoint = serializers.UUIDField(
        default=None, allow_null=True, help_text="that answers, or that wrote a system's finished answers"
    )
    authors = serializers.ListField(
        child=serializers.CharField(max_length=150), default=list, max_length=100, help_text="usernames"
    )
    answers = WrittenAnswerSerializer(many=True, default=list)
    tables = serializers.ListField(
        child=serializers.ChoiceField(choices=[1, 2, 3]),
        default=list,
        max_length=3,
        help_text="tables of the paper that the arm feeds",
    )


class PersonSerializer(StrictSerializer):
    """A person of the site."""

    username = serializers.CharField(max_length=150)
    group = serializers.CharField(max_length=20, allow_blank=True, default="", help_text="of a reader")


class RuleSerializer(StrictSerializer):
    """What is done with a finding of the screen, in every arm."""

    matched = serializers.CharField(
        max_length=500, allow_blank=True, help_text="the wording; empty for answers without any text"
    )
    action = serializers.CharField(max_length=40)
    reason = serializers.CharField(max_length=LONGEST_TEXT)
    kind = serializers.CharField(
        max_length=20, allow_blank=True, default="", help_text="length or language: a rule about outliers"
    )
    limit = serializers.IntegerField(
        min_value=1, default=None, allow_null=True, help_text="characters that answers are cut to"
    )


class TrialStepSerializer(StrictSerializer):
    """The next step of a trial."""

    step = serializers.ChoiceField(choices=TRIAL_STEPS)
    reason = text()


class StudyStepSerializer(StrictSerializer):
    """The next step of a reader study."""

    step = serializers.ChoiceField(choices=STUDY_STEPS)
    reason = text()


class HitSerializer(serializers.Serializer[Any]):
    """A finding of the screen."""

    kind = serializers.CharField()
    matched = serializers.CharField(allow_blank=True)
    blocks = serializers.BooleanField()
    answers = serializers.IntegerField()
    settled = serializers.BooleanField()


class PersonProgressSerializer(serializers.Serializer[Any]):
    """How far a rater or reader is: counts, no score."""

    username = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class CohortBoundSerializer(serializers.Serializer[Any]):
    """The protocol's cohort, and how many of the trial's questions are about studies outside of it."""

    name = serializers.CharField()
    studies = serializers.IntegerField()
    outside = serializers.IntegerField()


class DesignSerializer(serializers.Serializer[Any]):
    """A trial's design as far as it is made: what keeps it from being frozen, what the screen found, progress."""

    state = serializers.CharField()
    version = serializers.IntegerField()
    questions = serializers.IntegerField()
    arms = serializers.IntegerField()
    unanswered = serializers.IntegerField()
    cohort = CohortBoundSerializer(allow_null=True)
    obstacles = serializers.ListField(child=serializers.CharField())
    notes = serializers.ListField(child=serializers.CharField())
    screen = HitSerializer(many=True)
    progress = PersonProgressSerializer(many=True)


class NewReaderStudySerializer(StrictSerializer):
    """A draft reader study."""

    protocol = serializers.UUIDField()
    checkpoint = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    design = serializers.ChoiceField(choices=ReaderStudy.Design.choices, default=ReaderStudy.Design.CROSSOVER)
    unit = serializers.ChoiceField(choices=ReaderStudy.Unit.choices, default=ReaderStudy.Unit.BREAST)
    reader_sees = serializers.ChoiceField(choices=ReaderStudy.Sees.choices, default=ReaderStudy.Sees.IMAGES)
    # Where it is not given: what the reader sees.
    model_sees = serializers.ChoiceField(choices=ReaderStudy.Sees.choices, required=False)
    show_earlier = serializers.BooleanField(default=False)
    scale = serializers.ChoiceField(choices=["birads", "forced_3_4"], default="birads")
    washout_days = small(28)
    prevalence_statement = serializers.CharField(max_length=300, allow_blank=True, default="")
    instructions = text()
    seed = serializers.IntegerField(min_value=0, max_value=LARGEST_SEED, default=None, allow_null=True)


class CasesSerializer(StrictSerializer):
    """The studies of a cohort that have pathology."""

    cohort = serializers.UUIDField()


class ReaderStudySerializer(serializers.ModelSerializer[ReaderStudy]):
    """A reader study by its design and progress: no reading, no truth of a case."""

    site = serializers.CharField(source="site.code")
    cases = serializers.SerializerMethodField()
    obstacles = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()

    class Meta:
        model = ReaderStudy
        fields = [
            *("id", "site", "name", "state", "design", "unit", "reader_sees", "model_sees", "scale"),
            *(
                "show_earlier",
                "washout_days",
                "prevalence_statement",
                "design_sha256",
                "frozen_at",
                "locked_at",
            ),
            *("created_at", "version", "is_simulated", "cases", "obstacles", "progress"),
        ]

    def get_cases(self, study: ReaderStudy) -> int:
        """How many cases it has."""
        return study.cases.count()

    def get_obstacles(self, study: ReaderStudy) -> list[str]:
        """What keeps a draft from being frozen."""
        from evaluation.services.reader_studies import reader_study_obstacles

        return reader_study_obstacles(study) if study.state == ReaderStudy.State.DRAFT else []

    def get_progress(self, study: ReaderStudy) -> list[dict[str, Any]]:
        """Readings done and planned of each reader."""
        from evaluation.services.readings import reading_progress

        return [
            {"username": item["reader"].user.username, "done": item["done"], "total": item["total"]}
            for item in reading_progress(study)
        ]
