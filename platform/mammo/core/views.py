"""The home page: what waits for me, what is running, what needs a person."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from mammo.core.panels import panels_for


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """One entry per place of this account, with what waits there (the navigation's context processor)."""
    panels = panels_for(request.user)
    return render(request, "home.html", {"panels": panels, "running": any(p.running for p in panels)})


@login_required
def home_progress(request: HttpRequest) -> HttpResponse:
    """The running part of the home page, asked for every few seconds while something runs."""
    panels = panels_for(request.user)
    return render(
        request, "_home_progress.html", {"panels": panels, "running": any(p.running for p in panels)}
    )
