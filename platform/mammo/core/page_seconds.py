"""Seconds at work as a page counted them."""

from collections.abc import Mapping
from math import isfinite

from django.http import HttpRequest

LONGEST_DAY = 86_400.0


def page_seconds(posted: Mapping[str, str]) -> float:
    """The field `active_seconds` of a sent form: from 0 to a day; 0 where no page would send what stands there."""
    try:
        counted = float(posted.get("active_seconds") or 0)
    except ValueError:
        return 0.0
    return min(max(counted, 0.0), LONGEST_DAY) if isfinite(counted) else 0.0


def counted_so_far(request: HttpRequest) -> str:
    """What the clock of a form begins with: the seconds that were sent where the form comes back refused, else 0.0."""
    return f"{page_seconds(request.POST):.1f}"
