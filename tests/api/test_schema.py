"""The schema: complete, without warnings, and true for what schemathesis can think of."""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, override_settings
from django.urls import get_resolver, path

from evaluation.models import Trial
from mammo.accounts.models import Site, User
from tests.api import fuzzing
from tests.evaluation import scene

# Calls of each operation; a long run asks for more (docs/api.md).
EXAMPLES = int(os.environ.get("MAMMO_FUZZ_EXAMPLES", "5"))


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
    for address, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {address}"
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


@pytest.fixture
def callers(house: Trial, site: Site, june: User, sena: User, rita: User, dana: User) -> list[User]:
    """Somebody of every role, in the hospital of the house."""
    others = {"stan": "statistician", "otis": "auditor", "ada": "author", "adam": "admin"}
    return [june, sena, rita, dana, *(scene.person(site, *each) for each in others.items())]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)  # each call begins as in a server: old connections are let go
def test_no_call_ends_in_a_fault_or_contradicts_the_schema(callers: list[User]) -> None:
    """Every operation, for every role, with invented parameters and bodies and with ids that exist."""
    seen = fuzzing.call_everything(callers, examples=EXAMPLES)
    print(seen)
    assert seen.statuses[200] > 100, seen
    assert {201, 400, 404, 409} <= set(seen.statuses), seen
    assert len(seen.created) > 1, f"hardly anything was made: {seen.created}"
    for person in callers:
        statuses = seen.by_person[person.username]
        let_in = sum(statuses[status] for status in (200, 201, 400, 409))
        assert let_in > 3, f"{person} was refused nearly everywhere: {statuses}"


def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


def contradicts(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"name": 5})


urlpatterns = [path("breaks/", breaks), path("contradicts/", contradicts)]


@pytest.mark.parametrize("address", ["/breaks/", "/contradicts/"])
@override_settings(ROOT_URLCONF="tests.api.test_schema")
def test_a_fault_and_an_answer_that_contradicts_the_schema_are_found(db: None, address: str) -> None:
    import schemathesis
    from schemathesis.core.failures import FailureGroup

    named = {"type": "object", "properties": {"name": {"type": "string"}}}
    said = {"description": "a name", "content": {"application/json": {"schema": named}}}
    told = {
        "openapi": "3.0.3",
        "info": {"title": "Two views", "version": "1"},
        "paths": {address: {"get": {"responses": {"200": said}}}},
    }
    schema = schemathesis.openapi.from_dict(told)
    schema.app = get_wsgi_application()
    nobody = fuzzing.Account("nobody", {}, lambda path: [])
    found = {"/breaks/": "Server error", "/contradicts/": "violates schema"}[address]
    with pytest.raises(FailureGroup, match=found):
        fuzzing.call_operations(schema, [nobody], examples=1)
