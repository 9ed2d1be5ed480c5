"""The schema: complete, without warnings, and true for what schemathesis can think of."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from evaluation.models import Trial
from mammo.accounts.models import User
from tests.api import fuzzing

EXAMPLES = 5
ROLES = ("june", "sena", "rita", "dana")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    from drf_spectacular.generators import SchemaGenerator

    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def test_the_schema_is_valid_and_has_no_warning(tmp_path: Any) -> None:
    file = tmp_path / "schema.yaml"
    call_command("spectacular", file=str(file), validate=True, fail_on_warn=True)
    assert "/api/v1/forms/{id}/scores/" in file.read_text()


def test_every_address_of_the_interface_is_in_the_schema(document: dict[str, Any]) -> None:
    documented = {re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]}
    served = {
        "/" + re.sub(r"<[^>]+>", "{}", route)
        for route in _routes(get_resolver().url_patterns)
        if route.startswith("api/v1/") and "schema" not in route and "(?P" not in route
    }
    assert served == documented


def _routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def test_every_operation_names_its_errors_and_its_purpose(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["description"], where
            assert {"400", "401", "403", "429"} <= set(operation["responses"]), where
            if method == "post":
                assert "409" in operation["responses"], where
                assert "Idempotency-Key" in {one["name"] for one in operation["parameters"]}, where


def test_the_schema_is_for_known_callers(db: None, rita: User) -> None:
    assert Client().get("/api/v1/schema/").status_code == 401
    client = Client()
    client.force_login(rita)
    assert client.get("/api/v1/schema/").json()["openapi"].startswith("3.")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)  # each call begins as in a server: old connections are let go
def test_no_call_ends_in_a_fault_or_contradicts_the_schema(
    house: Trial, request: pytest.FixtureRequest
) -> None:
    """Every operation, for four roles, with invented parameters and bodies and with ids that exist."""
    seen = fuzzing.call_everything([request.getfixturevalue(name) for name in ROLES], examples=EXAMPLES)
    assert seen[200] > 100, seen
    assert {400, 404} <= set(seen), seen
