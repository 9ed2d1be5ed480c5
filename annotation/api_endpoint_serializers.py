"""What the programming interface gives and takes of endpoints: approvals, budgets, transmissions."""

from rest_framework import serializers

from annotation.models import EndpointApproval
from annotation.services import endpoint_budgets
from annotation.services.endpoints import LARGEST_BUDGET
from annotation.services.transmissions import Sent
from mammo.api.serializers import StrictSerializer
from mammo.jobs.models import JobState


def budget_field() -> serializers.IntegerField:
    """What may be spent at an endpoint."""
    return serializers.IntegerField(
        min_value=1, max_value=LARGEST_BUDGET, default=None, allow_null=True, help_text="null: without limit"
    )


class EndpointSerializer(serializers.ModelSerializer[EndpointApproval]):
    """An endpoint and whether cleaned texts may be sent there."""

    site = serializers.CharField(source="site.code")
    asked_by = serializers.CharField(source="asked_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    transmissions = serializers.SerializerMethodField()
    spent_requests = serializers.SerializerMethodField()
    spent_tokens = serializers.SerializerMethodField()

    class Meta:
        model = EndpointApproval
        fields = [
            "id",
            "site",
            "host",
            "country",
            "with_images",
            "reason",
            "state",
            "asked_by",
            "decided_by",
            "decided_at",
            "expires_on",
            "most_requests",
            "most_tokens",
            "spent_requests",
            "spent_tokens",
            "transmissions",
            "created_at",
        ]

    def get_transmissions(self, row: EndpointApproval) -> int:
        """How many questions (once for each system that was asked) and studies were handed over under it."""
        counted: int | None = getattr(row, "sent", None)
        return row.transmissions.count() if counted is None else counted

    def get_spent_requests(self, row: EndpointApproval) -> int:
        """Requests that count against the budget, those that attempts under way may still send included."""
        return endpoint_budgets.spent(row).requests or 0

    def get_spent_tokens(self, row: EndpointApproval) -> int:
        """Tokens that count against the budget."""
        return endpoint_budgets.spent(row).tokens or 0


class TransmissionSerializer(serializers.Serializer[Sent]):
    """One question, or one study to be judged, that was handed over to be sent: its size and hash, never its text."""

    id = serializers.UUIDField(source="row.pk")
    created_at = serializers.DateTimeField(source="row.created_at")
    host = serializers.CharField(source="row.approval.host")
    campaign = serializers.UUIDField(source="row.question.campaign_id", default=None, allow_null=True)
    question = serializers.UUIDField(source="row.question_id", allow_null=True, help_text="null: a study")
    position = serializers.IntegerField(source="row.question.position", default=None, allow_null=True)
    study = serializers.UUIDField(
        source="row.study_id", allow_null=True, help_text="judged for malignancy without a question"
    )
    system = serializers.CharField(
        source="row.system", help_text="key of the system in the job's request, such as a trial's arm"
    )
    characters = serializers.IntegerField(source="row.characters")
    images = serializers.IntegerField(source="row.images")
    payload_sha256 = serializers.CharField(source="row.payload_sha256")
    attempt_tokens = serializers.IntegerField(
        allow_null=True, help_text="of the whole attempt that the question was part of; null: not told"
    )
    asked_by = serializers.CharField(source="row.job.by_user.username", default=None, allow_null=True)
    outcome = serializers.ChoiceField(
        choices=["again", *JobState.values], help_text="again: the attempt broke off and was tried again"
    )
    answers = serializers.IntegerField(
        allow_null=True, help_text="proposals stored for it; null: the job asked for none"
    )


class NewEndpointSerializer(StrictSerializer):
    """What is asked for: another person decides."""

    site = serializers.CharField(max_length=40, help_text="code of the site")
    host = serializers.CharField(max_length=255)
    country = serializers.CharField(max_length=2, min_length=2)
    with_images = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=500)
    expires_on = serializers.DateField()
    most_requests = budget_field()
    most_tokens = budget_field()


class DecisionSerializer(StrictSerializer):
    """Approve, refuse, or revoke what was approved."""

    do = serializers.ChoiceField(choices=["approve", "refuse", "revoke"])
