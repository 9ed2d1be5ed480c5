"""Imports, seen by the data managers of their site: their sources may identify."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive import inbox
from mammo.archive.live_imports import live
from mammo.archive.models import ImportBatch, ImportItem
from mammo.archive.unmatched import unmatched_path
from mammo.archive.views.access import require_data_manager, signed_in

ITEMS_PER_PAGE = 100


@login_required
@require_safe
def imports(request: HttpRequest) -> HttpResponse:
    """What was imported at the data manager's sites."""
    user = signed_in(request)
    require_data_manager(user)
    batches = ImportBatch.objects.visible_to(user).select_related("site", "by_user")
    page = Paginator(batches, 50).get_page(request.GET.get("page"))
    return render(request, "archive/imports.html", {"page": page, **_running(user)})


@login_required
@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """The part of the imports page that changes while files come in; with `?batch=` that of one import's page."""
    user = signed_in(request)
    require_data_manager(user)
    if request.GET.get("batch"):
        shown = ImportBatch.objects.visible_to(user).select_related("site")
        batch = get_object_or_404(shown, pk=_key(request.GET["batch"]))
        return render(request, "archive/_import_live.html", {"live": live([batch])[0]})
    return render(request, "archive/_imports_running.html", _running(user))


def _running(user: User) -> dict[str, object]:
    sites = list(user.sites_as("data_manager"))
    running = ImportBatch.objects.visible_to(user).filter(finished_at=None).select_related("site", "by_user")
    return {"running": live(running[:20]), "inbox_count": inbox.waiting_count(sites)}


def _key(written: str) -> uuid.UUID:
    try:
        return uuid.UUID(written)
    except ValueError:
        raise Http404 from None


@login_required
@require_safe
def import_batch(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """One import, file by file; seeing the sources is an audit event."""
    user = signed_in(request)
    batch = get_object_or_404(ImportBatch.objects.visible_to(user).select_related("site"), pk=batch_id)
    outcome = request.GET.get("outcome", "")
    items = batch.items.select_related("batch__site", "image")
    if outcome in ImportItem.Outcome.values:
        items = items.filter(outcome=outcome)
    page = Paginator(items, ITEMS_PER_PAGE).get_page(request.GET.get("page"))
    with transaction.atomic():
        audit.record("archive.sources_seen", by_user=user, on=batch, site=batch.site, page=page.number)
    context = {
        "batch": batch,
        "page": page,
        "outcome": outcome,
        "outcomes": [
            (value, label, batch.counts.get(value, 0)) for value, label in ImportItem.Outcome.choices
        ],
        "live": live([batch])[0],
        "has_unmatched": unmatched_path(batch.pk).exists(),
    }
    return render(request, "archive/import_batch.html", context)
