"""Keyset paging: the next page is found by value, not by counting, so rows that come meanwhile shift nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

SALT = "mammo.api.cursor"
NEWEST_FIRST = ("-created_at", "-pk")


class KeysetPagination(BasePagination):
    """Pages in an order whose last field is unique, newest first unless the view names another.

    The cursor holds the values of the last row shown, signed for its own list: a forged or borrowed one is
    refused. There is no way back; a caller keeps the pages it has read.
    """

    page_size = 50
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of `queryset`.

        Raises:
            ValidationError: a page size out of bounds, or a cursor that this list did not make.
        """
        order = getattr(view, "page_ordering", None) or NEWEST_FIRST
        salt = f"{SALT}:{request.path}"
        size = self._size(request)
        rows = queryset.order_by(*order)
        place = request.query_params.get("cursor")
        if place is not None:
            rows = rows.filter(_beyond(rows, order, _values(place, salt)))
        found = list(rows[: size + 1])
        page = found[:size]
        self.next: str | None = None
        if len(found) > size:
            last = [_as_text(page[-1], name) for name in order]
            self.next = self._address(request, last, salt)
        return page

    def page_of(
        self, rows: Sequence[Any], place_of: Callable[[Any], list[str]], request: Request
    ) -> list[Any]:
        """One page of few rows that stand in order already.

        Args:
            place_of: the texts by which they are ordered, no two alike.

        Raises:
            ValidationError: a page size out of bounds, or a cursor that this list did not make.
        """
        salt, size = f"{SALT}:{request.path}", self._size(request)
        cursor = request.query_params.get("cursor")
        last = _values(cursor, salt) if cursor is not None else None
        found = [row for row in rows if last is None or place_of(row) > last]
        self.next = self._address(request, place_of(found[size - 1]), salt) if len(found) > size else None
        return found[:size]

    def _address(self, request: Request, last: list[str], salt: str) -> str:
        """Where the page after the row at `last` is."""
        return replace_query_param(request.build_absolute_uri(), "cursor", signing.dumps(last, salt=salt))

    def _size(self, request: Request) -> int:
        given = request.query_params.get("page_size")
        if given is None:
            return self.page_size
        if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:6]) <= self.max_page_size:
            raise ValidationError(
                {"page_size": [_("give a number from 1 to %(most)s") % {"most": self.max_page_size}]}
            )
        return int(given[:6])

    def get_paginated_response(self, data: Any) -> Response:
        """The page, and the address of the next one (null on the last)."""
        return Response({"next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page as the OpenAPI schema describes it."""
        following = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": following, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The two parameters of every list."""
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "schema": {"type": "string"},
                "description": "from the `next` of the page before",
            },
            {"name": "page_size", "in": "query", "required": False, "schema": size},
        ]


def _beyond(rows: QuerySet[Any], order: tuple[str, ...], values: list[str]) -> Q:
    """Rows after the one with these values: (a, b) > (x, y) is a > x, or a = x and b > y."""
    found, equal = Q(), Q()
    for name, text in zip(order, values, strict=True):
        field = (
            rows.model._meta.pk if name.lstrip("-") == "pk" else rows.model._meta.get_field(name.lstrip("-"))
        )
        value = field.to_python(text)
        compare = "lt" if name.startswith("-") else "gt"
        found |= equal & Q(**{f"{field.name}__{compare}": value})
        equal &= Q(**{field.name: value})
    return found


def _as_text(row: Model, name: str) -> str:
    value = getattr(row, name.lstrip("-"))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _values(place: str, salt: str) -> list[str]:
    try:
        values: list[str] = signing.loads(place, salt=salt)
    except signing.BadSignature:
        raise ValidationError(
            {"cursor": [_("this list did not make this cursor; begin with its first page")]}
        ) from None
    return values
