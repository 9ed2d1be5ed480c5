"""This display: whether the computer will do, the test pattern, the card on the screen, what the reader states."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from mammo.archive import displays
from mammo.archive.models import DisplayCheck, Verdict
from mammo.archive.views.access import signed_in
from mammo.core.errors import UserError
from mammo.core.idempotency import once

LAST_SHOWN = 5


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def display(request: HttpRequest) -> HttpResponse:
    """The page, for everybody who may read on this computer; sending it in stores the description."""
    user = signed_in(request)
    status = 200
    if request.method == "POST":
        try:
            check = displays.record_display(*_described(request), by_user=user)
        except UserError as error:
            messages.error(request, str(error))
            status = 400
        else:
            following = request.POST.get("next", "")
            if check.verdict == Verdict.NO:  # the page says why, and can be sent in again
                messages.error(request, check.get_verdict_display())
                return redirect(f"{reverse('archive:display')}?{urlencode({'next': following})}")
            messages.success(request, check.get_verdict_display())
            is_ours = url_has_allowed_host_and_scheme(following, allowed_hosts={request.get_host()})
            return redirect(following if following and is_ours else "archive:display")
    checks = list(DisplayCheck.objects.filter(by_user=user).order_by("-created_at")[:LAST_SHOWN])
    context = {
        "checks": [{"row": row, "sentences": displays.sentences_on(row.problems)} for row in checks],
        "typed": request.POST if status != 200 else None,
        "last": checks[0] if checks else None,
        "viewer_src": reverse("archive:display-pattern"),
        "following": request.POST.get("next") or request.GET.get("next", ""),
    }
    return render(request, "archive/display.html", context, status=status)


def _described(request: HttpRequest) -> tuple[displays.Measured, displays.Stated]:
    posted = request.POST
    measured = displays.Measured(
        screen_width=int(_number(posted.get("screen_width"), _("screen"))),
        screen_height=int(_number(posted.get("screen_height"), _("screen"))),
        pixel_ratio=_number(posted.get("pixel_ratio"), _("screen")),
        colour_depth=int(_number(posted.get("colour_depth"), _("screen"))),
        browser=request.headers.get("User-Agent", ""),
        renderer=posted.get("renderer", ""),
        webgl=posted.get("webgl") == "yes",
        decodes=posted.get("decodes") == "yes",
    )
    card = posted.get("mm_per_device_pixel", "")
    luminance = posted.get("luminance", "").strip()
    stated = displays.Stated(
        model=posted.get("model", ""),
        native_columns=int(_number(posted.get("native_columns"), _("pixels"))),
        native_rows=int(_number(posted.get("native_rows"), _("pixels"))),
        luminance=int(_number(luminance, _("brightness"))) if luminance else None,
        calibrated_on=_day(posted.get("calibrated_on", "").strip()),
        dark_seen=posted.get("dark_seen") == "on",
        light_seen=posted.get("light_seen") == "on",
        mm_per_device_pixel=_number(card, _("card")) if card else None,
    )
    return measured, stated


def _number(text: str | None, field: str) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = -1.0
    if not 0 < number < 100_000:
        raise UserError(_("%(field)s: give a number") % {"field": field})
    return number


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UserError(_("calibration: give a day as year-month-day")) from None


@login_required
@require_safe
def pattern(request: HttpRequest) -> JsonResponse:
    """The test pattern as a study of one picture, so that the viewer itself is what is tested."""
    # Here, because pydicom would take a second of every web process's start.
    from mammo.archive.dicom.test_pattern import COLUMNS, ROWS, SPACING

    image: dict[str, Any] = {
        "uid": "test-pattern",
        "url": reverse("archive:display-pattern-image"),
        "rows": ROWS,
        "columns": COLUMNS,
        "spacing": [SPACING, SPACING],
        "spacing_estimated": False,
        "wc": 2048,
        "ww": 4096,
        "voi_fn": "LINEAR",
        "presets": [],
        "laterality": "L",
        "view": "OTHER",
        "title": _("Test pattern"),
        "acquired_order": 1,
    }
    return JsonResponse({"study": "test-pattern", "images": [image], "expected": [], "earlier": None})


@login_required
@require_safe
def pattern_image(request: HttpRequest) -> HttpResponse:
    """The test pattern as a viewing copy."""
    from mammo.archive.dicom.test_pattern import pattern_file

    response = HttpResponse(pattern_file(), content_type="application/dicom")
    response["Cache-Control"] = "private, max-age=3600"
    return response
