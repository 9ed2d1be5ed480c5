"""What the programming interface gives and takes of trials. Field lists are contracts: tests hold them."""

from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api_serializers import Turns
from evaluation.answers.dialogue import parts_of
from evaluation.models import Arm, Aspect, Score, Slot, Trial
from evaluation.services.access import DESIGNERS
from evaluation.services.dialogues import conversation
from evaluation.services.scoring import form_revision, standing_scores
from evaluation.services.shown_studies import shown_report
from mammo.accounts.models import User
from mammo.api.serializers import StrictSerializer

LONGEST_DAY = 86_400.0


class AspectSerializer(serializers.ModelSerializer[Aspect]):
    """One thing an answer is scored on."""

    class Meta:
        model = Aspect
        fields = ["key", "name", "name_zh", "definition", "definition_zh", "position"]


class TrialSerializer(serializers.ModelSerializer[Trial]):
    """A trial by its design and state: no score, no arm."""

    site = serializers.CharField(source="site.code")
    aspects = AspectSerializer(many=True)
    questions = serializers.IntegerField(source="questions_count")
    raters = serializers.IntegerField(source="raters_count")

    class Meta:
        model = Trial
        fields = [
            "id",
            "site",
            "name",
            "state",
            "order",
            "scale_min",
            "scale_max",
            "raters_per_answer",
            "show_report",
            "show_earlier",
            "aspects",
            "questions",
            "raters",
            "design_sha256",
            "frozen_at",
            "locked_at",
            "unblinded_at",
            "created_at",
            "version",
            "is_simulated",
        ]


class ArmSerializer(serializers.ModelSerializer[Arm]):
    """An arm; until the unblinding its code is null for who designed the trial, for others all but its code.

    Its id goes with its name: two lists that both held it could be joined.
    """

    MASKED = ("id", "kind", "name", "spec", "checkpoint", "left_out_reason", "position", "is_simulated")

    id = serializers.UUIDField(allow_null=True, read_only=True)
    code = serializers.CharField(allow_null=True)
    kind = serializers.ChoiceField(choices=Arm.Kind.choices, allow_null=True)
    name = serializers.CharField(allow_null=True)
    spec = serializers.JSONField(allow_null=True)
    checkpoint = serializers.UUIDField(source="checkpoint_id", allow_null=True)
    left_out_reason = serializers.CharField(allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    is_simulated = serializers.BooleanField(allow_null=True)

    class Meta:
        model = Arm
        fields = [
            "id",
            "trial",
            "code",
            "kind",
            "name",
            "spec",
            "checkpoint",
            "left_out_reason",
            "position",
            "is_simulated",
        ]

    def to_representation(self, instance: Arm) -> dict[str, Any]:
        """The row; nobody meets name and code together before two people unblinded the trial."""
        shown = super().to_representation(instance)
        user = self.context["request"].user
        trial = instance.trial
        if trial.state != Trial.State.UNBLINDED:
            shown |= dict.fromkeys(self.MASKED if stands_under_code(instance, user) else ("code",))
        return shown


def stands_under_code(arm: Arm, user: User) -> bool:
    """Whether the account meets this arm by its code alone: a trial that is not unblinded and that it does not design."""
    trial = arm.trial
    return trial.state != Trial.State.UNBLINDED and not user.has_role(*DESIGNERS, site=trial.site)


class FormSerializer(serializers.ModelSerializer[Slot]):
    """A rater's form in their list."""

    is_scored = serializers.BooleanField()

    class Meta:
        model = Slot
        fields = ["id", "position", "sitting", "is_scored"]


class FormAspectSerializer(serializers.Serializer[Any]):
    """An aspect in the caller's language, with the value that stands."""

    key = serializers.CharField()
    name = serializers.CharField()
    definition = serializers.CharField()
    low = serializers.CharField(help_text="wording of the scale's lower end")
    high = serializers.CharField(help_text="wording of its upper end")
    value = serializers.IntegerField(allow_null=True)


class FormDetailSerializer(serializers.ModelSerializer[Slot]):
    """A rater's form: nothing names an arm, another rater or another form."""

    title = serializers.SerializerMethodField()
    turns = serializers.SerializerMethodField(help_text="patient, answer, patient, …; ends with the patient")
    answer = serializers.SerializerMethodField(
        help_text="what is scored; of a dialogue the last answer of it"
    )
    is_dialogue = serializers.BooleanField(
        source="answer.question.is_dialogue",
        help_text="true: all answers in `turns` and `answer` are one arm's, and are scored together",
    )
    report = serializers.SerializerMethodField()
    has_images = serializers.SerializerMethodField()
    aspects = serializers.SerializerMethodField()
    scale_min = serializers.IntegerField(source="rater.trial.scale_min")
    scale_max = serializers.IntegerField(source="rater.trial.scale_max")
    revision = serializers.SerializerMethodField()

    class Meta:
        model = Slot
        fields = [
            "id",
            "position",
            "sitting",
            "title",
            "turns",
            "answer",
            "is_dialogue",
            "report",
            "has_images",
            "aspects",
            "scale_min",
            "scale_max",
            "revision",
        ]

    @extend_schema_field(Turns())
    def get_turns(self, slot: Slot) -> Any:
        """What was said before the last answer."""
        asked = slot.answer.question
        if asked.is_dialogue:
            return [line.text for line in conversation(asked, slot.shown_text)[:-1]]
        return Turns().to_representation(asked.question.turns)

    def get_answer(self, slot: Slot) -> str:
        """The last answer."""
        return parts_of(slot.shown_text)[-1]

    def get_title(self, slot: Slot) -> str:
        """The trial's title for raters: its name might tell."""
        return slot.rater.trial.rater_title or _("Scoring of answers to patients' questions")

    def get_report(self, slot: Slot) -> str:
        """The report without BI-RADS, where the trial shows it."""
        asked = slot.answer.question
        return shown_report(asked, asked.question.study, shows_report=slot.rater.trial.show_report)

    def get_has_images(self, slot: Slot) -> bool:
        """Whether the question came with a study."""
        return slot.answer.question.question.study_id is not None

    @extend_schema_field(FormAspectSerializer(many=True))
    def get_aspects(self, slot: Slot) -> Any:
        """Aspects in the order drawn for this rater."""
        standing = standing_scores(slot)
        by_key = {aspect.key: aspect for aspect in slot.rater.trial.aspects.all()}
        end = "_zh" if (get_language() or "").startswith("zh") else ""
        found = []
        for key in slot.rater.aspect_order:
            aspect = by_key.get(key)
            if aspect is None:
                continue
            score = standing.get(key)
            found.append(
                {
                    "key": key,
                    "name": getattr(aspect, f"name{end}") or aspect.name,
                    "definition": getattr(aspect, f"definition{end}") or aspect.definition,
                    "low": aspect.anchors.get(f"low{end}", ""),
                    "high": aspect.anchors.get(f"high{end}", ""),
                    "value": score.value if score is not None else None,
                }
            )
        return FormAspectSerializer(found, many=True).data

    def get_revision(self, slot: Slot) -> int:
        """Moves with every save of the form; 0 before the first. Send it back with the next scores."""
        return form_revision(slot)


class ScoreSerializer(serializers.ModelSerializer[Score]):
    """One value of one's own."""

    form = serializers.UUIDField(source="slot_id")
    aspect = serializers.CharField(source="aspect.key")

    class Meta:
        model = Score
        fields = ["id", "form", "aspect", "value", "revision", "created_at"]


class NewScoresSerializer(StrictSerializer):
    """A whole form."""

    values = serializers.DictField(
        child=serializers.IntegerField(min_value=-1_000_000, max_value=1_000_000),
        help_text="a whole number for each aspect key",
    )
    revision = serializers.IntegerField(min_value=0, max_value=32_767)
    active_seconds = serializers.FloatField(min_value=0, max_value=LONGEST_DAY, default=0.0)


class ColumnSerializer(serializers.Serializer[Any]):
    """A column of a table."""

    key = serializers.CharField()
    name = serializers.CharField()
    paper = serializers.BooleanField()


class RowSerializer(serializers.Serializer[Any]):
    """A row of a table: per column a text, null, or `{value, ci, n, method}`."""

    key = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment]  # a field of that name, not the heading
        help_text="an arm's code until the trial is unblinded"
    )
    cells = serializers.DictField(child=serializers.JSONField(allow_null=True))


class TableSerializer(serializers.Serializer[Any]):
    """A table of the paper."""

    table = serializers.IntegerField()
    caption = serializers.CharField()
    columns = ColumnSerializer(many=True)
    rows = RowSerializer(many=True)
    method = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())
    version = serializers.CharField()
    simulated = serializers.BooleanField()
