"""What the browser's viewer fetches: the description of a study, and viewing copies."""

import uuid

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from mammo.accounts import audit
from mammo.archive.models import Image, Study
from mammo.archive.services import viewer_json, viewing_copy_response
from mammo.archive.storage import thumbnail_path
from mammo.archive.views.access import signed_in


@login_required
@require_safe
def viewer(request: HttpRequest, study_id: uuid.UUID) -> JsonResponse:
    """The study as the browser's viewer wants it."""
    user = signed_in(request)
    study = get_object_or_404(Study.objects.viewable_by(user).select_related("site"), pk=study_id)
    with transaction.atomic():
        audit.record("archive.images_opened", by_user=user, on=study, site=study.site)
    return JsonResponse(viewer_json(study, lambda image: reverse("archive:image", args=[image.pk])))


@login_required
@require_safe
def image(request: HttpRequest, image_id: uuid.UUID) -> HttpResponseBase:
    """One viewing copy."""
    found = get_object_or_404(Image.objects.viewable_by(signed_in(request)), pk=image_id)
    return viewing_copy_response(found, request)


@login_required
@require_safe
def thumbnail(request: HttpRequest, image_id: uuid.UUID) -> FileResponse:
    """A small picture of one image."""
    found = get_object_or_404(Image.objects.viewable_by(signed_in(request)), pk=image_id)
    path = thumbnail_path(found.viewing_copy)
    if not path.exists():  # imported before there were any
        raise Http404
    response = FileResponse(path.open("rb"), content_type="image/png")
    response["Cache-Control"] = "private, no-cache"
    return response
