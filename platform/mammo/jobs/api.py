"""Jobs in the programming interface: state, progress, log, cancel, retry."""

import uuid
from collections.abc import Callable
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.scopes import Scope
from mammo.api.viewsets import ReadOnlyRoomViewSet
from mammo.jobs import services
from mammo.jobs.logs import read_log
from mammo.jobs.models import Job, JobState

LOG_LINES = 1000


class JobSerializer(serializers.ModelSerializer[Job]):
    """A job as its page shows it."""

    site = serializers.CharField(source="site.code", default=None, allow_null=True)
    by = serializers.CharField(source="by_user.username", default=None, allow_null=True)
    cancelled_by = serializers.CharField(
        source="cancel_requested_by.username", default=None, allow_null=True, help_text="who asked it to stop"
    )
    percent = serializers.IntegerField(allow_null=True, help_text="null until the child tells how much it is")
    is_stopping = serializers.BooleanField(help_text="cancelled, and its worker has not stopped yet")

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "queue",
            "site",
            "by",
            "about_type",
            "about_id",
            "title",
            "gpus",
            "state",
            "is_stopping",
            "cancelled_by",
            "attempt",
            "failed_attempts",
            "max_attempts",
            "percent",
            "progress",
            "result",
            "error",
            "created_at",
            "started_at",
            "finished_at",
            "is_simulated",
        ]


class JobLogSerializer(serializers.Serializer[Any]):
    """The last lines of a job's log."""

    log = serializers.CharField()


class JobFilters(django_filters.FilterSet):
    """Filters of jobs."""

    state = django_filters.ChoiceFilter(choices=JobState.choices)
    kind = django_filters.CharFilter()
    site = django_filters.CharFilter(field_name="site__code", help_text="code of the site")

    class Meta:
        model = Job
        fields: list[str] = []


class JobViewSet(ReadOnlyRoomViewSet[Job]):
    """One's own jobs, and those of the sites where the account is researcher, data manager or admin."""

    model = Job
    serializer_class = JobSerializer
    filterset_class = JobFilters
    read_scope = Scope.READ_JOBS
    write_scopes = {"cancel": Scope.WRITE_JOBS, "retry": Scope.WRITE_JOBS}

    def rows(self) -> QuerySet[Job]:
        return Job.objects.visible_to(self.user).select_related("site", "by_user", "cancel_requested_by")

    @extend_schema(operation_id="jobs_log", responses=JobLogSerializer)
    @action(detail=True, methods=["get"])
    def log(self, request: Request, pk: uuid.UUID) -> Response:
        """The log's last 1,000 lines; it may hold patients' texts, so not everybody who sees the job reads it.

        That of an import is for data managers; the first look of each person is an audit event."""
        job = self.get_object()
        if not job.log_is_readable_by(self.user):
            raise Http404
        return Response({"log": read_log(job, by_user=self.user, lines=LOG_LINES)})

    @extend_schema(
        operation_id="jobs_cancel", request=None, responses={200: JobSerializer}, parameters=[IDEMPOTENCY_KEY]
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: uuid.UUID) -> Response:
        """Cancel: a queued job at once, a running one within its grace time."""
        return self._steer(request, services.cancel)

    @extend_schema(
        operation_id="jobs_retry", request=None, responses={200: JobSerializer}, parameters=[IDEMPOTENCY_KEY]
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: uuid.UUID) -> Response:
        """Queue a failed or cancelled job again, with all its attempts."""
        return self._steer(request, services.retry)

    def _steer(self, request: Request, steer: Callable[..., Job]) -> Response:
        job = self.get_object()
        rows = rows_made_once(request, lambda: [steer(job, by_user=self.user)], self.rows())
        return Response(self.get_serializer(rows[0]).data)
