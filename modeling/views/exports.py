"""Pages of weights that leave the platform: asked for, tested, decided by another person, taken."""

import tempfile
import uuid
import zipfile
from pathlib import Path

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.core.errors import UserError
from mammo.core.idempotency import once
from modeling.forms import ExportForm
from modeling.models import Checkpoint, CheckpointExport
from modeling.services import exports as service
from modeling.views.runs import user_of


@login_required
@require_safe
def export_list(request: HttpRequest) -> HttpResponse:
    """Every wish to hand weights on at one's sites, with what its test found and who decided."""
    user = user_of(request)
    if not user.has_role("researcher", "data_manager", "admin"):
        raise Http404
    rows = CheckpointExport.objects.visible_to(user).select_related(
        "checkpoint__run__site", "asked_by", "decided_by", "test_job"
    )
    context = {
        "rows": rows.order_by("-created_at")[:200],
        "user_id": user.pk,
        "decides_at": set(user.sites_as(*service.DECIDING_ROLES).values_list("pk", flat=True)),
        "takes_at": set(user.sites_as("researcher", "admin").values_list("pk", flat=True)),
    }
    return render(request, "modeling/export_list.html", context)


@login_required
@require_POST
@once
def ask(request: HttpRequest, checkpoint_id: uuid.UUID) -> HttpResponse:
    """Ask that a checkpoint may be handed on."""
    user = user_of(request)
    sites = user.sites_as("researcher", "admin")
    rows = Checkpoint.objects.filter(run__site__in=sites).select_related("run__site")
    checkpoint = get_object_or_404(rows, pk=checkpoint_id)
    form = ExportForm(request.POST)
    if not form.is_valid():
        raise UserError(_("recipient and reason: say who gets the weights, and what for"))
    service.ask_export(checkpoint, by_user=user, **form.cleaned_data)
    messages.success(request, _("Asked; another person must approve it."))
    return redirect("modeling:exports")


@login_required
@require_POST
def decide(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Approve or refuse."""
    user = user_of(request)
    row = get_object_or_404(
        CheckpointExport.objects.visible_to(user).select_related("checkpoint__run__site"), pk=release_id
    )
    act = request.POST.get("do", "")
    if act not in ("approve", "refuse"):
        raise UserError(_("do: give approve or refuse"))
    service.decide(row, by_user=user, approve=act == "approve")
    messages.success(request, _("The decision is on record."))
    return redirect("modeling:exports")


@login_required
@require_POST
def take(request: HttpRequest, release_id: uuid.UUID) -> HttpResponseBase:
    """The approved weights as one archive."""
    user = user_of(request)
    rows = CheckpointExport.objects.visible_to(user).select_related("checkpoint__run__site")
    row = get_object_or_404(rows, pk=release_id)
    files = service.files_to_hand_on(row, by_user=user)
    folder = Path(row.checkpoint.folder)
    spool = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the response)
    # Weights don't shrink: stored, not compressed.
    with zipfile.ZipFile(spool, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    spool.seek(0)
    with transaction.atomic():
        service.record_taken(row, by_user=user)
    return FileResponse(spool, as_attachment=True, filename=f"{row.checkpoint.sha256[:16]}.zip")
