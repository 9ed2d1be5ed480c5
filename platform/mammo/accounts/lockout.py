"""When a sign-in is locked after wrong passwords: by name and address, and by name alone for addresses nobody knows.

django-axes counts by name and address, so that nobody locks a doctor out from elsewhere; one name tried from many
addresses would never be locked. A second count goes by the name alone. Beyond its limit an address is refused unless
the account signed in from it lately: a guesser with many addresses is held, and the doctor works on at the hospital.
"""

import unicodedata
from datetime import timedelta
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username, get_failure_limit
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

# How long an address is remembered as the account's own.
KNOWN_FOR = timedelta(days=30)


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str | None:
    """The name that was typed, as it is counted: June and june open one account, and are one count."""
    # The sign-in form calls the field login, Django's own form username.
    name = (credentials or {}).get("username") or request.POST.get("login") or request.POST.get("username")
    return as_counted(str(name)) if name else None


def as_counted(name: str) -> str:
    """A name without the differences that lead to the same account."""
    return unicodedata.normalize("NFKC", name).strip().casefold()[:255]


class SignInHandler(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Axes' counts in the database, with one more by the name alone."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """Wrong passwords that count against this sign-in; the limit itself where the name is being guessed."""
        failures = int(super().get_failures(request, credentials))
        limit = int(get_failure_limit(request, credentials))
        name = get_client_username(request, credentials)
        if failures < limit and name and _is_guessed(name, request) and not _is_known(name, request):
            return limit
        return failures


def _is_guessed(name: str, request: Any) -> bool:
    recent = AccessAttempt.objects.filter(username=name, attempt_time__gte=get_cool_off_threshold(request))
    failures = recent.aggregate(total=Sum("failures_since_start"))["total"] or 0
    return bool(failures >= settings.MAMMO_NAME_FAILURE_LIMIT)


def _is_known(name: str, request: Any) -> bool:
    """Whether the account signed in from this address lately."""
    seen = AccessLog.objects.filter(
        username__iexact=name,
        ip_address=request.axes_ip_address,
        attempt_time__gte=timezone.now() - KNOWN_FOR,
    )
    return bool(seen.exists())
