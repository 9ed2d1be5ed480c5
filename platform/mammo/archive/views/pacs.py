"""Fetching from a PACS: what may be asked, what was asked, and how far it has come."""

import uuid
from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts.models import User
from mammo.archive.models import ImportBatch, PacsFetch, PacsService
from mammo.archive.pacs_fetches import begin_fetch, go_on
from mammo.archive.pacs_query import Query
from mammo.archive.views.access import require_data_manager, signed_in
from mammo.core.errors import UserError
from mammo.core.idempotency import once
from mammo.jobs.models import ENDED

SHOWN = 30


@login_required
@require_safe
def pacs(request: HttpRequest) -> HttpResponse:
    """The form that asks a PACS, and the fetches of the account's sites."""
    user = signed_in(request)
    require_data_manager(user)
    services = PacsService.objects.usable_by(user).select_related("site").order_by("site__code", "name")
    return render(request, "archive/pacs.html", {"services": services, **_fetches(user)})


@login_required
@require_safe
def fetches(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes while studies come in."""
    user = signed_in(request)
    require_data_manager(user)
    return render(request, "archive/_pacs_fetches.html", _fetches(user))


@login_required
@require_POST
@once
def fetch(request: HttpRequest) -> HttpResponse:
    """Ask a PACS."""
    user = signed_in(request)
    require_data_manager(user)
    posted = request.POST
    service = get_object_or_404(
        PacsService.objects.usable_by(user).select_related("site"), pk=_key(posted.get("pacs", ""))
    )
    query = Query(
        first=_day(posted.get("first", "")),
        last=_day(posted.get("last", "")),
        patient=posted.get("patient", "").strip(),
        accession=posted.get("accession", "").strip(),
        study_uid=posted.get("study", "").strip(),
    )
    begin_fetch(service, query, by_user=user)
    messages.success(request, _("The PACS is asked; what it sends is imported as it comes."))
    return redirect("archive:pacs")


@login_required
@require_POST
@once
def fetch_on(request: HttpRequest, fetch_id: uuid.UUID) -> HttpResponse:
    """Go on with a fetch that broke off."""
    user = signed_in(request)
    rows = PacsFetch.objects.visible_to(user).select_related("service__site")
    go_on(get_object_or_404(rows, pk=fetch_id), by_user=user)
    return redirect("archive:pacs")


def _fetches(user: User) -> dict[str, object]:
    found = PacsFetch.objects.visible_to(user).select_related("service__site", "by_user", "job")
    rows = list(found[:SHOWN])
    # The batch stands only when the first of its files was imported.
    begun = set(ImportBatch.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    listed = [
        {
            "row": row,
            "has_batch": row.pk in begun,
            "left": len(row.todo or []),
            "at_work": row.finished_at is None and row.job is not None and row.job.state not in ENDED,
        }
        for row in rows
    ]
    return {"fetches": listed, "at_work": any(item["at_work"] for item in listed)}


def _key(written: str) -> uuid.UUID:
    try:
        return uuid.UUID(written)
    except ValueError:
        raise UserError(_("PACS: choose one of the list")) from None


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise UserError(_("“%(day)s” is no day: write it as 2019-03-01") % {"day": written}) from None
