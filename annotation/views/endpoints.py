"""Approvals of endpoints, and what was sent to them."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Max, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.forms import DayForm, EndpointForm
from annotation.models import EndpointApproval
from annotation.services import endpoint_budgets, endpoints
from annotation.services.transmissions import sent_under, told
from annotation.views.shared import user_of
from mammo.core.errors import UserError
from mammo.core.idempotency import once

ROLES = ("researcher", "admin", "data_manager")
PAGE_ROWS = 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def endpoint_list(request: HttpRequest) -> HttpResponse:
    """Every approval of one's sites with what was sent under it; asking for one."""
    user = user_of(request)
    sites = user.sites_as(*ROLES)
    if not sites.exists():
        raise Http404
    form = EndpointForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            endpoints.ask_approval(data.pop("site"), by_user=user, **data)
        except UserError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Asked; another person must approve it."))
            return redirect("annotation:endpoints")
    rows = EndpointApproval.objects.filter(site__in=sites).select_related("site", "asked_by", "decided_by")
    counted = rows.annotate(
        sent=Count("transmissions"),
        characters=Sum("transmissions__characters"),
        images=Sum("transmissions__images"),
        last=Max("transmissions__created_at"),
    )
    shown = list(counted.order_by("-created_at"))
    context = {
        "rows": [(row, endpoint_budgets.spent(row)) for row in shown],
        "form": form,
        "may_ask": user.has_role("researcher", "admin"),
        "user_id": user.pk,
        "decides_at": set(user.sites_as("admin", "data_manager").values_list("pk", flat=True)),
    }
    return render(request, "annotation/endpoints.html", context, status=400 if form.errors else 200)


@login_required
@require_safe
def transmissions(request: HttpRequest, approval_id: uuid.UUID) -> HttpResponse:
    """Each question that was handed over under an approval, page by page, of one day where `day` names it."""
    user = user_of(request)
    rows = EndpointApproval.objects.filter(site__in=user.sites_as(*ROLES)).select_related("site")
    approval = get_object_or_404(rows, pk=approval_id)
    form = DayForm(request.GET)
    day = form.cleaned_data["day"] if form.is_valid() else None
    found = sent_under(approval, day)
    page = Paginator(found, PAGE_ROWS).get_page(request.GET.get("page"))
    context = {
        "approval": approval,
        "form": form,
        "day": day,
        "page": page,
        "sent": told(list(page.object_list)),
        "reads_questions": user.has_role("researcher", "admin", site=approval.site),
    }
    return render(request, "annotation/transmissions.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def decide(request: HttpRequest, approval_id: uuid.UUID) -> HttpResponse:
    """Approve, refuse or revoke."""
    user = user_of(request)
    rows = EndpointApproval.objects.filter(site__in=user.sites_as(*ROLES)).select_related("site")
    row = get_object_or_404(rows, pk=approval_id)
    act = request.POST.get("do", "")
    if act == "revoke":
        endpoints.revoke(row, by_user=user)
    elif act in ("approve", "refuse"):
        endpoints.decide(row, by_user=user, approve=act == "approve")
    else:
        raise UserError(_("do: give approve, refuse or revoke"))
    messages.success(request, _("The decision is on record."))
    return redirect("annotation:endpoints")
