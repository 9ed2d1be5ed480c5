"""Withdrawal: one person asks for a patient's erasure, another confirms, and the page says what still holds her."""

import uuid
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive import backups
from mammo.archive import erasure as service
from mammo.archive.models import Backup, Erasure, Patient
from mammo.archive.openings import events_about, is_opening
from mammo.archive.views.holders import destroyed_by, named
from mammo.core.errors import UserError
from mammo.core.idempotency import once, posted_key

# Events of each kind on one page; the audit trail's own page shows all.
SHOWN = 200


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
            "held": [
                named(held)
                for held in (row.still_held_in if row.confirmed_at else service.held_in(row.patient))
            ],
            "confirmable": row.confirmed_at is None and row.requested_by_id != user.pk,
        }
        for row in rows
    ]
    listed.sort(key=lambda item: item["row"].confirmed_at is not None)
    context = {
        "listed": listed,
        "backups": backups.standing_backups().select_related("by_user"),
        "contents": Backup.Content.choices,
    }
    return render(request, "archive/erasures.html", context)


@login_required
@require_safe
def erasure(request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
    """One withdrawal: what still holds her, and who opened her data when."""
    user = _user(request)
    rows = Erasure.objects.filter(patient__site__in=user.sites_as(*service.ROLES))
    row = get_object_or_404(
        rows.select_related("patient__site", "requested_by", "confirmed_by"), pk=erasure_id
    )
    events = events_about(row.patient)
    with transaction.atomic():
        audit.record("archive.withdrawal_seen", by_user=user, on=row, site=row.patient.site)
    context = {
        "row": row,
        "held": [named(held) for held in service.held_in(row.patient)],
        "destroyed": destroyed_by(row.destroyed),
        "quarantined": [item for item in service.quarantined_of(row.patient) if item.resolved_at is None],
        "confirmable": row.confirmed_at is None and row.requested_by_id != user.pk,
        "sections": [
            (_("Who opened her data"), [event for event in events if is_opening(event)][:SHOWN]),
            (_("What was done with it"), [event for event in events if not is_opening(event)][:SHOWN]),
        ],
        "count": len(events),
    }
    return render(request, "archive/erasure.html", context)


@login_required
@require_POST
@once
def record_backup(request: HttpRequest) -> HttpResponse:
    """Note a backup that was taken, so that withdrawals name it."""
    user = _user(request)
    posted = request.POST
    backups.record_backup(
        posted.get("content", ""),
        taken_at=_moment(posted.get("taken", "")),
        where=posted.get("where", ""),
        expires_on=_day(posted.get("expires", "")),
        by_user=user,
    )
    messages.success(request, _("The backup is noted."))
    return redirect("archive:erasures")


@login_required
@require_POST
@once
def backup_destroyed(request: HttpRequest) -> HttpResponse:
    """Note that a backup was destroyed; backups are of the whole installation, not of a site."""
    user = _user(request)
    try:
        key = uuid.UUID(request.POST.get("backup", ""))
    except ValueError:
        raise Http404 from None
    backups.mark_destroyed(get_object_or_404(Backup, pk=key), by_user=user)
    messages.success(request, _("Noted as destroyed."))
    return redirect("archive:erasures")


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
def confirm_erasure(request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
    """Confirm: her key, originals and viewing copies are destroyed now."""
    user = _user(request)
    posted_key(request)  # a form that is refused starts no search
    rows = Erasure.objects.filter(patient__site__in=user.sites_as(*service.ROLES))
    row = get_object_or_404(rows.select_related("patient__site"), pk=erasure_id)
    # Before the transaction of `once`: nobody else could write as long as the inbox is read.
    sought = service.look_for(row, by_user=user) if row.confirmed_at is None else None
    return _erased(request, row, user, sought)


@once
def _erased(request: HttpRequest, row: Erasure, user: User, sought: service.Sought | None) -> HttpResponse:
    service.erase_patient(row, by_user=user, sought=sought)
    messages.success(request, _("Erased. What still holds her is listed below: it is for you to remove."))
    return redirect("archive:erasures")


def _moment(written: str) -> datetime:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise UserError(_("taken: give day and time")) from None
    return moment if moment.tzinfo else timezone.make_aware(moment)


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise UserError(_("“%(day)s” is no day: write it as 2019-03-01") % {"day": written}) from None
