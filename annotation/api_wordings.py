"""Cleaned wordings by the programming interface: a data manager reads them and confirms or mends them.

What was received before cleaning is not given here: it is opened on its page, where each look is an audit event.
"""

import uuid
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api_access import checked
from annotation.api_serializers import MOST_ITEMS, Turns
from annotation.api_work_serializers import LARGEST_VERSION, text_field
from annotation.models import Question
from annotation.services.wording import LONGEST_TEXT
from annotation.services.wordings import MOST_AT_ONCE, confirm_wordings, correct_wording
from mammo.accounts.models import Role
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.scopes import Scope
from mammo.api.serializers import StrictSerializer
from mammo.api.viewsets import ReadOnlyRoomViewSet
from mammo.core.errors import NotAllowedError, UserError


class WordingSerializer(serializers.ModelSerializer[Question]):
    """A question's cleaned wording, where it was asked and under which consent, and who confirmed it."""

    turns = Turns()
    confirmed_by = serializers.CharField(source="cleaned_by.username", default=None, allow_null=True)

    class Meta:
        model = Question
        fields = [
            *("id", "campaign", "language", "turns", "source", "consent_reference", "stage", "confirmed_by"),
            *("version", "is_simulated"),
        ]


class SeenWordingSerializer(StrictSerializer):
    """A wording as it was read."""

    question = serializers.UUIDField()
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_VERSION)


class SeenWordingsSerializer(StrictSerializer):
    """Wordings of one site in which nothing identifies anybody."""

    site = serializers.CharField(max_length=40, help_text="code of the site")
    wordings = serializers.ListField(
        child=SeenWordingSerializer(), allow_empty=False, max_length=MOST_AT_ONCE
    )


class ConfirmedSerializer(serializers.Serializer[Any]):
    """How many wordings are confirmed."""

    confirmed = serializers.IntegerField()


class NewWordingSerializer(StrictSerializer):
    """The wording as it should be, round by round, and the version that it was read from."""

    turns = serializers.ListField(
        child=text_field(LONGEST_TEXT, allow_blank=True), allow_empty=False, max_length=MOST_ITEMS
    )
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_VERSION)


class WordingFilters(django_filters.FilterSet):
    """Filters of wordings."""

    campaign = django_filters.UUIDFilter(field_name="campaign_id")
    is_unconfirmed = django_filters.BooleanFilter(field_name="cleaned_by", lookup_expr="isnull")

    class Meta:
        model = Question
        fields: list[str] = []


class WordingViewSet(ReadOnlyRoomViewSet[Question]):
    """Cleaned wordings of the sites where the account is data manager."""

    model = Question
    serializer_class = WordingSerializer
    filterset_class = WordingFilters
    read_scope = Scope.READ_ANNOTATION
    write_scopes = {"confirm": Scope.WRITE_CAMPAIGNS, "correct": Scope.WRITE_CAMPAIGNS}

    def rows(self) -> QuerySet[Question]:
        rows = Question.objects.filter(campaign__site__in=self.user.sites_as(Role.DATA_MANAGER))
        return rows.filter(is_practice=False).select_related("campaign__site", "patient", "cleaned_by")

    @extend_schema(
        operation_id="wordings_confirm",
        request=SeenWordingsSerializer,
        responses=ConfirmedSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=False, methods=["post"])
    def confirm(self, request: Request) -> Response:
        """Say of wordings, as they were read, that nothing in them identifies anybody: all of them or none."""
        if not self.user.has_role(Role.DATA_MANAGER):
            raise NotAllowedError(_("only a data manager of the site does this"))
        given = checked(SeenWordingsSerializer, request)
        site = self.user.sites_as(Role.DATA_MANAGER).filter(code=given["site"]).first()
        if site is None:
            raise UserError(_("site: none of this code where this account is data manager"))
        seen = {one["question"]: one["version"] for one in given["wordings"]}

        def act() -> list[Question]:
            confirm_wordings(site, seen, by_user=self.user)
            return list(self.rows().filter(pk__in=seen))

        return Response({"confirmed": len(rows_made_once(request, act, self.rows()))})

    @extend_schema(
        operation_id="wordings_correct",
        request=NewWordingSerializer,
        responses=WordingSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, pk: uuid.UUID) -> Response:
        """Write the wording as it should be, and confirm it; only before the first proposal."""
        question, given = self.get_object(), checked(NewWordingSerializer, request)

        def act() -> list[Question]:
            correct_wording(question, given["turns"], expected_version=given["version"], by_user=self.user)
            return [question]

        rows_made_once(request, act, self.rows())
        return Response(WordingSerializer(self.get_object()).data)
