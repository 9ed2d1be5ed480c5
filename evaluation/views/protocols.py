"""Protocols: written before a trial or reader study, frozen by hash, with reporting checklists filled from the rows."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evaluation.forms import ADJUSTMENTS, HYPOTHESIS_LABELS, ProtocolForm, protocol_initial
from evaluation.models import Protocol
from evaluation.reports.checklist_facts import filled
from evaluation.reports.planned_power import power_sentences
from evaluation.services.access import ANALYSTS, DESIGNERS
from evaluation.services.power_plan import kept_power
from evaluation.services.protocols import change_protocol, create_protocol, fill_checklist, freeze_protocol
from evaluation.views.trials import user_of
from mammo.core.conflicts import both_texts, form_as_text, lines_of
from mammo.core.digits import number_in
from mammo.core.errors import StaleVersionError, UserError
from mammo.core.idempotency import once


def visible_protocol(request: HttpRequest, protocol_id: UUID) -> Protocol:
    """The protocol, or the same 404 for unknown and forbidden ones."""
    rows = Protocol.objects.visible_to(user_of(request)).select_related("site", "cohort", "by_user")
    return get_object_or_404(rows, pk=protocol_id)


@login_required
@require_safe
def protocols(request: HttpRequest) -> HttpResponse:
    """All protocols of the account's sites."""
    user = user_of(request)
    if not user.has_role(*ANALYSTS):
        raise Http404
    rows = Protocol.objects.visible_to(user).select_related("site")
    context = {"protocols": rows.order_by("-created_at"), "is_designer": user.has_role(*DESIGNERS)}
    return render(request, "evaluation/protocols.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def new_protocol(request: HttpRequest) -> HttpResponse:
    """Write a protocol."""
    user = user_of(request)
    if not user.has_role(*DESIGNERS):
        raise Http404
    initial = {"site": user.sites_as(*DESIGNERS).first()}
    form = ProtocolForm(request.POST or None, user=user, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.values()
        try:
            row = create_protocol(values.pop("title"), site=form.cleaned_data["site"], by_user=user, **values)
        except UserError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The protocol is a draft until it is frozen."))
            return redirect("evaluation:protocol", row.pk)
    status = 400 if form.errors else 200
    return render(request, "evaluation/protocol_form.html", {"form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_protocol(request: HttpRequest, protocol_id: UUID) -> HttpResponse:
    """Change a protocol that is not frozen."""
    row = visible_protocol(request, protocol_id)
    user = user_of(request)
    if not user.has_role(*DESIGNERS, site=row.site):
        raise Http404
    form = ProtocolForm(request.POST or None, user=user, protocol=row, initial=protocol_initial(row))
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        try:
            change_protocol(row, form.values(), by_user=user, expected_version=version)
        except StaleVersionError as stale:
            stored = form_as_text(form, protocol_initial(cast("Protocol", stale.current)))
            return both_texts(request, stored=stored, sent=form_as_text(form, form.cleaned_data))
        except UserError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("evaluation:protocol", row.pk)
    context = {"form": form, "protocol": row}
    return render(request, "evaluation/protocol_form.html", context, status=400 if form.errors else 200)


@login_required
@require_safe
def protocol(request: HttpRequest, protocol_id: UUID) -> HttpResponse:
    """A protocol with its checklists and what stands on it."""
    row = visible_protocol(request, protocol_id)
    lists: list[dict[str, Any]] = []
    for name, found in filled(row).items():
        gaps = sum(item.is_gap for item in found)
        lists.append({"name": name, "items": found, "gaps": gaps, "filled": len(found) - gaps})
    endpoint = row.primary_endpoint
    context = {
        "protocol": row,
        "endpoint": endpoint,
        "hypothesis": HYPOTHESIS_LABELS.get(str(endpoint.get("hypothesis", "")), ""),
        "adjustment": dict(ADJUSTMENTS).get(row.multiplicity, row.multiplicity),
        "rules": row.rules,
        "power": power_sentences(kept_power(row.rules)),
        "lists": lists,
        "trials": row.trials.order_by("created_at"),
        "reader_studies": row.reader_studies.order_by("created_at"),
        "is_designer": user_of(request).has_role(*DESIGNERS, site=row.site),
    }
    return render(request, "evaluation/protocol.html", context)


def _late_checklist(request: HttpRequest, texts: dict[str, str], now: Protocol) -> HttpResponse:
    """Both texts of the items in which they differ."""
    stored = {key: str(now.checklist.get(key, "")) for key in texts}
    differ = [key for key, text in texts.items() if text.strip() != stored[key]]
    return both_texts(
        request,
        stored=lines_of((key, stored[key]) for key in differ),
        sent=lines_of((key, texts[key]) for key in differ),
        reload_url=reverse("evaluation:protocol", args=[now.pk]),
    )


@login_required
@require_POST
@once
def protocol_step(request: HttpRequest, protocol_id: UUID) -> HttpResponse:
    """Freeze a protocol, or write what no row can fill of its checklists."""
    row = visible_protocol(request, protocol_id)
    user = user_of(request)
    if "freeze" in request.POST:
        freeze_protocol(row, by_user=user)
        messages.success(request, _("Frozen: nothing of the protocol changes from now on."))
    else:
        texts = {key: str(text) for key, text in request.POST.items() if "." in key}
        version = number_in(request.POST.get("version", "")) or 0
        try:
            fill_checklist(row, texts, by_user=user, expected_version=version)
        except StaleVersionError as stale:
            return _late_checklist(request, texts, cast("Protocol", stale.current))
        messages.success(request, _("Saved."))
    return redirect("evaluation:protocol", row.pk)
