"""The site's addresses and a page with the forms that the shell's scripts serve."""

import time

from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
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
  <input id="line" type="range" min="1" max="100">
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
<form method="post" action="/test/file" data-download>{% csrf_token %}<button id="fetch">Download</button></form>
{% endblock %}"""
READING_PAGE = """{% extends "base.html" %}{% block title %}Reading{% endblock %}{% block content %}
<div class="reading">
  {% include "viewer/_viewer.html" with viewer_src="/test/study.json" %}
  <div>
    <h1>Question</h1>
    <p class="verbatim">乳腺密度 C 是什么意思？需要进一步检查吗？</p>
    <form data-autosave data-needs-viewer="viewer" hx-post="/test/save" hx-trigger="submit">
      <div class="card mb-3"><div class="card-body"><h2 class="card-title">Answer 1</h2>
        <textarea class="form-control" id="answer" rows="6">Your breasts are dense.</textarea></div></div>
      <p data-gate-note class="text-secondary">The form opens when all images are shown.</p>
      <input type="hidden" name="views_shown">
      <button class="btn btn-primary" data-needs-views disabled>Save</button>
      <span data-save-state role="status"></span>
    </form>
  </div>
</div>
{% endblock %}"""
counts = {"slow": 0, "file": 0}


def form_page(request: HttpRequest) -> HttpResponse:
    """The page under test."""
    return HttpResponse(engines["django"].from_string(FORM_PAGE).render({}, request))


def reading_page(request: HttpRequest) -> HttpResponse:
    """Images left, form right."""
    return HttpResponse(engines["django"].from_string(READING_PAGE).render({}, request))


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


def file(request: HttpRequest) -> HttpResponse:
    """Answer with a file, slowly enough that the shell says so."""
    counts["file"] += 1
    time.sleep(1.5)
    return HttpResponse("a,b", headers={"Content-Disposition": 'attachment; filename="rows.csv"'})


def slower(request: HttpRequest) -> HttpResponse:
    """Let the visitor wait."""
    time.sleep(2)
    return HttpResponse("done")


def broken(request: HttpRequest) -> HttpResponse:
    """Fail as a view with a defect does."""
    raise RuntimeError("a defect")


def forbidden(request: HttpRequest) -> HttpResponse:
    """Refuse as a view does that says so."""
    raise PermissionDenied


urlpatterns = [
    path("test/form", form_page),
    path("test/reading", reading_page),
    path("test/save", save),
    path("test/slow", slow),
    path("test/file", file),
    path("test/slower", slower),
    path("test/broken", broken),
    path("test/forbidden", forbidden),
    *site_patterns,
]
