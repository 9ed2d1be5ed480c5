"""The site's addresses and a page with the forms that the shell's scripts serve."""

import time

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import engines
from django.urls import path

from mammo.urls import urlpatterns as site_patterns

FORM_PAGE = """{% extends "base.html" %}{% block title %}Form{% endblock %}{% block content %}
<form id="form" data-autosave data-needs-viewer="viewer" hx-post="/test/save" hx-target="#saved"
      hx-trigger="input changed delay:100ms, submit">
  <textarea id="answer" name="answer"></textarea>
  <select id="outcome" name="outcome"><option>ok</option><option>conflict</option><option>fail</option>
    <option>gone</option><option>invalid</option><option>elsewhere</option></select>
  <span data-save-state role="status"></span>
  <input type="hidden" name="views_shown">
  <button data-needs-views disabled>Send</button>
</form>
<div id="saved"></div>
<table data-worklist><tbody>
  <tr><td><a id="row1" href="#1">one</a></td></tr>
  <tr><td><a id="row2" href="#2">two</a></td></tr>
  <tr><td><a id="row3" href="#3">three</a></td></tr>
</tbody></table>
<form id="plain" method="post" action="/test/slow">{% csrf_token %}<button id="send">Send</button></form>
{% endblock %}"""
counts = {"slow": 0}


def form_page(request: HttpRequest) -> HttpResponse:
    """The page under test."""
    return HttpResponse(engines["django"].from_string(FORM_PAGE).render({}, request))


def save(request: HttpRequest) -> HttpResponse:
    """Answer as the form asks."""
    outcome = request.POST["outcome"]
    if outcome == "conflict":
        context = {"stored": "theirs <b>", "sent": request.POST["answer"]}
        return render(request, "_conflict.html", context, status=409)
    if outcome == "fail":
        return HttpResponse("broken", status=500)
    if outcome == "gone":
        logout(request)
        return redirect("account_login")
    if outcome == "elsewhere":
        return redirect("about")
    if outcome == "invalid":
        return HttpResponse("too short", status=422)
    return HttpResponse("kept")


def slow(request: HttpRequest) -> HttpResponse:
    """Count what arrives, slowly."""
    counts["slow"] += 1
    time.sleep(0.5)
    return HttpResponse("done")


def broken(request: HttpRequest) -> HttpResponse:
    """Fail as a view with a defect does."""
    raise RuntimeError("a defect")


urlpatterns = [
    path("test/form", form_page),
    path("test/save", save),
    path("test/slow", slow),
    path("test/broken", broken),
    *site_patterns,
]
