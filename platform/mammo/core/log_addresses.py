"""Addresses in the site's log stand as their routes: what a caller writes into one may identify a patient.

A PACS pushes to `/archive/dicomweb/studies/UID`, and Django logs the address of every answer of 400 and above.
"""

import logging

from django.urls import Resolver404, resolve

UNKNOWN = "(an address that the site does not have)"
_WRITES_ADDRESSES = ("django", "uvicorn.access")


class RoutesOnly(logging.Filter):
    """Puts the route (`/archive/dicomweb/studies/<str:study_uid>`) where a record of the web server has an address."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without addresses."""
        if _is_of(record.name) and isinstance(record.args, tuple):
            record.args = tuple(map(_without_address, record.args))
        return True


def route_of(address: str) -> str:
    """The route that an address takes, without what stands in its variable parts or its query."""
    try:
        return f"/{resolve(address.partition('?')[0]).route}"
    except Resolver404:
        return UNKNOWN


def _is_of(logger: str) -> bool:
    return any(logger == name or logger.startswith(f"{name}.") for name in _WRITES_ADDRESSES)


def _without_address(value: object) -> object:
    return route_of(value) if isinstance(value, str) and value.startswith("/") else value
