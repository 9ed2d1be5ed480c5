"""Blinded trials in the programming interface. A rater meets forms under random names, and nothing of an arm."""

import uuid
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation.api_serializers import (
    ArmSerializer,
    FormDetailSerializer,
    FormSerializer,
    NewScoresSerializer,
    ScoreSerializer,
    TableSerializer,
    TrialSerializer,
    stands_under_code,
)
from evaluation.models import Arm, Score, ScoreQuerySet, Slot, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.strata import STRATA
from evaluation.reports.table import Table
from evaluation.reports.tables import TRIAL_TABLES, build_table
from evaluation.reports.writers import CONTENT_TYPES, WRITERS
from evaluation.services.judged_work import KIND, own_images
from evaluation.services.scoring import form_of, record_scores
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.api.once import rows_made_once
from mammo.api.pagination import KeysetPagination
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.scopes import Scope
from mammo.api.viewsets import ReadOnlyRoomViewSet
from mammo.archive.services import judging

FLAGS = {"true": True, "false": False}
SIMULATED = OpenApiParameter("simulated", OpenApiTypes.BOOL, description="take rows marked as simulated too")
TABLE_PARAMETERS = [
    OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH, description="of the paper's table"),
    SIMULATED,
    OpenApiParameter("paper", OpenApiTypes.BOOL, description="add the paper's figures, once unblinded"),
    OpenApiParameter(
        "by", OpenApiTypes.STR, enum=list(STRATA), description="one row per stratum of the questions"
    ),
]


def described(trials: QuerySet[Trial]) -> QuerySet[Trial]:
    """The trials with what the serializer tells of them."""
    return (
        trials.select_related("site")
        .prefetch_related("aspects")
        .annotate(
            questions_count=Count("trial_questions", distinct=True),
            raters_count=Count("raters", distinct=True),
        )
    )


class TrialFilters(django_filters.FilterSet):
    """Filters of trials."""

    site = django_filters.CharFilter(field_name="site__code", help_text="code of the site")
    state = django_filters.ChoiceFilter(choices=Trial.State.choices)

    class Meta:
        model = Trial
        fields: list[str] = []


class ArmFilters(django_filters.FilterSet):
    """Filters of arms."""

    trial = django_filters.UUIDFilter(field_name="trial_id")

    class Meta:
        model = Arm
        fields: list[str] = []


class ScoreFilters(django_filters.FilterSet):
    """Filters of one's own scores."""

    # The class itself takes this name off its body: `FilterSet.form` stays what it is.
    form = django_filters.UUIDFilter(field_name="slot_id")  # type: ignore[assignment]

    class Meta:
        model = Score
        fields: list[str] = []


class TrialViewSet(ReadOnlyRoomViewSet[Trial]):
    """Trials of the sites where the account is researcher, statistician or admin."""

    model = Trial
    serializer_class = TrialSerializer
    filterset_class = TrialFilters
    read_scope = Scope.READ_TRIALS
    parameters = {
        "table": frozenset({"simulated", "paper", "by"}),
        "table_file": frozenset({"simulated", "paper", "by", "as"}),
    }

    def rows(self) -> QuerySet[Trial]:
        return described(Trial.objects.visible_to(self.user))

    @extend_schema(operation_id="trials_table", responses=TableSerializer, parameters=TABLE_PARAMETERS)
    @action(detail=True, methods=["get"], url_path=r"tables/<int:number>")
    def table(self, request: Request, pk: uuid.UUID, number: int) -> Response:
        """A table of the paper, computed from the trial's rows; arms by code until it is unblinded."""
        return Response(self._table(request, number).as_json())

    @extend_schema(
        operation_id="trials_table_file",
        responses={(200, content_type): OpenApiTypes.BINARY for content_type in CONTENT_TYPES.values()},
        parameters=[*TABLE_PARAMETERS, OpenApiParameter("as", OpenApiTypes.STR, enum=sorted(WRITERS))],
    )
    @action(detail=True, methods=["get"], url_path=r"tables/<int:number>/file")
    def table_file(self, request: Request, pk: uuid.UUID, number: int) -> HttpResponse:
        """The same table as a file: `as` is csv (when not given), docx, html, md, tex or xlsx."""
        kind = request.query_params.get("as", "csv")
        if kind not in WRITERS:
            raise ValidationError({"as": [f"unknown; known: {', '.join(sorted(WRITERS))}"]})
        content = WRITERS[kind](self._table(request, number))
        trial = self.get_object()
        with transaction.atomic():
            audit.record(
                "evaluation.table_downloaded",
                by_user=self.user,
                on=trial,
                site=trial.site,
                table=number,
                kind=kind,
            )
        response = HttpResponse(content, content_type=CONTENT_TYPES[kind])
        response["Content-Disposition"] = f'attachment; filename="table{number}.{kind}"'
        return response

    def _table(self, request: Request, number: int) -> Table:
        trial = self.get_object()
        if number not in TRIAL_TABLES:
            raise Http404
        by = request.query_params.get("by") or None
        if by is not None and by not in STRATA:
            raise ValidationError({"by": [f"unknown; known: {', '.join(STRATA)}"]})
        options = TableOptions(
            trial, simulated=flag(request, "simulated"), paper=flag(request, "paper"), by=by
        )
        return build_table(number, options)


class ArmPagination(KeysetPagination):
    """Arms by trial, in an order that is not the same for who meets names and for who meets codes.

    By random id with the names: the order of making would tell which arm is which, and that of codes the codes. By code
    without the names: the order of ids would join both lists. A site has few arms: they are put in order here.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of `queryset`.

        Raises:
            ValidationError: a page size out of bounds, or a cursor that this list did not make.
        """

        def place(arm: Arm) -> list[str]:
            own = arm.code if stands_under_code(arm, view.user) else str(arm.pk)
            return [str(arm.trial_id), own]

        return self.page_of(sorted(queryset, key=place), place, request)


class ArmViewSet(ReadOnlyRoomViewSet[Arm]):
    """Arms of those trials: by name alone for who designs, by code alone for statisticians, until the unblinding."""

    model = Arm
    serializer_class = ArmSerializer
    filterset_class = ArmFilters
    read_scope = Scope.READ_TRIALS
    pagination_class = ArmPagination

    def rows(self) -> QuerySet[Arm]:
        return Arm.objects.filter(trial__in=Trial.objects.visible_to(self.user)).select_related("trial__site")

    def get_object(self) -> Arm:
        """One arm; by its id only where the account is told ids."""
        arm: Arm = super().get_object()
        if stands_under_code(arm, self.user):
            raise Http404
        return arm


class FormViewSet(ReadOnlyRoomViewSet[Slot]):
    """One's own forms in open trials, up to the first that is not scored."""

    model = Slot
    serializer_class = FormSerializer
    read_scope = Scope.READ_SCORES
    write_scopes = {"score": Scope.WRITE_SCORES}
    page_ordering = ("position", "pk")

    def rows(self) -> QuerySet[Slot]:
        return Slot.objects.open_to(self.user)

    @extend_schema(responses=FormDetailSerializer)
    def retrieve(self, request: Request, pk: uuid.UUID) -> Response:
        """One form: question, answer, aspects in the rater's order, with the values that stand."""
        return Response(FormDetailSerializer(self._form(pk)).data)

    @extend_schema(
        operation_id="forms_score",
        request=NewScoresSerializer,
        responses={201: ScoreSerializer(many=True)},
        parameters=[IDEMPOTENCY_KEY],
        filters=False,
    )
    @action(detail=True, methods=["post"], url_path="scores")
    def score(self, request: Request, pk: uuid.UUID) -> Response:
        """Store a whole form; a changed value is a new row. `revision` is the one the form named: older is 409."""
        form = self._form(pk)
        given = NewScoresSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        asked = form.answer.question
        study = asked.question.study
        rows = rows_made_once(
            request,
            lambda: judging(KIND, form.pk, by_user=self.user, study=study, images=own_images(asked, study))(
                record_scores(
                    form,
                    by_user=self.user,
                    values=values["values"],
                    active_seconds=values["active_seconds"],
                    expected_revision=values["revision"],
                )
            ),
            _own_scores(self.user),
        )
        return Response(ScoreSerializer(rows, many=True).data, status=201)

    def describe_current(self, current: Any) -> Any:
        """The scores that stand, in the answer to a stale revision."""
        return {"scores": ScoreSerializer(current, many=True).data}

    def _form(self, pk: uuid.UUID) -> Slot:
        form = form_of(self.user, pk)
        if form is None:
            raise Http404
        return form


class ScoreViewSet(ReadOnlyRoomViewSet[Score]):
    """One's own scores that stand, of trials that are still being scored."""

    model = Score
    serializer_class = ScoreSerializer
    filterset_class = ScoreFilters
    read_scope = Scope.READ_SCORES

    def rows(self) -> QuerySet[Score]:
        return _own_scores(self.user).standing()


def _own_scores(user: User) -> ScoreQuerySet:
    return Score.objects.filter(by_user=user, slot__in=Slot.objects.of(user)).select_related("aspect")


def flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false; false where it is not given.

    Raises:
        ValidationError: it is neither.
    """
    given = request.query_params.get(name, "false")
    if given not in FLAGS:
        raise ValidationError({name: ["give true or false"]})
    return FLAGS[given]
