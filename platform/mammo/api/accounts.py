"""The caller's own account, and the sites it works at."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mammo.accounts.models import Membership, Site, User
from mammo.api.models import ApiToken
from mammo.api.viewsets import ReadOnlyRoomViewSet, RoomViewSet


class SiteSerializer(serializers.ModelSerializer[Site]):
    """A hospital by its code: its name stays inside."""

    class Meta:
        model = Site
        fields = ["id", "code", "is_simulated"]


class RoleSerializer(serializers.ModelSerializer[Membership]):
    """A role held at a site."""

    site = serializers.CharField(source="site.code")

    class Meta:
        model = Membership
        fields = ["site", "role"]


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """The token of this call."""

    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ApiToken
        fields = ["name", "scopes", "expires_at"]


class MeSerializer(serializers.ModelSerializer[User]):
    """The caller."""

    name = serializers.CharField(source="display_name")
    roles = RoleSerializer(many=True, source="memberships")
    token = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["id", "username", "name", "language", "roles", "token", "is_simulated"]

    @extend_schema_field(TokenSerializer(allow_null=True))
    def get_token(self, user: User) -> Any:
        """The token of this call; null for a session."""
        token = self.context["request"].auth
        return TokenSerializer(token).data if isinstance(token, ApiToken) else None


class MeViewSet(RoomViewSet[User]):
    """Who am I, and with what scopes."""

    model = User
    serializer_class = MeSerializer
    filter_backends = []

    def rows(self) -> QuerySet[User]:
        return User.objects.filter(pk=self.user.pk)

    @extend_schema(operation_id="me", responses=MeSerializer)
    def retrieve(self, request: Request) -> Response:
        """The account that calls, its roles by site, and the token of this call."""
        found = User.objects.prefetch_related("memberships__site").get(pk=self.user.pk)
        return Response(self.get_serializer(found).data)


class SiteViewSet(ReadOnlyRoomViewSet[Site]):
    """Sites at which the account holds a role."""

    model = Site
    serializer_class = SiteSerializer

    def rows(self) -> QuerySet[Site]:
        return self.user.sites_as()
