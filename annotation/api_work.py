"""Work on one question by the programming interface, as the pages do it; a part of the questions' viewset."""

import uuid
from collections.abc import Callable

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import api_work_serializers as given_by
from annotation import opened, presentation
from annotation.api import researched_by
from annotation.api_access import checked, chosen_for, may_work
from annotation.api_drafts import DraftActions
from annotation.api_serializers import PickSerializer, QuestionSerializer
from annotation.models import Comment, Flag, Pick, Proposal, Purpose, Question, Skip
from annotation.services import (
    adjudication,
    assignments,
    leases,
    picks,
    pools,
    remarks,
    skips,
    stages,
    withdrawals,
)
from annotation.services.judged_work import KIND
from annotation.services.study_context import facts_of
from annotation.statistics.timeline import timeline
from annotation.text_safety import warnings_in
from mammo.accounts.models import User
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.scopes import Scope
from mammo.archive.services import judging

WORK_SCOPES = {
    "take_next": Scope.WRITE_WORK,
    "skip": Scope.WRITE_WORK,
    "add_remark": Scope.WRITE_WORK,
    "add_flag": Scope.WRITE_WORK,
    "assign": Scope.WRITE_CAMPAIGNS,
    "move_to_pool": Scope.WRITE_CAMPAIGNS,
    "withdraw": Scope.WRITE_CAMPAIGNS,
    "check": Scope.WRITE_CORRECTIONS,
    "save_correction_draft": Scope.WRITE_CORRECTIONS,
    "save_pick_draft": Scope.WRITE_PICKS,
    "save_adjudication_draft": Scope.WRITE_PICKS,
    "return_picked": Scope.WRITE_PICKS,
    "return_adjudicated": Scope.WRITE_PICKS,
    "write_answer": Scope.WRITE_PICKS,
    "submit_adjudication": Scope.WRITE_PICKS,
}


class WorkActions(DraftActions):
    """Taking, skipping, drafting, remarking, sending back, deciding; who holds a question and its history."""

    @extend_schema(
        operation_id="questions_next",
        request=given_by.PurposeSerializer,
        responses=given_by.TakenSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=False, methods=["post"], url_path="next")
    def take_next(self, request: Request) -> Response:
        """Hold the next question that waits for this account: assigned and begun ones first, then the pool."""
        purpose = checked(given_by.PurposeSerializer, request)["purpose"]

        def take() -> list[Question]:
            found = leases.next_question(by_user=self.user, purpose=purpose)
            return [] if found is None else [found]

        rows = rows_made_once(request, take, Question.objects.visible_to(self.user))
        data = QuestionSerializer(rows[0]).data if rows else None
        return Response({"question": data})

    @extend_schema(
        operation_id="questions_skip",
        request=given_by.NewSkipSerializer,
        responses={201: given_by.SkipSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: uuid.UUID) -> Response:
        """Leave a question to somebody else in this round, with a reason; what was typed is kept."""
        self.get_object()  # what is not there is so before the body is read
        given = checked(given_by.NewSkipSerializer, request)
        question = may_work(self.user, pk, given["purpose"])
        rows = rows_made_once(
            request,
            lambda: [skips.skip(question, by_user=self.user, **given)],
            Skip.objects.filter(by_user=self.user),
        )
        return Response(given_by.SkipSerializer(rows[0]).data, status=201)

    @extend_schema(operation_id="questions_remarks", responses=given_by.RemarksSerializer)
    @action(detail=True, methods=["get"], url_path="remarks")
    def remarks(self, request: Request, pk: uuid.UUID) -> Response:
        """The remarks on a question that this account may read now."""
        found = opened.remarks_of(self.get_object(), self.user)
        return Response(given_by.RemarksSerializer({"remarks": found}).data)

    @extend_schema(
        operation_id="questions_remarks_create",
        request=given_by.NewRemarkSerializer,
        responses={201: given_by.RemarkSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @remarks.mapping.post
    def add_remark(self, request: Request, pk: uuid.UUID) -> Response:
        """Add a remark; those who worked on the question are told."""
        question, given = self.get_object(), checked(given_by.NewRemarkSerializer, request)
        rows = rows_made_once(
            request,
            lambda: [remarks.comment(question, given["text"], by_user=self.user)],
            Comment.objects.filter(by_user=self.user),
        )
        return Response(given_by.RemarkSerializer(rows[0]).data, status=201)

    @extend_schema(
        operation_id="questions_flags_create",
        request=given_by.NewFlagSerializer,
        responses={201: given_by.FlagSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="flags")
    def add_flag(self, request: Request, pk: uuid.UUID) -> Response:
        """Say that something is wrong with the question itself; its researchers are told."""
        question, given = self.get_object(), checked(given_by.NewFlagSerializer, request)
        rows = rows_made_once(
            request,
            lambda: [remarks.flag(question, by_user=self.user, **given)],
            Flag.objects.filter(by_user=self.user),
        )
        return Response(given_by.FlagSerializer(rows[0]).data, status=201)

    @extend_schema(operation_id="questions_history", responses=given_by.HistorySerializer)
    @action(detail=True, methods=["get"])
    def history(self, request: Request, pk: uuid.UUID) -> Response:
        """The history of a question, from proposals to picks, with names; for researchers who do not work on it."""
        question = self._researched(pk)
        return Response(given_by.HistorySerializer({"events": timeline(question)}).data)

    @extend_schema(operation_id="questions_holders", responses=given_by.HoldersSerializer)
    @action(detail=True, methods=["get"], url_path="holders")
    def holders(self, request: Request, pk: uuid.UUID) -> Response:
        """Who holds a question in its present round; to who works on the campaign, what is not finished alone."""
        return self._holders(self._managed(pk))

    @extend_schema(
        operation_id="questions_assign",
        request=given_by.NewAssignmentSerializer,
        responses=given_by.HoldersSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @holders.mapping.post
    def assign(self, request: Request, pk: uuid.UUID) -> Response:
        """Give a question to a named person, take it back, or move it; drafts stay."""
        question = self._managed(pk)
        given = checked(given_by.NewAssignmentSerializer, request)
        people = User.objects.filter(campaign_memberships__campaign=question.campaign) | User.objects.filter(
            leases__in=assignments.seats_known_to(question, self.user)
        )
        to, come_from = (
            get_object_or_404(people.distinct(), username=given[name]) if given[name] else None
            for name in ("to", "from")
        )

        def change() -> list[Question]:
            assignments.change_holder(
                question, to=to, come_from=come_from, purpose=given["purpose"], by_user=self.user
            )
            return [question]

        rows_made_once(request, change, Question.objects.filter(pk=question.pk))
        return self._holders(question)

    @extend_schema(
        operation_id="questions_pool",
        request=given_by.PoolSerializer,
        responses=given_by.HoldersSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="pool")
    def move_to_pool(self, request: Request, pk: uuid.UUID) -> Response:
        """Let a question wait for the people of one pool; the empty name: for everybody in the campaign."""
        question = self._managed(pk)
        pool = checked(given_by.PoolSerializer, request)["pool"]
        rows_made_once(
            request,
            lambda: [pools.set_question_pool(question, pool, by_user=self.user)],
            Question.objects.filter(pk=question.pk),
        )
        return self._holders(question)

    @extend_schema(
        operation_id="questions_withdraw",
        request=given_by.WithdrawalSerializer,
        responses=given_by.HoldersSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: uuid.UUID) -> Response:
        """Take a question out of its campaign, with the reason: nobody works on it, no training set holds it."""
        question = self._managed(pk)
        reason = checked(given_by.WithdrawalSerializer, request)["reason"]

        def take_out() -> list[Question]:
            withdrawals.withdraw(question, reason, by_user=self.user)
            return [question]

        rows_made_once(request, take_out, Question.objects.filter(pk=question.pk))
        return self._holders(question)

    def _managed(self, pk: uuid.UUID) -> Question:
        rows = Question.objects.managed_by(self.user).select_related("campaign__site", "patient")
        return get_object_or_404(rows, pk=pk)

    def _holders(self, question: Question) -> Response:
        question.refresh_from_db(fields=["stage", "round", "pool"])
        found = assignments.seats_known_to(question, self.user).select_related("user")
        rows = found.order_by("purpose", "seat")
        shown = {"stage": question.stage, "pool": question.pool, "holders": rows}
        return Response(given_by.HoldersSerializer(shown).data)

    @extend_schema(
        operation_id="questions_correct_check",
        request=given_by.TextsToCheckSerializer,
        responses=given_by.WarningsSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="correct/check")
    def check(self, request: Request, pk: uuid.UUID) -> Response:
        """Look through texts for what should be read again; nothing is stored or changed."""
        question = may_work(self.user, pk, Purpose.CORRECT)
        texts = checked(given_by.TextsToCheckSerializer, request)["texts"]
        known = {str(key) for key in Proposal.objects.current(question).values_list("pk", flat=True)}
        facts, asked = facts_of(question), list(question.turns[::2])
        found = {key: warnings_in(text, facts, asked=asked) for key, text in texts.items() if key in known}
        rows_made_once(request, lambda: [question], Question.objects.filter(pk=question.pk))
        return Response(given_by.WarningsSerializer({"warnings": found}).data)

    @extend_schema(
        operation_id="questions_pick_return",
        request=given_by.NewReturnSerializer,
        responses={201: given_by.ReturnedSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="pick/return")
    def return_picked(self, request: Request, pk: uuid.UUID) -> Response:
        """None is acceptable: back to the juniors who corrected it, with the reason."""
        return self._return(request, pk, Purpose.PICK)

    @extend_schema(
        operation_id="questions_adjudicate_return",
        request=given_by.NewReturnSerializer,
        responses={201: given_by.ReturnedSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="adjudicate/return")
    def return_adjudicated(self, request: Request, pk: uuid.UUID) -> Response:
        """Neither choice is acceptable: back to the juniors."""
        return self._return(request, pk, Purpose.ADJUDICATE)

    def _return(self, request: Request, pk: uuid.UUID, purpose: str) -> Response:
        question = may_work(self.user, pk, purpose)
        given = checked(given_by.NewReturnSerializer, request)

        def send_back() -> list[Question]:
            judged = judging(KIND, question.pk, by_user=self.user, study=question.study)
            judged(picks.return_to_juniors(question, by_user=self.user, purpose=purpose, **given))
            return [question]

        rows_made_once(request, send_back, Question.objects.filter(pk=question.pk))
        question.refresh_from_db()
        return Response(given_by.ReturnedSerializer(question).data, status=201)

    @extend_schema(
        operation_id="questions_pick_write",
        request=given_by.NewAnswerSerializer,
        responses={201: PickSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="pick/write")
    def write_answer(self, request: Request, pk: uuid.UUID) -> Response:
        """None is acceptable: the senior writes the answer."""
        question = may_work(self.user, pk, Purpose.PICK)
        given = checked(given_by.NewAnswerSerializer, request)
        return self._picked(
            request, question, lambda: picks.write_answer(question, by_user=self.user, **given)
        )

    @extend_schema(operation_id="questions_opened", responses=given_by.OpenedSerializer)
    @action(detail=True, methods=["get"], url_path="opened")
    def opened_answers(self, request: Request, pk: uuid.UUID) -> Response:
        """After one's own choice: what the answers were made from (proposal, system, changes, error tags, warnings)."""
        question = chosen_for(self.user, pk)
        return Response(given_by.OpenedSerializer({"answers": opened.opened_cards(question, self.user)}).data)

    @extend_schema(operation_id="questions_adjudicate", responses=given_by.AdjudicationTaskSerializer)
    @action(detail=True, methods=["get"], url_path="adjudicate")
    def adjudicate(self, request: Request, pk: uuid.UUID) -> Response:
        """What two seniors chose, without their names, and all corrected answers."""
        question = may_work(self.user, pk, Purpose.ADJUDICATE)
        stages.require_stage(question, Question.Stage.ADJUDICATE)
        task = {
            "question": question,
            **presentation.case_of(question),
            "disputed": opened.disputed_cards(question),
            "candidates": presentation.candidate_cards(question, self.user, Purpose.ADJUDICATE),
        }
        return Response(given_by.AdjudicationTaskSerializer(task).data)

    @extend_schema(
        operation_id="questions_adjudicate_create",
        request=given_by.NewAdjudicationSerializer,
        responses={201: PickSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @adjudicate.mapping.post
    def submit_adjudication(self, request: Request, pk: uuid.UUID) -> Response:
        """Decide: uphold one of the choices, or take another corrected answer; a reason is needed."""
        question = may_work(self.user, pk, Purpose.ADJUDICATE)
        given = checked(given_by.NewAdjudicationSerializer, request)
        return self._picked(
            request, question, lambda: adjudication.adjudicate(question, by_user=self.user, **given)
        )

    def _picked(self, request: Request, question: Question, act: Callable[[], Pick]) -> Response:
        def judge() -> list[Pick]:
            judged = judging(KIND, question.pk, by_user=self.user, study=question.study)
            return [judged(act())]

        rows = rows_made_once(request, judge, Pick.objects.filter(by_user=self.user))
        return Response(PickSerializer(rows[0]).data, status=201)

    def _researched(self, pk: uuid.UUID) -> Question:
        rows: QuerySet[Question] = Question.objects.filter(campaign__in=researched_by(self.user))
        question: Question = get_object_or_404(
            rows.select_related("campaign__site", "patient", "study"), pk=pk
        )
        return question
