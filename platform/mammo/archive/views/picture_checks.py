"""Checks of stored pictures: drawing a sample, looking at one picture after another, and what came of it."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts import audit
from mammo.archive.models import PictureSample, SampledPicture
from mammo.archive.picture_checks import (
    MOST,
    draw_sample,
    held_by_text,
    judge_picture,
    look_at_picture,
    next_picture,
    result_of,
)
from mammo.archive.views.access import require_data_manager, signed_in
from mammo.archive.views.holders import named
from mammo.archive.views.quarantine import inline
from mammo.core.errors import UserError
from mammo.core.idempotency import once

SHOWN = 50
USUAL = 100


@login_required
@require_safe
def picture_checks(request: HttpRequest) -> HttpResponse:
    """Samples of the account's sites with what came of them, and the form for another."""
    user = signed_in(request)
    require_data_manager(user)
    samples = PictureSample.objects.visible_to(user).select_related("site", "by_user")[:SHOWN]
    context = {
        "samples": [(sample, result_of(sample)) for sample in samples],
        "sites": user.sites_as("data_manager").order_by("code"),
        "most": MOST,
        "usual": USUAL,
    }
    return render(request, "archive/picture_checks.html", context)


@login_required
@require_POST
@once
def draw(request: HttpRequest) -> HttpResponse:
    """Draw a sample."""
    user = signed_in(request)
    site = get_object_or_404(user.sites_as("data_manager"), code=request.POST.get("site", ""))
    written = request.POST.get("count", "").strip()
    if not written.isascii() or not written.isdecimal():
        raise UserError(_("pictures: give a number from 1 to %(most)s") % {"most": MOST})
    sample = draw_sample(site, int(written[:9]), by_user=user)
    return redirect("archive:picture-check", sample_id=sample.pk)


@login_required
@require_safe
def picture_check(request: HttpRequest, sample_id: uuid.UUID) -> HttpResponse:
    """The next picture of a sample, or its result; seeing a picture is an audit event."""
    sample = _sample(request, sample_id)
    found = next_picture(sample)
    held = held_by_text(sample)
    context: dict[str, object] = {
        "sample": sample,
        "result": result_of(sample),
        "held": [named(each) for each in held],
    }
    if found is not None:
        picture, image = found
        look = look_at_picture(image)
        with transaction.atomic():
            audit.record(
                "archive.images_opened", by_user=signed_in(request), on=image.study, site=sample.site
            )
        context |= {
            "picture": picture, "total": sample.pictures.count(), "look": look, "png": inline(look.png), "view": image,
        }  # fmt: skip
    return render(request, "archive/picture_check.html", context)


@login_required
@require_POST
@once
def judge(request: HttpRequest, sample_id: uuid.UUID) -> HttpResponse:
    """Keep what was seen on one picture, and go on to the next."""
    sample = _sample(request, sample_id)
    written = request.POST.get("picture", "")
    if not written.isascii() or not written.isdecimal():
        raise UserError(_("picture: open the page again"))
    picture = get_object_or_404(
        SampledPicture.objects.select_related("sample__site"), sample=sample, position=int(written[:9])
    )
    judge_picture(picture, request.POST.get("verdict", ""), by_user=signed_in(request))
    if request.POST.get("verdict") == SampledPicture.Verdict.TEXT:
        messages.success(request, _("The picture left its study; its file waits in quarantine."))
    return redirect("archive:picture-check", sample_id=sample.pk)


def _sample(request: HttpRequest, sample_id: uuid.UUID) -> PictureSample:
    user = signed_in(request)
    rows = PictureSample.objects.visible_to(user).select_related("site", "by_user")
    return get_object_or_404(rows, pk=sample_id)
