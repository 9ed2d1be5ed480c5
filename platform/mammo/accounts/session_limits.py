"""How long a session lives: a while without anybody at the keyboard, and a working day at most."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from mammo.accounts.models import User

OPENED, SEEN, IDLE = "mammo_opened", "mammo_seen", "mammo_idle"
SECONDS_BETWEEN_NOTES = 20


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


def note_activity(request: HttpRequest) -> None:
    """Move the idle clock on; what a page asks for by itself (an htmx GET) is nobody's activity."""
    asked_by_page = request.method == "GET" and bool(request.headers.get("HX-Request"))
    now = time.time()
    if not asked_by_page and now - request.session.get(SEEN, 0) > SECONDS_BETWEEN_NOTES:
        request.session[SEEN] = now
