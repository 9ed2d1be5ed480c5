"""The base of every room's viewsets: what an account sees, by keyset pages, with no unknown parameter."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import mixins
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from mammo.accounts.models import User
from mammo.api.pagination import KeysetPagination
from mammo.api.permissions import HasScope
from mammo.api.scopes import Scope

Row = TypeVar("Row", bound=models.Model)


class RoomViewSet(GenericViewSet[Row]):
    """Rows of one model as the caller may see them.

    Attributes:
        model: of the rows.
        read_scope: what a token needs to read; None: nothing.
        write_scopes: what a token needs for each action that changes something.
        parameters: query parameters of single actions, beside the filters and the paging of lists.
        page_ordering: order of the pages; the first field must be one that rows are found by.
    """

    model: type[Row]
    read_scope: Scope | None = None
    write_scopes: Mapping[str, Scope] = {}
    parameters: Mapping[str, frozenset[str]] = {}
    page_ordering: tuple[str, ...] | None = None
    # Actions that answer with pages.
    paged: frozenset[str] = frozenset({"list"})

    lookup_value_converter = "uuid"
    permission_classes = [IsAuthenticated, HasScope]
    pagination_class = KeysetPagination
    filter_backends = [DjangoFilterBackend]
    filterset_class: Any = None

    @property
    def user(self) -> User:
        """The caller's account."""
        if not isinstance(self.request.user, User):
            raise NotAuthenticated
        return self.request.user

    def rows(self) -> models.QuerySet[Row]:
        """The rows that this account may see."""
        raise NotImplementedError(f"{type(self).__name__} defines no rows()")

    def get_queryset(self) -> models.QuerySet[Row]:
        """`rows()`; none while the schema is written, when nobody calls."""
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()
        return self.rows()

    def perform_authentication(self, request: Request) -> None:
        """Know the caller and count the call at once: a stranger's is counted before it is turned away."""
        super().perform_authentication(request)
        super().check_throttles(request)

    def check_throttles(self, request: Request) -> None:
        """Counted already."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in whoever may, then refuse what nobody reads."""
        super().initial(request, *args, **kwargs)
        self._refuse_unknown_parameters(request)

    def _refuse_unknown_parameters(self, request: Request) -> None:
        known = self._known_parameters()
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            listed = ", ".join(sorted(known)) or _("none")
            raise ValidationError(
                {name: [_("unknown parameter; known: %(known)s") % {"known": listed}] for name in unknown}
            )

    def _known_parameters(self) -> set[str]:
        known = set(self.parameters.get(self.action, frozenset()))
        if self.action in self.paged:
            known |= {"cursor", "page_size"}
        if self.action == "list" and self.filterset_class is not None:
            known |= set(self.filterset_class.base_filters)
        return known


class ReadOnlyRoomViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, RoomViewSet[Row]):
    """A list and single rows."""


def django_request(request: Request) -> HttpRequest:
    """The request as Django's own functions want it."""
    return request._request
