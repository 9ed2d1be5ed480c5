"""The OpenAPI schema: every operation names the errors it can answer with."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.response import Response

from mammo.api.serializers import ErrorSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    required=True,
    description="Made by the caller, a new one per intention: a repetition is answered as the first call was.",
)
ALWAYS = {
    "400": "A parameter or field is unknown or wrong",
    "401": "No valid token and no session",
    "403": "The token lacks the scope, or the CSRF token is missing",
    "429": "Too many calls; `Retry-After` says when to go on",
}
FOR_ONE = {
    "404": "Unknown, or not for this account: the same answer",
    "409": "Not in a state that allows this, or changed meanwhile",
}
FOR_CHANGES = {"415": "Not JSON"}


class ApiSchema(AutoSchema):
    """Adds the errors that the platform's own machinery answers with."""

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        errors = dict(ALWAYS)
        if "{" in self.path:
            errors |= FOR_ONE
        if self.method not in ("GET", "HEAD", "OPTIONS"):
            errors |= FOR_CHANGES | FOR_ONE
        for status, why in errors.items():
            if status not in bodies:
                answer = OpenApiResponse(ErrorSerializer, description=why)
                bodies[status] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    answer, status, media_types=["application/json"], direction=direction
                )
        return bodies


def posted(name: str, body: Any, answer: Any) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """The schema of an action that takes a body once: its operation id, what is sent and what is answered."""
    described: Callable[[Callable[..., Response]], Callable[..., Response]] = extend_schema(
        operation_id=name, request=body, responses=answer, parameters=[IDEMPOTENCY_KEY], filters=False
    )
    return described
