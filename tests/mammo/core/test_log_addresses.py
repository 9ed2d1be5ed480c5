"""What the site logs of a request names its route, never what a caller wrote into the address."""

import importlib
import io
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from mammo.core.log_addresses import UNKNOWN, RoutesOnly, route_of

UID = "1.2.840.99.7"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the site's own handler writes, its settings as they are."""
    (handler,) = [
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler)
        and any(isinstance(each, RoutesOnly) for each in one.filters)
    ]
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "address", "said"),
    [
        (
            "post",
            f"/archive/dicomweb/studies/{UID}",
            "Unauthorized: /archive/dicomweb/studies/<str:study_uid>",
        ),
        (
            "get",
            f"/archive/dicomweb/studies/{UID}?PatientID={UID}",
            "/archive/dicomweb/studies/<str:study_uid>",
        ),
        ("get", f"/archive/dicomweb/studies/{UID}/series/{UID}/Wang-Xiuying", f"Not Found: {UNKNOWN}"),
    ],
)
def test_a_refused_request_is_logged_by_its_route(
    client: Client, log: io.StringIO, method: str, address: str, said: str
) -> None:
    getattr(client, method)(address)
    assert said in log.getvalue()
    assert UID not in log.getvalue()
    assert "Xiuying" not in log.getvalue()


def test_no_other_handler_writes_the_addresses_that_django_logs() -> None:
    name: str | None = "django.request"
    while name:
        assert not logging.getLogger(name).handlers
        name = name.rpartition(".")[0]


@pytest.mark.django_db
def test_an_access_log_that_an_administrator_switches_on_holds_routes_too() -> None:
    importlib.import_module("mammo.asgi")  # as the server loads it
    access = logging.getLogger("uvicorn.access")
    record = access.makeRecord(
        access.name, logging.INFO, "x", 1, '%s - "%s %s HTTP/%s" %d',
        ("10.0.0.1:5", "POST", f"/archive/dicomweb/studies/{UID}?a=b", "1.1", 401), None,
    )  # fmt: skip
    assert access.filter(record)
    assert record.getMessage() == (
        '10.0.0.1:5 - "POST /archive/dicomweb/studies/<str:study_uid> HTTP/1.1" 401'
    )


def test_paths_of_files_in_other_logs_stay() -> None:
    record = logging.getLogger("mammo.jobs").makeRecord("mammo.jobs", 30, "x", 1, "%s", ("/var/a",), None)
    RoutesOnly().filter(record)
    assert record.getMessage() == "/var/a"
    assert route_of("/") == "/"
