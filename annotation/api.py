"""Annotation in the programming interface. Whoever works on a campaign meets its texts as work only:
in the stored order of that person, without origin. Researchers read the rows."""

import uuid
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import presentation
from annotation.api_serializers import (
    CampaignDesignSerializer,
    CampaignSerializer,
    CorrectionSerializer,
    CorrectionTaskSerializer,
    ExportSerializer,
    NewCorrectionsSerializer,
    NewPickSerializer,
    PickSerializer,
    PickTaskSerializer,
    ProposalSerializer,
    QuestionSerializer,
)
from annotation.models import (
    Campaign,
    Correction,
    Draft,
    Pick,
    Proposal,
    Purpose,
    Question,
    TrainingExport,
)
from annotation.services import corrections, drafts, picks, stages
from annotation.services.access import require_not_own
from annotation.services.judged_work import KIND
from mammo.accounts.models import Role, User
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.scopes import Scope
from mammo.api.viewsets import ReadOnlyRoomViewSet
from mammo.archive.services import judging
from mammo.archive.views_shown import Judged
from mammo.core.choices import Language

RESEARCHERS = (Role.RESEARCHER, Role.ADMIN)


def researched_by(user: User) -> QuerySet[Campaign]:
    """Campaigns that the account reads in full: of its sites as researcher, unless it works on them itself."""
    rows: QuerySet[Campaign] = Campaign.objects.read_in_full_by(user)
    return rows


class QuestionFilters(django_filters.FilterSet):
    """Filters of questions."""

    campaign = django_filters.UUIDFilter(field_name="campaign_id")
    stage = django_filters.ChoiceFilter(choices=Question.Stage.choices)
    language = django_filters.ChoiceFilter(choices=Language.choices)
    waiting_for = django_filters.ChoiceFilter(
        choices=Purpose.choices, method="waiting", help_text="what this account may correct or pick now"
    )

    class Meta:
        model = Question
        fields: list[str] = []

    def waiting(self, questions: QuerySet[Question], name: str, purpose: str) -> QuerySet[Question]:
        """The caller's own worklist."""
        if self.request is None or not isinstance(self.request.user, User):
            return questions.none()
        mine = Question.objects.waiting_for(self.request.user, purpose)
        return questions.filter(pk__in=mine.order_by().values("pk"))


class ProposalFilters(django_filters.FilterSet):
    """Filters of proposals."""

    question = django_filters.UUIDFilter(field_name="question_id")
    campaign = django_filters.UUIDFilter(field_name="question__campaign_id")

    class Meta:
        model = Proposal
        fields: list[str] = []


class CorrectionFilters(django_filters.FilterSet):
    """Filters of corrections."""

    question = django_filters.UUIDFilter(field_name="proposal__question_id")
    campaign = django_filters.UUIDFilter(field_name="proposal__question__campaign_id")

    class Meta:
        model = Correction
        fields: list[str] = []


class PickFilters(django_filters.FilterSet):
    """Filters of picks."""

    question = django_filters.UUIDFilter(field_name="question_id")
    campaign = django_filters.UUIDFilter(field_name="question__campaign_id")

    class Meta:
        model = Pick
        fields: list[str] = []


class CampaignViewSet(ReadOnlyRoomViewSet[Campaign]):
    """Campaigns of a researcher's sites; to others those they work on."""

    model = Campaign
    serializer_class = CampaignSerializer
    read_scope = Scope.READ_ANNOTATION

    def rows(self) -> QuerySet[Campaign]:
        return Campaign.objects.visible_to(self.user).select_related("site")

    @extend_schema(operation_id="campaigns_design", responses=CampaignDesignSerializer)
    @action(detail=True, methods=["get"])
    def design(self, request: Request, pk: uuid.UUID) -> Response:
        """Which model proposes, and how; for researchers who do not work on the campaign."""
        campaign = get_object_or_404(researched_by(self.user), pk=pk)
        return Response(CampaignDesignSerializer(campaign).data)


class QuestionViewSet(ReadOnlyRoomViewSet[Question]):
    """Questions, and what a junior corrects or a senior picks of them."""

    model = Question
    serializer_class = QuestionSerializer
    filterset_class = QuestionFilters
    read_scope = Scope.READ_ANNOTATION
    write_scopes = {"submit_corrections": Scope.WRITE_CORRECTIONS, "submit_pick": Scope.WRITE_PICKS}

    def rows(self) -> QuerySet[Question]:
        return Question.objects.visible_to(self.user).select_related("campaign__site", "patient")

    @extend_schema(operation_id="questions_correct", responses=CorrectionTaskSerializer)
    @action(detail=True, methods=["get"], url_path="correct")
    def correct(self, request: Request, pk: uuid.UUID) -> Response:
        """The proposals to correct, in the order drawn for this account; nothing names where they come from."""
        question = self._open_question(pk, Purpose.CORRECT)
        revision = _own_revision(question, self.user)
        if not revision:
            stages.require_stage(question, Question.Stage.PROPOSED)
        cards = presentation.correction_cards(question, self.user)
        shown = {"revision": revision, "items": cards, "returns": presentation.returns_of(question)}
        task = self._task(question, Purpose.CORRECT) | shown
        return Response(CorrectionTaskSerializer(task).data)

    @extend_schema(
        operation_id="questions_correct_create",
        request=NewCorrectionsSerializer,
        responses={201: CorrectionSerializer(many=True)},
        parameters=[IDEMPOTENCY_KEY],
        filters=False,
    )
    @correct.mapping.post
    def submit_corrections(self, request: Request, pk: uuid.UUID) -> Response:
        """Settle all proposals at once. `revision` is the one the task named: an older one is answered 409."""
        question = self._open_question(pk, Purpose.CORRECT)
        given = NewCorrectionsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        items = [corrections.CorrectionItem(**item) for item in values["items"]]
        rows = rows_made_once(
            request,
            lambda: self._judging(question)(
                corrections.submit_corrections(
                    question,
                    by_user=self.user,
                    items=items,
                    active_seconds=values["active_seconds"],
                    expected_revision=values["revision"],
                    draft_version=values["draft_version"],
                    shown_round=values["shown_round"],
                    instruction_version=values["instruction_version"],
                    guideline_version=values["guideline_version"],
                    stands_because=values["stands_because"],
                )
            ),
            _readable_corrections(self.user),
        )
        return Response(CorrectionSerializer(rows, many=True).data, status=201)

    @extend_schema(operation_id="questions_pick", responses=PickTaskSerializer)
    @action(detail=True, methods=["get"], url_path="pick")
    def pick(self, request: Request, pk: uuid.UUID) -> Response:
        """The corrected answers to choose from, in the order drawn for this account; nothing names who wrote."""
        question = self._open_question(pk, Purpose.PICK)
        stages.require_stage(question, Question.Stage.CORRECTED)
        cards = presentation.candidate_cards(question, self.user)
        return Response(PickTaskSerializer(self._task(question, Purpose.PICK) | {"candidates": cards}).data)

    @extend_schema(
        operation_id="questions_pick_create",
        request=NewPickSerializer,
        responses={201: PickSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @pick.mapping.post
    def submit_pick(self, request: Request, pk: uuid.UUID) -> Response:
        """Choose one answer. `draft_version`, when given, is the one the task named: an older one is 409."""
        question = self._open_question(pk, Purpose.PICK)
        given = NewPickSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        rows = rows_made_once(
            request,
            lambda: self._judging(question)(
                [picks.pick(question, by_user=self.user, **given.validated_data)]
            ),
            Pick.objects.filter(by_user=self.user),
        )
        return Response(PickSerializer(rows[0]).data, status=201)

    def describe_current(self, current: Any) -> Any:
        """What stands now, in the answer to a stale version: the caller's own texts."""
        if isinstance(current, Draft):
            return {"draft": current.content}
        if isinstance(current, list):
            return {"corrections": CorrectionSerializer(current, many=True).data}
        return None

    def _open_question(self, pk: uuid.UUID, purpose: str) -> Question:
        """A question this account works on for `purpose`; for everybody else it does not exist."""
        rows = Question.objects.open_to(self.user, purpose).select_related(
            "campaign__site", "patient", "study__patient"
        )
        question: Question = get_object_or_404(rows, pk=pk)
        if purpose == Purpose.PICK:
            require_not_own(question, self.user)
        return question

    def _judging(self, question: Question) -> Judged:
        return judging(KIND, question.pk, by_user=self.user, study=question.study)

    def _task(self, question: Question, purpose: str) -> dict[str, Any]:
        draft = drafts.draft_of(question, user=self.user, purpose=purpose)
        return {
            "question": question,
            "draft_version": draft.version if draft is not None else 0,
            **presentation.case_of(question),
        }


class ProposalViewSet(ReadOnlyRoomViewSet[Proposal]):
    """Proposals with their provenance, for researchers who do not work on the campaign."""

    model = Proposal
    serializer_class = ProposalSerializer
    filterset_class = ProposalFilters
    read_scope = Scope.READ_ANNOTATION

    def rows(self) -> QuerySet[Proposal]:
        return Proposal.objects.filter(question__campaign__in=researched_by(self.user)).select_related(
            "question__campaign__site", "question__patient"
        )


class CorrectionViewSet(ReadOnlyRoomViewSet[Correction]):
    """One's own corrections; all of them for researchers who do not work on the campaign."""

    model = Correction
    serializer_class = CorrectionSerializer
    filterset_class = CorrectionFilters
    read_scope = Scope.READ_ANNOTATION

    def rows(self) -> QuerySet[Correction]:
        return _readable_corrections(self.user)


class PickViewSet(ReadOnlyRoomViewSet[Pick]):
    """One's own picks; all of them for researchers who do not work on the campaign."""

    model = Pick
    serializer_class = PickSerializer
    filterset_class = PickFilters
    read_scope = Scope.READ_ANNOTATION

    def rows(self) -> QuerySet[Pick]:
        researched = Pick.objects.filter(question__campaign__in=researched_by(self.user))
        return (researched | Pick.objects.filter(by_user=self.user)).select_related("by_user")


class ExportViewSet(ReadOnlyRoomViewSet[TrainingExport]):
    """Training sets made from picks, at a researcher's sites."""

    model = TrainingExport
    serializer_class = ExportSerializer
    read_scope = Scope.READ_ANNOTATION

    def rows(self) -> QuerySet[TrainingExport]:
        sites = self.user.sites_as(*RESEARCHERS)
        return TrainingExport.objects.filter(campaign__site__in=sites).select_related("by_user")


def _readable_corrections(user: User) -> QuerySet[Correction]:
    researched = Correction.objects.filter(proposal__question__campaign__in=researched_by(user))
    return (researched | Correction.objects.filter(by_user=user)).select_related("proposal", "by_user")


def _own_revision(question: Question, user: User) -> int:
    mine = Correction.objects.standing().filter(
        proposal__question=question, by_user=user, round=question.round
    )
    return max((row.revision for row in mine), default=0)
