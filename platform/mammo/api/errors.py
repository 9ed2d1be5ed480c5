"""Errors as the interface tells them: one JSON object with a code, a sentence, and the fields that are wrong."""

from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError


def not_found() -> dict[str, Any]:
    """The one answer for what is unknown and what is forbidden."""
    return {"code": "not_found", "detail": _("There is nothing here, or not for this account.")}


def answer_error(exception: Exception, context: dict[str, Any]) -> Response | None:
    """The response to an exception of a view; None leaves it to Django (a fault of ours)."""
    if isinstance(exception, NotAllowedError | Http404 | exceptions.NotFound):
        set_rollback()
        return Response(not_found(), status=status.HTTP_404_NOT_FOUND)
    if isinstance(exception, StaleVersionError):
        set_rollback()
        body = {"code": "stale_version", "detail": str(exception), "version": exception.current_version}
        describe = getattr(context.get("view"), "describe_current", None)
        if describe is not None:
            body["current"] = describe(exception.current)
        return Response(body, status=status.HTTP_409_CONFLICT)
    if isinstance(exception, WrongStateError):
        set_rollback()
        return Response({"code": "wrong_state", "detail": str(exception)}, status=status.HTTP_409_CONFLICT)
    if isinstance(exception, UserError):
        set_rollback()
        return Response({"code": "invalid", "detail": str(exception)}, status=status.HTTP_400_BAD_REQUEST)
    return _framework_error(exception, context)


def _framework_error(exception: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(exception, DjangoPermissionDenied):
        exception = exceptions.PermissionDenied()
    response = exception_handler(exception, context)
    if response is None or not isinstance(exception, exceptions.APIException):
        return response
    if isinstance(exception, exceptions.ValidationError):
        fields = _by_field(exception.detail)
        first = next(iter(fields.items()), ("", [str(exception)]))
        said = f"{first[0]}: {first[1][0]}" if first[0] else first[1][0]
        response.data = {"code": "invalid", "detail": said, "fields": fields}
    else:
        codes = exception.get_codes()
        code = codes if isinstance(codes, str) else "error"
        response.data = {"code": code, "detail": str(exception.detail)}
    return response


def _by_field(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Messages by field; nested fields as `items.0.text`."""
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            place = prefix if name == "non_field_errors" else f"{prefix}.{name}".lstrip(".")
            found |= _by_field(inner, place)
        return found
    if isinstance(detail, list):
        if all(not isinstance(inner, dict | list) for inner in detail):
            return {prefix: [str(inner) for inner in detail]} if detail else {}
        found = {}
        for number, inner in enumerate(detail):
            found |= _by_field(inner, f"{prefix}.{number}".lstrip("."))
        return found
    return {prefix: [str(detail)]}


def unknown_address(request: HttpRequest, rest: str = "") -> JsonResponse:
    """An address under /api/ that there is not: JSON here too."""
    return JsonResponse(not_found(), status=404)
