"""How long a session lives: a while without anybody at the keyboard, and a working day at most."""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from mammo.accounts.models import User

OPENED, SEEN, IDLE = "mammo_opened", "mammo_seen", "mammo_idle"
SECONDS_BETWEEN_NOTES = 20
# How long before the end an open page says so; of short sessions a quarter.
SECONDS_OF_WARNING = 300


@dataclass(frozen=True)
class Ended:
    """Why a session is over."""

    reason: str  # idle or absolute


def begin(request: HttpRequest, user: User) -> None:
    """Start the clocks of a fresh session; those who see raw data have the shorter patience."""
    minutes = (
        settings.MAMMO_SESSION_IDLE_MINUTES
        if user.is_superuser or user.roles & set(settings.MAMMO_SECOND_FACTOR_ROLES)
        else settings.MAMMO_SESSION_IDLE_MINUTES_OTHERS
    )
    now = time.time()
    request.session[OPENED], request.session[SEEN], request.session[IDLE] = now, now, minutes * 60


def ended(request: HttpRequest) -> Ended | None:
    """Whether the session has outlived a limit; a session without clocks has."""
    session, now = request.session, time.time()
    if now - session.get(OPENED, 0) > settings.MAMMO_SESSION_HOURS * 3600:
        return Ended("absolute")
    if now - session.get(SEEN, 0) > session.get(IDLE, 0):
        return Ended("idle")
    return None


def seconds_left(request: HttpRequest) -> int:
    """Whole seconds until the session ends if nobody acts any more; 0 for one that is over."""
    session, now = request.session, time.time()
    until_absolute = session.get(OPENED, 0) + settings.MAMMO_SESSION_HOURS * 3600 - now
    until_idle = session.get(SEEN, 0) + session.get(IDLE, 0) - now
    return max(0, int(min(until_absolute, until_idle)))


def for_pages(request: HttpRequest) -> dict[str, Any]:
    """What the scripts of a page are told (a context processor); nothing of somebody who is not signed in.

    Keys: `session_seconds` (until the end), `session_warning` (how many of them the page warns before).
    """
    if not isinstance(getattr(request, "user", None), User):
        return {}
    shortest = min(settings.MAMMO_SESSION_HOURS * 3600, request.session.get(IDLE, 0))
    return {
        "session_seconds": seconds_left(request),
        "session_warning": int(min(SECONDS_OF_WARNING, shortest / 4)),
    }


def note_activity(request: HttpRequest) -> None:
    """Move the idle clock on; what a page asks for by itself (an htmx GET) is nobody's activity."""
    asked_by_page = request.method == "GET" and bool(request.headers.get("HX-Request"))
    now = time.time()
    if not asked_by_page and now - request.session.get(SEEN, 0) > SECONDS_BETWEEN_NOTES:
        request.session[SEEN] = now
