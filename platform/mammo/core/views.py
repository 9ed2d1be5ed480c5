"""The home page: what waits for me, what needs a person, what is running."""

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from mammo.core.attention import notices_for
from mammo.core.navigation import links_for
from mammo.core.panels import panels_for


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Places where something waits for this account come first, each with a button into the work."""
    links = [link for link in links_for(request.user, request.path) if link.url != request.path]
    work = [link for link in links if link.waiting]
    context = {
        "work": work,
        "first_work": next((link for link in work if link.entry.start), None),
        "has_work_places": any(link.waiting is not None for link in links),
        "other_places": [link for link in links if not link.waiting],
        "roles": cast(Any, request.user).role_names(),
        **_news(request.user),
    }
    return render(request, "home.html", context)


@login_required
def home_progress(request: HttpRequest) -> HttpResponse:
    """The part of the home page that changes, asked for every few seconds while something runs."""
    return render(request, "_home_progress.html", _news(request.user))


def _news(user: Any) -> dict[str, Any]:
    panels = panels_for(user)
    return {
        "panels": panels,
        "notices": notices_for(user),
        "running": any(panel.running for panel in panels),
    }
