"""Training sets, runs and checkpoints in the programming interface; for researchers and statisticians."""

import uuid
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from mammo.api.scopes import Scope
from mammo.api.viewsets import ReadOnlyRoomViewSet
from mammo.jobs.models import JobState
from modeling.models import Checkpoint, Metric, Run, Snapshot, Stage


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    """A frozen training set; its folder stays on the server."""

    site = serializers.CharField(source="site.code")
    split = serializers.CharField(source="split.name", default=None, allow_null=True)
    counts = serializers.SerializerMethodField()
    card = serializers.SerializerMethodField()

    class Meta:
        model = Snapshot
        fields = [
            "id",
            "site",
            "name",
            "content_hash",
            "counts",
            "card",
            "split",
            "export",
            "job",
            "created_at",
            "is_simulated",
        ]

    def get_counts(self, snapshot: Snapshot) -> dict[str, Any]:
        """What the manifest counts; empty until it is frozen."""
        counts = snapshot.manifest.get("counts", {})
        return counts if isinstance(counts, dict) else {}

    def get_card(self, snapshot: Snapshot) -> dict[str, Any]:
        """How many facts its answers state and its labels support; empty until it is frozen."""
        card = snapshot.manifest.get("card", {})
        return card if isinstance(card, dict) else {}


class RunSerializer(serializers.ModelSerializer[Run]):
    """A run with everything needed to repeat it."""

    site = serializers.CharField(source="site.code")
    state = serializers.ChoiceField(
        choices=JobState.choices, source="job.state", default=None, allow_null=True
    )
    by = serializers.CharField(source="by_user.username", default=None, allow_null=True)
    starts_from = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = [
            "id",
            "site",
            "name",
            "stage",
            "variant",
            "config",
            "seed",
            "snapshot",
            "starts_from",
            "job",
            "state",
            "by",
            "code_version",
            "environment",
            "created_at",
            "is_simulated",
        ]

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_starts_from(self, run: Run) -> list[str]:
        """Checkpoints that it starts from."""
        return [str(checkpoint.pk) for checkpoint in run.starts_from.all()]


class CheckpointSerializer(serializers.ModelSerializer[Checkpoint]):
    """Weights by their hash; their folder stays on the server."""

    class Meta:
        model = Checkpoint
        fields = [
            "id",
            "run",
            "sha256",
            "step",
            "epoch",
            "is_best",
            "metrics",
            "created_at",
            "is_simulated",
        ]


class MetricSerializer(serializers.ModelSerializer[Metric]):
    """One point of a curve."""

    class Meta:
        model = Metric
        fields = ["name", "step", "epoch", "value"]


class RunFilters(django_filters.FilterSet):
    """Filters of runs."""

    site = django_filters.CharFilter(field_name="site__code", help_text="code of the site")
    stage = django_filters.ChoiceFilter(choices=Stage.choices)
    snapshot = django_filters.UUIDFilter(field_name="snapshot_id")

    class Meta:
        model = Run
        fields: list[str] = []


class CheckpointFilters(django_filters.FilterSet):
    """Filters of checkpoints."""

    run = django_filters.UUIDFilter(field_name="run_id")
    sha256 = django_filters.CharFilter()

    class Meta:
        model = Checkpoint
        fields: list[str] = []


class SnapshotViewSet(ReadOnlyRoomViewSet[Snapshot]):
    """Frozen training sets."""

    model = Snapshot
    serializer_class = SnapshotSerializer
    read_scope = Scope.READ_MODELING

    def rows(self) -> QuerySet[Snapshot]:
        return Snapshot.objects.visible_to(self.user).select_related("site", "split")


class RunViewSet(ReadOnlyRoomViewSet[Run]):
    """Training runs."""

    model = Run
    serializer_class = RunSerializer
    filterset_class = RunFilters
    read_scope = Scope.READ_MODELING

    def rows(self) -> QuerySet[Run]:
        found = Run.objects.visible_to(self.user).select_related("site", "job", "by_user")
        return found.prefetch_related("starts_from")

    @extend_schema(operation_id="runs_metrics", responses=MetricSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def metrics(self, request: Request, pk: uuid.UUID) -> Response:
        """All points of the run's curves, by name and step."""
        points = self.get_object().metric_points.order_by("name", "step")
        return Response(MetricSerializer(points, many=True).data)


class CheckpointViewSet(ReadOnlyRoomViewSet[Checkpoint]):
    """Checkpoints of those runs."""

    model = Checkpoint
    serializer_class = CheckpointSerializer
    filterset_class = CheckpointFilters
    read_scope = Scope.READ_MODELING

    def rows(self) -> QuerySet[Checkpoint]:
        return Checkpoint.objects.filter(run__in=Run.objects.visible_to(self.user))
