"""Pages and files of the archive: viewer data, viewing copies, imports."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.models import Image, ImportBatch, ImportItem, Study
from mammo.archive.services import viewer_json, viewing_copy_response

ITEMS_PER_PAGE = 100


def _user(request: HttpRequest) -> User:
    """The signed-in account (the views are behind `login_required`)."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


@login_required
@require_safe
def viewer(request: HttpRequest, study_id: uuid.UUID) -> JsonResponse:
    """The study as the browser's viewer wants it."""
    study = get_object_or_404(
        Study.objects.visible_to(_user(request)).filter(patient__erased_at=None), pk=study_id
    )
    return JsonResponse(viewer_json(study, lambda image: reverse("archive:image", args=[image.pk])))


@login_required
@require_safe
def image(request: HttpRequest, image_id: uuid.UUID) -> FileResponse:
    """One viewing copy."""
    found = get_object_or_404(Image.objects.visible_to(_user(request)), pk=image_id)
    return viewing_copy_response(found)


@login_required
@require_safe
def imports(request: HttpRequest) -> HttpResponse:
    """What was imported at the data manager's sites."""
    user = _user(request)
    _require_data_manager(user)
    batches = ImportBatch.objects.visible_to(user).select_related("site", "by_user")
    page = Paginator(batches, 50).get_page(request.GET.get("page"))
    return render(request, "archive/imports.html", {"page": page})


@login_required
@require_safe
def import_batch(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """One import, file by file; seeing the sources is an audit event."""
    batch = get_object_or_404(
        ImportBatch.objects.visible_to(_user(request)).select_related("site"), pk=batch_id
    )
    outcome = request.GET.get("outcome", "")
    items = batch.items.select_related("batch__site", "image")
    if outcome in ImportItem.Outcome.values:
        items = items.filter(outcome=outcome)
    page = Paginator(items, ITEMS_PER_PAGE).get_page(request.GET.get("page"))
    with transaction.atomic():
        audit.record(
            "archive.sources_seen", by_user=_user(request), on=batch, site=batch.site, page=page.number
        )
    context = {"batch": batch, "page": page, "outcome": outcome, "outcomes": ImportItem.Outcome.choices}
    return render(request, "archive/import_batch.html", context)


def _require_data_manager(user: User) -> None:
    if not user.has_role("data_manager"):
        raise Http404
