"""Withdrawal: one person asks for a patient's erasure, another confirms, and the page says what still holds her."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts.models import User
from mammo.archive import erasure as service
from mammo.archive.models import Erasure, Patient
from mammo.core.errors import UserError
from mammo.core.idempotency import once


def _user(request: HttpRequest) -> User:
    """The signed-in account, where it is data manager or administrator somewhere; for others nothing is here."""
    user = request.user
    if not isinstance(user, User) or not user.has_role(*service.ROLES):
        raise Http404
    return user


@login_required
@require_safe
def erasures(request: HttpRequest) -> HttpResponse:
    """Erasures of the account's sites, those that wait for a second person first."""
    user = _user(request)
    rows = (
        Erasure.objects.filter(patient__site__in=user.sites_as(*service.ROLES))
        .select_related("patient__site", "requested_by", "confirmed_by")
        .order_by("-created_at")
    )
    listed: list[dict[str, Any]] = [
        {
            "row": row,
            "held": row.still_held_in if row.confirmed_at else service.held_in(row.patient),
            "confirmable": row.confirmed_at is None and row.requested_by_id != user.pk,
        }
        for row in rows
    ]
    listed.sort(key=lambda item: item["row"].confirmed_at is not None)
    return render(request, "archive/erasures.html", {"listed": listed})


@login_required
@require_POST
@once
def request_erasure(request: HttpRequest) -> HttpResponse:
    """Ask for the erasure of the patient with this pseudonym."""
    user = _user(request)
    pseudonym = request.POST.get("pseudonym", "").strip()
    found = Patient.objects.filter(pseudonym=pseudonym, site__in=user.sites_as(*service.ROLES))
    patient = found.first()
    if patient is None:
        raise UserError(
            _("pseudonym: no patient of your sites is called %(name)s; copy it from her study")
            % {"name": pseudonym or "–"}
        )
    service.request_erasure(patient, reason=request.POST.get("reason", ""), by_user=user)
    messages.success(request, _("Asked for; another person has to confirm."))
    return redirect("archive:erasures")


@login_required
@require_POST
@once
def confirm_erasure(request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
    """Confirm: her key, originals and viewing copies are destroyed now."""
    user = _user(request)
    rows = Erasure.objects.filter(patient__site__in=user.sites_as(*service.ROLES))
    service.erase_patient(get_object_or_404(rows, pk=erasure_id), by_user=user)
    messages.success(request, _("Erased. What still holds her is listed below: it is for you to remove."))
    return redirect("archive:erasures")
