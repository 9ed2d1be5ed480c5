"""Cleaned wordings that wait for a data manager: read a page of them and confirm it, or mend one."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.models import Question
from annotation.services.wordings import confirm_wordings, correct_wording, open_wording_received
from annotation.views.shared import user_of
from mammo.accounts.models import User
from mammo.core.conflicts import both_texts
from mammo.core.digits import number_in
from mammo.core.errors import StaleVersionError, UserError
from mammo.core.idempotency import once

PER_PAGE = 20


def _keeper(request: HttpRequest) -> User:
    user = user_of(request)
    if not user.has_role("data_manager"):
        raise Http404
    return user


@login_required
@require_safe
def wordings(request: HttpRequest) -> HttpResponse:
    """Wordings of one site that nobody has confirmed, the oldest first."""
    user = _keeper(request)
    sites = list(user.sites_as("data_manager").order_by("code"))
    site = next((each for each in sites if each.code == request.GET.get("site")), sites[0])
    rows = Question.objects.unconfirmed_for(user).filter(campaign__site=site)
    rows = rows.select_related("campaign__site", "patient").order_by("created_at", "pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "annotation/wordings.html", {"sites": sites, "site": site, "page": page})


@login_required
@require_POST
@once
def confirm(request: HttpRequest) -> HttpResponse:
    """Confirm the wordings of a page as they were read."""
    user = _keeper(request)
    site = get_object_or_404(user.sites_as("data_manager"), code=request.POST.get("site", ""))
    seen = dict(_seen(value) for value in request.POST.getlist("seen"))
    count = confirm_wordings(site, seen, by_user=user)
    messages.success(
        request,
        ngettext("%(count)s wording is confirmed.", "%(count)s wordings are confirmed.", count)
        % {"count": count},
    )
    return redirect(f"{reverse('annotation:wordings')}?site={site.code}")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def wording(request: HttpRequest, question_id: UUID) -> HttpResponse:
    """One wording beside what was received; opening it is an audit event."""
    user = _keeper(request)
    rows = Question.objects.filter(campaign__site__in=user.sites_as("data_manager"))
    question = get_object_or_404(rows.select_related("campaign__site", "patient"), pk=question_id)
    if request.method == "POST":
        return _save(request, question)
    received = open_wording_received(question, by_user=user)
    turns = question.texts
    context = {
        "question": question,
        "rounds": [(turn, received[at] if at < len(received) else "") for at, turn in enumerate(turns)],
        "may_change": question.stage == Question.Stage.NEW and not question.is_erased,
    }
    return render(request, "annotation/wording.html", context)


@once
def _save(request: HttpRequest, question: Question) -> HttpResponse:
    version = number_in(request.POST.get("version", ""))
    if version is None:
        raise UserError(_("version: open the page again and send the form"))
    written = request.POST.getlist("turn")
    try:
        correct_wording(question, written, expected_version=version, by_user=user_of(request))
    except StaleVersionError as stale:
        stored = "\n\n".join(cast("Question", stale.current).turns)
        return both_texts(request, stored=stored, sent="\n\n".join(written))
    messages.success(request, _("The wording stands as you wrote it."))
    return redirect("annotation:wordings")


def _seen(written: str) -> tuple[UUID, int]:
    key, _separator, version = written.partition("~")
    try:
        return UUID(key), int(version)
    except ValueError:
        raise UserError(_("seen: open the page again and send the form")) from None
