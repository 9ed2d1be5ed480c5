"""The archive in the programming interface: studies, images' metadata, imports. No text of a patient."""

import uuid
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import Count, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from mammo.accounts import audit
from mammo.api.scopes import Scope
from mammo.api.viewsets import ReadOnlyRoomViewSet
from mammo.archive.models import Image, ImportBatch, ImportItem, SplitMembership, Study
from mammo.archive.viewing_rights import CATALOGUE_ROLES
from mammo.core.choices import Birads, Density, Laterality, View


class StudySerializer(serializers.ModelSerializer[Study]):
    """Facts of a study; dates are shifted."""

    site = serializers.CharField(source="site.code")
    patient = serializers.CharField(source="patient.pseudonym")
    images = serializers.IntegerField(source="images_count")

    class Meta:
        model = Study
        fields = [
            "id",
            "site",
            "patient",
            "date",
            "age",
            "vendor",
            "density",
            "birads_left",
            "birads_right",
            "birads_overall",
            "birads_rule",
            "birads_edition",
            "label_source",
            "label_sources",
            "images",
            "version",
            "is_simulated",
        ]


class ImageSerializer(serializers.ModelSerializer[Image]):
    """What is known of a mammogram beside its pixels."""

    class Meta:
        model = Image
        fields = [
            "id",
            "study",
            "laterality",
            "view",
            "view_modifiers",
            "is_extra",
            "rows",
            "columns",
            "bits_stored",
            "spacing_row",
            "spacing_column",
            "spacing_estimated",
            "window_center",
            "window_width",
            "voi_function",
            "vendor",
            "flags",
            "viewing_copy_sha256",
            "procedure_version",
            "is_simulated",
        ]


class ImportBatchSerializer(serializers.ModelSerializer[ImportBatch]):
    """One run of an import."""

    site = serializers.CharField(source="site.code")
    by = serializers.CharField(source="by_user.username", default=None, allow_null=True)

    class Meta:
        model = ImportBatch
        fields = ["id", "site", "kind", "by", "created_at", "finished_at", "counts", "is_simulated"]


class ImportItemSerializer(serializers.ModelSerializer[ImportItem]):
    """What became of one file or row; the source may identify, so each look is an audit event."""

    source = serializers.CharField(source="shown_source")  # type: ignore[assignment]  # a field of that name

    class Meta:
        model = ImportItem
        fields = ["id", "source", "outcome", "reason", "image", "created_at", "resolved_at"]


class StudyFilters(django_filters.FilterSet):
    """Filters of studies."""

    site = django_filters.CharFilter(field_name="site__code", help_text="code of the site")
    density = django_filters.ChoiceFilter(choices=Density.choices)
    birads = django_filters.ChoiceFilter(
        field_name="birads_overall", choices=Birads.choices, help_text="reported category, overall"
    )
    birads_left = django_filters.ChoiceFilter(choices=Birads.choices)
    birads_right = django_filters.ChoiceFilter(choices=Birads.choices)
    split = django_filters.CharFilter(
        field_name="patient__split_sides__split__name", help_text="name of a split that holds her patient"
    )
    side = django_filters.ChoiceFilter(
        choices=SplitMembership.Side.choices, method="on_side", help_text="of that split"
    )

    class Meta:
        model = Study
        fields: list[str] = []

    def on_side(self, studies: QuerySet[Study], name: str, side: str) -> QuerySet[Study]:
        """Studies whose patient stands on this side of the named split."""
        split = self.form.cleaned_data.get("split")
        if not split:
            raise ValidationError({"side": ["name the split too"]})
        members = SplitMembership.objects.filter(split__name=split, side=side)
        return studies.filter(patient__in=members.values("patient"))


class ImageFilters(django_filters.FilterSet):
    """Filters of images."""

    study = django_filters.UUIDFilter(field_name="study_id")
    laterality = django_filters.ChoiceFilter(choices=Laterality.choices)
    view = django_filters.ChoiceFilter(choices=View.choices)

    class Meta:
        model = Image
        fields: list[str] = []


class StudyViewSet(ReadOnlyRoomViewSet[Study]):
    """Studies of the sites where the account is researcher, data manager, statistician or admin."""

    model = Study
    serializer_class = StudySerializer
    filterset_class = StudyFilters
    read_scope = Scope.READ_STUDIES

    def rows(self) -> QuerySet[Study]:
        return (
            Study.objects.visible_to(self.user)
            # Doctors meet studies through their questions: a list with reported categories would unblind them.
            .filter(site__in=self.user.sites_as(*CATALOGUE_ROLES), patient__erased_at=None)
            .select_related("site", "patient")
            .annotate(images_count=Count("images", distinct=True))
        )


class ImageViewSet(ReadOnlyRoomViewSet[Image]):
    """Metadata of the images of those studies."""

    model = Image
    serializer_class = ImageSerializer
    filterset_class = ImageFilters
    read_scope = Scope.READ_STUDIES

    def rows(self) -> QuerySet[Image]:
        return Image.objects.visible_to(self.user).filter(
            study__site__in=self.user.sites_as(*CATALOGUE_ROLES)
        )


class ImportViewSet(ReadOnlyRoomViewSet[ImportBatch]):
    """Imports of the sites where the account is data manager."""

    model = ImportBatch
    serializer_class = ImportBatchSerializer
    read_scope = Scope.READ_IMPORTS
    parameters = {"items": frozenset({"outcome"})}
    paged = frozenset({"list", "items"})

    def rows(self) -> QuerySet[ImportBatch]:
        return ImportBatch.objects.visible_to(self.user).select_related("site", "by_user")

    @extend_schema(
        operation_id="imports_items_list",
        responses=ImportItemSerializer(many=True),
        parameters=[
            OpenApiParameter("outcome", OpenApiTypes.STR, enum=ImportItem.Outcome.values),
        ],
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def items(self, request: Request, pk: uuid.UUID) -> Response:
        """What became of each file, page by page. Every call is an audit event: sources may identify."""
        batch = self.get_object()
        rows: QuerySet[Any] = batch.items.select_related("batch__site")
        outcome = request.query_params.get("outcome")
        if outcome is not None:
            if outcome not in ImportItem.Outcome.values:
                known = ", ".join(ImportItem.Outcome.values)
                raise ValidationError({"outcome": [f"unknown; known: {known}"]})
            rows = rows.filter(outcome=outcome)
        page = self.paginate_queryset(rows) or []
        with transaction.atomic():
            audit.record(
                "archive.sources_seen", by_user=self.user, on=batch, site=batch.site, shown=len(page)
            )
        return self.get_paginated_response(ImportItemSerializer(page, many=True).data)
