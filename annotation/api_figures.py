"""A campaign's figures and its practice set in the programming interface; parts of the campaigns' viewset."""

import uuid
from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import api_figure_serializers as figures
from annotation import api_practice_serializers as given_by
from annotation.api_access import checked, managed, researched, visible
from annotation.models import Campaign, PracticeItem, PracticeResult, Purpose
from annotation.services import practice
from annotation.services.access import require_member
from annotation.statistics import pick_rates, progress, quality, support
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.viewsets import RoomViewSet
from mammo.core.digits import number_in


class FigureActions(RoomViewSet[Campaign]):
    """How far a campaign is, how good the proposals are, what is stuck; one's own hours."""

    @extend_schema(operation_id="campaigns_progress", responses=figures.ProgressSerializer)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: uuid.UUID) -> Response:
        """Questions by stage and day, and what each person did; for researchers who do not work on it."""
        campaign = researched(self.user, pk)
        found = {
            "stages": progress.by_stage(campaign),
            "days": progress.by_day(campaign),
            "people": progress.by_person(campaign),
        }
        return Response(figures.ProgressSerializer(found).data)

    @extend_schema(operation_id="campaigns_quality", responses=figures.QualitySerializer)
    @action(detail=True, methods=["get"])
    def quality(self, request: Request, pk: uuid.UUID) -> Response:
        """How good the proposals are and how far people agree; for researchers who do not work on it."""
        campaign = researched(self.user, pk)
        found = {
            "systems": quality.by_system(campaign),
            "distance_by_tag": _medians(quality.distance_by_tag(campaign)),
            "seconds_per_task": _medians(quality.time_per_task(campaign)),
            "picks_by_index": pick_rates.by_index(campaign),
            "picks_by_place": pick_rates.by_place(campaign),
            "juniors": quality.junior_agreement(campaign),
            "seniors": quality.senior_agreement(campaign),
            "picked_and_returned": quality.picked_and_returned(campaign),
            "proposed": support.support_of_proposals(campaign),
            "picked": support.support_of_picks(campaign),
        }
        return Response(figures.QualitySerializer(found).data)

    @extend_schema(operation_id="campaigns_stuck", responses=figures.StuckSerializer)
    @action(detail=True, methods=["get"])
    def stuck(self, request: Request, pk: uuid.UUID) -> Response:
        """Questions that nobody will finish by themselves, and why; for researchers of the site."""
        campaign = managed(self.user, pk)
        found = {"stuck": progress.stuck(campaign), "total": progress.count_stuck(campaign)}
        return Response(figures.StuckSerializer(found).data)

    @extend_schema(operation_id="campaigns_my_work", responses=figures.WorkDaysSerializer)
    @action(detail=False, methods=["get"], url_path="my-work")
    def my_work(self, request: Request) -> Response:
        """The account's own hours and cases by day; nobody else's."""
        return Response(figures.WorkDaysSerializer({"days": progress.work_days(self.user)}).data)


def _medians(found: dict[str, tuple[int, float]]) -> dict[str, dict[str, float]]:
    return {name: {"count": count, "median": median} for name, (count, median) in found.items()}


class PracticeActions(RoomViewSet[Campaign]):
    """The practice set: written by researchers, done by juniors and seniors before real work."""

    @extend_schema(operation_id="campaigns_practice", responses=given_by.PracticeItemsSerializer)
    @action(detail=True, methods=["get"], url_path="practice")
    def practice_set(self, request: Request, pk: uuid.UUID) -> Response:
        """The examples with what is expected and how each person did, for researchers of the site."""
        campaign = managed(self.user, pk)
        scores = [
            {"user": member.user.username, "purpose": member.purpose, **asdict(score)}
            for member, score in practice.scores_of(campaign)
        ]
        shown = {"items": campaign.practice_items.order_by("position"), "scores": scores}
        return Response(given_by.PracticeItemsSerializer(shown).data)

    @extend_schema(
        operation_id="campaigns_practice_create",
        request=given_by.NewPracticeItemSerializer,
        responses={201: given_by.PracticeItemSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @practice_set.mapping.post
    def add_practice(self, request: Request, pk: uuid.UUID) -> Response:
        """Add an example; refused once somebody has practised."""
        campaign, given = managed(self.user, pk), checked(given_by.NewPracticeItemSerializer, request)
        answers = [practice.PracticeAnswer(**one) for one in given.pop("answers")]
        rows = rows_made_once(
            request,
            lambda: [practice.add_item(campaign, by_user=self.user, answers=answers, **given)],
            PracticeItem.objects.filter(campaign=campaign),
        )
        return Response(given_by.PracticeItemSerializer(rows[0]).data, status=201)

    @extend_schema(operation_id="campaigns_practise_correct", responses=given_by.PractiseSerializer)
    @action(detail=True, methods=["get"], url_path="practise/correct")
    def practise_correct(self, request: Request, pk: uuid.UUID) -> Response:
        """The next example to correct, without its solution."""
        return self._next_example(pk, Purpose.CORRECT)

    @extend_schema(
        operation_id="campaigns_practise_correct_create",
        request=given_by.PractisedCorrectionSerializer,
        responses={201: given_by.PractisedSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @practise_correct.mapping.post
    def practise_correcting(self, request: Request, pk: uuid.UUID) -> Response:
        """Say what is wrong with each answer; the first try stands, the solution comes back."""
        campaign = self._practised(pk, Purpose.CORRECT)
        given = checked(given_by.PractisedCorrectionSerializer, request)
        item = self._example(campaign, given["item"])
        tags, texts = _by_place(given["tags"]), _by_place(given["texts"])
        rows = rows_made_once(
            request,
            lambda: [
                practice.submit_correction(
                    item, by_user=self.user, tags=tags, texts=texts, active_seconds=given["active_seconds"]
                )
            ],
            PracticeResult.objects.filter(by_user=self.user).select_related("item"),
        )
        return Response(given_by.PractisedSerializer(rows[0]).data, status=201)

    @extend_schema(operation_id="campaigns_practise_pick", responses=given_by.PractiseSerializer)
    @action(detail=True, methods=["get"], url_path="practise/pick")
    def practise_pick(self, request: Request, pk: uuid.UUID) -> Response:
        """The next example to pick for: its answers as they should read."""
        return self._next_example(pk, Purpose.PICK)

    @extend_schema(
        operation_id="campaigns_practise_pick_create",
        request=given_by.PractisedPickSerializer,
        responses={201: given_by.PractisedSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @practise_pick.mapping.post
    def practise_picking(self, request: Request, pk: uuid.UUID) -> Response:
        """Pick the best answer; the first try stands, the solution comes back."""
        campaign = self._practised(pk, Purpose.PICK)
        given = checked(given_by.PractisedPickSerializer, request)
        item = self._example(campaign, given["item"])
        rows = rows_made_once(
            request,
            lambda: [
                practice.submit_pick(
                    item, by_user=self.user, picked=given["picked"], active_seconds=given["active_seconds"]
                )
            ],
            PracticeResult.objects.filter(by_user=self.user).select_related("item"),
        )
        return Response(given_by.PractisedSerializer(rows[0]).data, status=201)

    def _next_example(self, pk: uuid.UUID, purpose: str) -> Response:
        campaign = self._practised(pk, purpose)
        item = practice.next_item(campaign, self.user, purpose)
        score = practice.score_of(campaign, self.user, purpose)
        found: dict[str, Any] = {"done": score.done, "right": score.right, "possible": score.possible}
        found["example"] = None if item is None else _shown(item, purpose)
        return Response(given_by.PractiseSerializer(found).data)

    def _practised(self, pk: uuid.UUID, purpose: str) -> Campaign:
        """A campaign this account works on for `purpose`; for everybody else there is no practice."""
        campaign = visible(self.user, pk)
        require_member(campaign, self.user, purpose)
        return campaign

    def _example(self, campaign: Campaign, item: uuid.UUID) -> PracticeItem:
        rows = campaign.practice_items.select_related("campaign__site")
        found: PracticeItem = get_object_or_404(rows, pk=item)
        return found


def _by_place(given: dict[str, Any]) -> dict[int, Any]:
    """What is said of each answer by the number of its place; a key that is no number is nobody's place."""
    return {place: said for key, said in given.items() if (place := number_in(key)) is not None}


def _shown(item: PracticeItem, purpose: str) -> dict[str, Any]:
    """An example as this purpose sees it: a senior meets the answers as they should read."""
    texts = [
        (one["reference"] or one["text"]) if purpose == Purpose.PICK else one["text"] for one in item.answers
    ]
    named = {name: getattr(item, name) for name in ("id", "language", "context", "question")}
    return {**named, "shown": texts}
