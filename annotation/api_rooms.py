"""Smaller nouns of annotation in the programming interface: uploads, skips, flags, phrases, news, endpoints."""

import uuid
from collections.abc import Callable
from typing import Any

import django_filters
from django.db.models import Count, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import api_endpoint_serializers as endpoint_rows
from annotation import api_work_serializers as given_by
from annotation.api import RESEARCHERS
from annotation.api_access import checked, require_researcher, researched_site
from annotation.api_upload_serializers import PreviewSerializer, TakenInSerializer, UploadSerializer
from annotation.models import Campaign, EndpointApproval, Flag, Notification, Phrase, QuestionUpload, Skip
from annotation.querysets import KEEPERS
from annotation.services import endpoints, news, phrases, remarks, skips, uploads
from annotation.services.transmissions import sent_under, told
from mammo.accounts.models import Role, User
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.scopes import Scope
from mammo.api.viewsets import ReadOnlyRoomViewSet
from mammo.archive.models import ImportBatch, ImportItem

ENDPOINT_ROLES = (Role.RESEARCHER, Role.ADMIN, Role.DATA_MANAGER)


class UploadViewSet(ReadOnlyRoomViewSet[QuestionUpload]):
    """Tables of questions that were read and wait to be confirmed: one's own; all of a site for data managers."""

    model = QuestionUpload
    serializer_class = UploadSerializer
    read_scope = Scope.READ_ANNOTATION
    write_scopes = {"confirm": Scope.WRITE_CAMPAIGNS, "discard": Scope.WRITE_CAMPAIGNS}

    def rows(self) -> QuerySet[QuestionUpload]:
        return QuestionUpload.objects.visible_to(self.user).select_related("campaign__site", "by_user")

    @extend_schema(operation_id="uploads_preview", responses=PreviewSerializer)
    @action(detail=True, methods=["get"])
    def preview(self, request: Request, pk: uuid.UUID) -> Response:
        """What confirming would make of the rows now, as the page shows it; nothing is taken in, the look is audited."""
        found = uploads.preview_upload(self.get_object(), by_user=self.user)
        return Response(PreviewSerializer(found).data)

    @extend_schema(
        operation_id="uploads_confirm",
        request=None,
        responses={201: TakenInSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: uuid.UUID) -> Response:
        """Take in what was read, once; rows that can't be taken in are named with the reason."""

        def act() -> list[ImportBatch]:
            upload = self.get_object()
            uploads.confirm_upload(upload, by_user=self.user)
            own = ImportBatch.objects.filter(site=upload.campaign.site, by_user=self.user, kind="questions")
            return [own.latest("created_at")]

        (batch,) = rows_made_once(request, act, ImportBatch.objects.filter(by_user=self.user))
        refused = ImportItem.objects.filter(batch=batch, outcome=ImportItem.Outcome.REJECTED)
        rejected = [{"row": str(item.source), "reason": item.reason} for item in refused.order_by("pk")]
        found = {"id": batch.pk, "counts": batch.counts, "rejected": rejected}
        return Response(TakenInSerializer(found).data, status=201)  # type: ignore[arg-type]  # a plain dict

    @extend_schema(
        operation_id="uploads_discard",
        request=None,
        responses={204: None},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: uuid.UUID) -> Response:
        """Throw a read table away; nothing was taken in."""

        def act() -> list[Campaign]:
            upload = self.get_object()
            uploads.discard_upload(upload, by_user=self.user)
            return [upload.campaign]

        rows_made_once(request, act, Campaign.objects.filter(site__in=self.user.sites_as(*KEEPERS)))
        return Response(status=204)


class SkipViewSet(ReadOnlyRoomViewSet[Skip]):
    """Questions that the account left to others; all of a site for its researchers."""

    model = Skip
    serializer_class = given_by.SkipSerializer
    read_scope = Scope.READ_ANNOTATION
    write_scopes = {"lift": Scope.WRITE_WORK}

    def rows(self) -> QuerySet[Skip]:
        sites = self.user.sites_as(*RESEARCHERS)
        found = Skip.objects.filter(by_user=self.user) | Skip.objects.filter(
            question__campaign__site__in=sites
        )
        return found.select_related("by_user", "question__campaign__site", "question__patient")

    @extend_schema(
        operation_id="skips_lift",
        request=None,
        responses=given_by.SkipSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def lift(self, request: Request, pk: uuid.UUID) -> Response:
        """Put the question back on the list of the person who skipped it."""
        row = self.get_object()
        _once_for(request, row, self.rows(), lambda: skips.lift(row, by_user=self.user))
        row.refresh_from_db()
        return Response(self.get_serializer(row).data)


class FlagFilters(django_filters.FilterSet):
    """Filters of flags."""

    campaign = django_filters.UUIDFilter(field_name="question__campaign_id")
    is_open = django_filters.BooleanFilter(field_name="settled_at", lookup_expr="isnull")

    class Meta:
        model = Flag
        fields: list[str] = []


class FlagViewSet(ReadOnlyRoomViewSet[Flag]):
    """What people found wrong with questions, for researchers of the site."""

    model = Flag
    serializer_class = given_by.FlagSerializer
    filterset_class = FlagFilters
    read_scope = Scope.READ_ANNOTATION
    write_scopes = {"settle": Scope.WRITE_CAMPAIGNS}

    def rows(self) -> QuerySet[Flag]:
        found = Flag.objects.filter(question__campaign__in=Campaign.objects.managed_by(self.user))
        return found.select_related("by_user", "question__campaign__site", "question__patient")

    @extend_schema(
        operation_id="flags_settle",
        request=given_by.SettlementSerializer,
        responses=given_by.FlagSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def settle(self, request: Request, pk: uuid.UUID) -> Response:
        """Say what was done about it."""
        row, given = self.get_object(), checked(given_by.SettlementSerializer, request)
        _once_for(
            request,
            row,
            self.rows(),
            lambda: remarks.settle_flag(row, given["settlement"], by_user=self.user),
        )
        return Response(self.get_serializer(self.get_object()).data)


class PhraseFilters(django_filters.FilterSet):
    """Filters of phrases."""

    campaign = django_filters.UUIDFilter(field_name="campaign_id")

    class Meta:
        model = Phrase
        fields: list[str] = []


class PhraseViewSet(ReadOnlyRoomViewSet[Phrase]):
    """The account's own phrases, and the shared ones of its campaigns."""

    model = Phrase
    serializer_class = given_by.PhraseSerializer
    filterset_class = PhraseFilters
    read_scope = Scope.READ_ANNOTATION
    write_scopes = {"remove": Scope.WRITE_WORK}

    def rows(self) -> QuerySet[Phrase]:
        campaigns = Campaign.objects.visible_to(self.user)
        rows = Phrase.objects.filter(campaign__in=campaigns)
        return (rows.filter(by_user=self.user) | rows.filter(is_shared=True)).select_related("campaign")

    @extend_schema(
        operation_id="phrases_remove", request=None, responses={204: None}, parameters=[IDEMPOTENCY_KEY]
    )
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: uuid.UUID) -> Response:
        """Take one of one's own phrases out of the book."""

        def act() -> list[Campaign]:
            row = self.get_object()
            phrases.remove(row, by_user=self.user)
            return [row.campaign]

        rows_made_once(request, act, Campaign.objects.visible_to(self.user))
        return Response(status=204)


class NewsViewSet(ReadOnlyRoomViewSet[Notification]):
    """The account's own news."""

    model = Notification
    serializer_class = given_by.NewsSerializer
    read_scope = Scope.READ_ANNOTATION
    write_scopes = {"read": Scope.WRITE_WORK}

    def rows(self) -> QuerySet[Notification]:
        return Notification.objects.filter(user=self.user)

    @extend_schema(
        operation_id="news_read",
        request=None,
        responses=given_by.ReadSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=False, methods=["post"])
    def read(self, request: Request) -> Response:
        """Mark everything as read."""
        _once_for(request, self.user, User.objects.all(), lambda: news.mark_read(by_user=self.user))
        return Response({"unread": Notification.objects.unread(self.user).count()})


class EndpointViewSet(ReadOnlyRoomViewSet[EndpointApproval]):
    """Endpoints outside the machine: who asked, who approved, until when, how much was sent."""

    model = EndpointApproval
    serializer_class = endpoint_rows.EndpointSerializer
    read_scope = Scope.READ_ANNOTATION
    write_scopes = {"create": Scope.WRITE_CAMPAIGNS, "decide": Scope.WRITE_CAMPAIGNS}

    def rows(self) -> QuerySet[EndpointApproval]:
        found = EndpointApproval.objects.filter(site__in=self.user.sites_as(*ENDPOINT_ROLES))
        return found.select_related("site", "asked_by", "decided_by").annotate(sent=Count("transmissions"))

    parameters = {"transmissions": frozenset({"day"})}
    paged = frozenset({"list", "transmissions"})

    @extend_schema(
        operation_id="endpoints_transmissions",
        responses=endpoint_rows.TransmissionSerializer(many=True),
        parameters=[OpenApiParameter("day", OpenApiTypes.DATE, description="of this day only")],
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def transmissions(self, request: Request, pk: uuid.UUID) -> Response:
        """Each question that was handed over to be sent there, the newest first: when, how much, who asked; no text."""
        day = serializers.DateField(required=False, allow_null=True)
        given = request.query_params.get("day")
        try:
            wanted = None if given is None else day.run_validation(given)
        except ValidationError as error:
            raise ValidationError({"day": error.detail}) from None
        rows: QuerySet[Any] = sent_under(self.get_object(), wanted)
        page: list[Any] = told(self.paginate_queryset(rows) or [])
        return self.get_paginated_response(endpoint_rows.TransmissionSerializer(page, many=True).data)  # type: ignore[arg-type]  # many rows

    @extend_schema(
        operation_id="endpoints_create",
        request=endpoint_rows.NewEndpointSerializer,
        responses={201: endpoint_rows.EndpointSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Ask that cleaned texts may be sent to an endpoint; another person must approve it."""
        require_researcher(self.user)
        given = checked(endpoint_rows.NewEndpointSerializer, request)
        site = researched_site(self.user, given.pop("site"))
        rows = rows_made_once(
            request, lambda: [endpoints.ask_approval(site, by_user=self.user, **given)], self.rows()
        )
        return Response(self.get_serializer(rows[0]).data, status=201)

    @extend_schema(
        operation_id="endpoints_decide",
        request=endpoint_rows.DecisionSerializer,
        responses=endpoint_rows.EndpointSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: uuid.UUID) -> Response:
        """Approve or refuse (never the person who asked), or revoke what was approved."""
        row, do = self.get_object(), checked(endpoint_rows.DecisionSerializer, request)["do"]

        def act() -> None:
            if do == "revoke":
                endpoints.revoke(row, by_user=self.user)
            else:
                endpoints.decide(row, by_user=self.user, approve=do == "approve")

        _once_for(request, row, self.rows(), act)
        return Response(self.get_serializer(self.get_object()).data)


def _once_for(request: Request, row: Any, rows: QuerySet[Any], act: Callable[[], Any]) -> None:
    """Do something to a row that stays, once per key."""

    def acted() -> list[Any]:
        act()
        return [row]

    rows_made_once(request, acted, rows)
