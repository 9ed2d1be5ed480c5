"""The viewsets that the router serves: rows to read and what is done with them, put together."""

import uuid
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request

from annotation import api
from annotation.api_campaign_questions import QuestionsInActions
from annotation.api_campaigns import CAMPAIGN_SCOPES, RunActions
from annotation.api_figures import FigureActions, PracticeActions
from annotation.api_serializers import PickSerializer
from annotation.api_work import WORK_SCOPES, WorkActions
from annotation.models import Pick, Purpose, Question
from annotation.services import export
from mammo.accounts.models import User


class WorklistFilters(api.QuestionFilters):
    """Filters of questions, worklists among them."""

    held_for = django_filters.ChoiceFilter(
        choices=Purpose.choices, method="held", help_text="assigned to this account, or begun by it"
    )
    done_for = django_filters.ChoiceFilter(
        choices=Purpose.choices, method="done", help_text="settled by this account in the present round"
    )
    is_returned = django_filters.BooleanFilter(
        method="returned", help_text="true: corrected by this account, and sent back by a senior"
    )

    def held(self, questions: QuerySet[Question], name: str, purpose: str) -> QuerySet[Question]:
        """What the caller holds."""
        return self._among(questions, Question.objects.held_by(self._caller(), purpose))

    def done(self, questions: QuerySet[Question], name: str, purpose: str) -> QuerySet[Question]:
        """What the caller has settled."""
        return self._among(questions, Question.objects.all().done_by(self._caller(), purpose))

    def returned(self, questions: QuerySet[Question], name: str, wanted: bool) -> QuerySet[Question]:
        """What came back to the caller."""
        rows = Question.objects.returned_to(self._caller()).order_by().values("pk")
        return questions.filter(pk__in=rows) if wanted else questions.exclude(pk__in=rows)

    def _caller(self) -> User:
        assert self.request is not None
        user = self.request.user
        assert isinstance(user, User)
        return user

    @staticmethod
    def _among(questions: QuerySet[Question], mine: QuerySet[Question]) -> QuerySet[Question]:
        return questions.filter(pk__in=mine.order_by().values("pk"))


class CampaignViewSet(RunActions, QuestionsInActions, FigureActions, PracticeActions, api.CampaignViewSet):
    """Campaigns: to read, to run, to bring questions into; practice and figures."""

    write_scopes = CAMPAIGN_SCOPES


class QuestionViewSet(WorkActions, api.QuestionViewSet):
    """Questions, and everything that is done with one."""

    filterset_class = WorklistFilters
    write_scopes = {**api.QuestionViewSet.write_scopes, **WORK_SCOPES}

    def describe_current(self, current: Any) -> Any:
        """What stands now: the caller's own texts, or those of whoever came first."""
        if isinstance(current, list) and current and isinstance(current[0], Pick):
            return {"picks": PickSerializer(current, many=True).data}
        return super().describe_current(current)


class ExportViewSet(api.ExportViewSet):
    """Training sets, and their files."""

    @extend_schema(operation_id="exports_download", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def download(self, request: Request, pk: uuid.UUID) -> FileResponse:
        """The whole training set as one zip file; every download is an audit event."""
        row = self.get_object()
        packed = export.packed_export(row, by_user=self.user)
        name = f"training-set-{row.export_id or row.pk}.zip"
        return FileResponse(packed, as_attachment=True, filename=name, content_type="application/zip")
