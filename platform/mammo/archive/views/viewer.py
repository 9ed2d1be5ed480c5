"""What the browser's viewer fetches and reports: descriptions of studies, viewing copies, views shown, preferences."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, JsonResponse
from django.http.request import RawPostDataException
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.displays import screens_of
from mammo.archive.judged_work import find_work
from mammo.archive.models import Image, Study, Verdict
from mammo.archive.openings import note_images_opened
from mammo.archive.services import viewer_json, viewing_copy_response
from mammo.archive.storage import thumbnail_path
from mammo.archive.viewer_preferences import keep_preferences, preferences_of
from mammo.archive.viewing import earlier_study
from mammo.archive.views.access import signed_in
from mammo.archive.views_shown import record_views, refusal
from mammo.core.errors import UserError
from mammo.core.outside_json import parsed

LONGEST_BODY = 20_000


@login_required
@require_safe
def viewer(request: HttpRequest, study_id: uuid.UUID) -> JsonResponse:
    """The study as the browser's viewer wants it."""
    user = signed_in(request)
    study = get_object_or_404(Study.objects.viewable_by(user).select_related("site"), pk=study_id)
    with transaction.atomic():
        audit.record("archive.images_opened", by_user=user, on=study, site=study.site)
    return JsonResponse(
        viewer_json(
            study, lambda image: reverse("archive:image", args=[image.pk]), earlier=earlier_study(study)
        )
    )


@login_required
@require_safe
def image(request: HttpRequest, image_id: uuid.UUID) -> HttpResponseBase:
    """One viewing copy; that it was fetched is on record also where no viewer asked for its study."""
    user = signed_in(request)
    found = _image(user, image_id)
    response = viewing_copy_response(found, request)
    note_images_opened(found.study, by_user=user)
    return response


@login_required
@require_safe
def thumbnail(request: HttpRequest, image_id: uuid.UUID) -> FileResponse:
    """A small picture of one image; on record as the image itself."""
    user = signed_in(request)
    found = _image(user, image_id)
    path = thumbnail_path(found.viewing_copy)
    if not path.exists():  # imported before there were any
        raise Http404
    note_images_opened(found.study, by_user=user)
    response = FileResponse(path.open("rb"), content_type="image/png")
    response["Cache-Control"] = "private, no-cache"
    return response


@login_required
@require_POST
def views_shown(request: HttpRequest, work: str, task_id: uuid.UUID) -> JsonResponse:
    """Keep what a viewer has on screen for a piece of work; the answer says what a judgement still lacks.

    `display` is false where the screen is not described, or will not do.
    """
    user = signed_in(request)
    found = find_work(work, task_id, user)
    if found is None:
        raise Http404
    try:
        views = record_views(found, work, task_id, by_user=user, report=_body(request))
    except UserError as error:
        return JsonResponse({"refusal": str(error)}, status=400)
    will_do = views.display is not None and views.display.verdict != Verdict.NO
    return JsonResponse({"refusal": refusal(views, found.images.values()), "display": will_do}, status=201)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> JsonResponse:
    """How this reader likes the viewer, and how large the pixels of their measured screens are."""
    user = signed_in(request)
    try:
        kept = keep_preferences(user, _body(request)) if request.method == "POST" else preferences_of(user)
    except UserError as error:
        return JsonResponse({"refusal": str(error)}, status=400)
    return JsonResponse({"preferences": kept, "screens": screens_of(user)})


def _image(user: User, image_id: uuid.UUID) -> Image:
    return get_object_or_404(Image.objects.viewable_by(user).select_related("study__site"), pk=image_id)


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        given = parsed(request.body) if len(request.body) <= LONGEST_BODY else None
    except (ValueError, RawPostDataException):  # a form with files was read as one before it came here
        given = None
    if not isinstance(given, dict):
        raise UserError(_("send one JSON object"))
    return given
