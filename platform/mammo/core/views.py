"""The home page: what waits for me, what is running, what needs a person."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """One entry per place of this account, with what waits there (the navigation's context processor)."""
    return render(request, "home.html")
