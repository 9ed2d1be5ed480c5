"""Tables of reports and pathology: sent by a page, mapped, imported; rows that match nothing come back."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mammo.accounts import audit
from mammo.archive.models import ImportBatch, TableUpload
from mammo.archive.table_kinds import KINDS
from mammo.archive.table_uploads import confirm, discard, keep_table, preview
from mammo.archive.unmatched import unmatched_csv
from mammo.archive.views.access import require_data_manager, signed_in
from mammo.core.errors import UserError
from mammo.core.idempotency import once
from mammo.jobs.models import ENDED

SHOWN = 30


@login_required
@require_safe
def tables(request: HttpRequest) -> HttpResponse:
    """The form that sends a table, and those that were sent."""
    user = signed_in(request)
    require_data_manager(user)
    context = {
        "sites": user.sites_as("data_manager").order_by("code"),
        "kinds": TableUpload.Kind.choices,
        "uploads": TableUpload.objects.visible_to(user).select_related("site", "by_user", "job")[:SHOWN],
    }
    return render(request, "archive/tables.html", context)


@login_required
@require_POST
@once
def send(request: HttpRequest) -> HttpResponse:
    """Keep a table and show what is in it."""
    user = signed_in(request)
    require_data_manager(user)
    site = get_object_or_404(user.sites_as("data_manager"), code=request.POST.get("site", ""))
    file = request.FILES.get("table")
    if file is None:
        raise UserError(_("table: choose a file"))
    upload = keep_table(file, kind=request.POST.get("kind", ""), site=site, by_user=user)
    return redirect("archive:table", table_id=upload.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def table(request: HttpRequest, table_id: uuid.UUID) -> HttpResponse:
    """One table: its columns and first rows, to be mapped and confirmed; then how far its import has come."""
    user = signed_in(request)
    rows = TableUpload.objects.visible_to(user).select_related("site", "by_user", "job")
    upload = get_object_or_404(rows, pk=table_id)
    if request.method == "POST":
        return _settle(request, upload)
    at_work = upload.job is not None and upload.job.state not in ENDED
    if not at_work and request.headers.get("HX-Request"):
        # The page asks how far the import is: now it shows something else, and is read anew.
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {
        "upload": upload,
        "at_work": at_work,
        "batch": ImportBatch.objects.filter(pk=upload.pk).first(),
        "ours": KINDS[upload.kind].known,
        "needed": _needed(upload.kind),
    }
    if not upload.finished_at and not at_work:
        with transaction.atomic():
            audit.record("archive.table_seen", by_user=user, on=upload, site=upload.site)
        context["preview"] = preview(upload)
    return render(request, "archive/table.html", context)


@once
def _settle(request: HttpRequest, upload: TableUpload) -> HttpResponse:
    user = signed_in(request)
    if request.POST.get("do") == "discard":
        discard(upload, by_user=user)
        messages.info(request, _("The table is destroyed; nothing more is imported of it."))
        return redirect("archive:tables")
    theirs, ours = request.POST.getlist("theirs"), request.POST.getlist("ours")
    confirm(upload, dict(zip(theirs, ours, strict=False)), by_user=user)
    messages.success(request, _("The table is being imported; its mapping is remembered."))
    return redirect("archive:table", table_id=upload.pk)


@login_required
@require_safe
def unmatched(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Rows of a table that were not taken, with the reason; fetching them is an audit event."""
    user = signed_in(request)
    batch = get_object_or_404(ImportBatch.objects.visible_to(user).select_related("site"), pk=batch_id)
    try:
        rows = unmatched_csv(batch)
    except FileNotFoundError:
        raise Http404 from None
    with transaction.atomic():
        audit.record("archive.unmatched_rows_fetched", by_user=user, on=batch, site=batch.site)
    response = HttpResponse(rows, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="not-taken.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _needed(kind: str) -> str:
    columns = KINDS[kind]
    keys = " / ".join(" + ".join(group) for group in columns.one_of)
    return ", ".join([*columns.required, *([keys] if keys else [])])
