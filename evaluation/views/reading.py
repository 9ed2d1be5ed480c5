"""Reading: a case under one condition, category, likelihood and a mark on the lesion; the truth is nowhere here."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from annotation.services.study_context import newest_report
from evaluation.models import Reader, ReaderStudy, Reading, ReadingSlot
from evaluation.services.judged_work import READING, image_name, images_of_form
from evaluation.services.reader_studies import SCALES
from evaluation.services.readings import (
    Assessment,
    consent_to_read,
    is_assisted,
    next_reading,
    opens_at,
    reading_of,
    record_reading,
    standing_reading,
)
from evaluation.views.scoring import opaque_copy
from evaluation.views.trials import user_of
from mammo.archive.models import Image
from mammo.archive.services import judging, viewer_json
from mammo.core.choices import Birads, Laterality
from mammo.core.errors import UserError
from mammo.core.idempotency import once

VIEWS = ("RCC", "LCC", "RMLO", "LMLO")


def _readers(request: HttpRequest) -> Any:
    return Reader.objects.filter(
        user=user_of(request), withdrawn_at__isnull=True, reader_study__state=ReaderStudy.State.READING
    ).select_related("reader_study")


def _slot(request: HttpRequest, pk: UUID) -> ReadingSlot:
    slot = reading_of(user_of(request), pk)
    if slot is None:
        raise Http404
    return slot


@login_required
@require_safe
def readings(request: HttpRequest) -> HttpResponse:
    """The reader's open studies: how far each is, and when the next case may be read."""
    rows = []
    for reader in _readers(request).order_by("created_at"):
        following = next_reading(reader)
        opens = opens_at(following) if following is not None else None
        waits = opens is not None and opens > timezone.now()
        address = ""
        if reader.consented_at is None:
            address = reverse("evaluation:read-consent", args=[reader.pk])
        elif following is not None and not waits:
            address = reverse("evaluation:read", args=[following.pk])
        total = reader.slots.not_erased().count()
        rows.append(
            {
                "next": address,
                "opens": opens if waits else None,
                "done": total - reader.slots.unread().count(),
                "total": total,
            }
        )
    return render(request, "evaluation/readings.html", {"rows": rows})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def conditions(request: HttpRequest, reader_id: UUID) -> HttpResponse:
    """What the reading asks of the reader, before the first case."""
    reader = _readers(request).filter(pk=reader_id).first()
    if reader is None:
        raise Http404
    if request.method == "POST":
        consent_to_read(reader, by_user=user_of(request))
    if reader.consented_at is not None:
        return redirect("evaluation:readings")
    study = reader.reader_study
    context = {
        "study": study,
        "cases": reader.slots.not_erased().values("case").distinct().count(),
        "sequential": study.design == ReaderStudy.Design.SEQUENTIAL,
        "categories": ", ".join(SCALES[study.scale]),
    }
    return render(request, "evaluation/read_conditions.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def read(request: HttpRequest, reading_slot_id: UUID) -> HttpResponse:
    """One case: images, the report where the study shows it, the model's output where the condition has it."""
    slot = _slot(request, reading_slot_id)
    reader = slot.reader
    if request.method == "POST":
        try:
            judged = judging(READING, slot.pk, by_user=user_of(request), study=slot.case.study)
            judged(
                record_reading(
                    slot, _assessment(request), by_user=user_of(request), seconds=_seconds(request)
                )
            )
        except UserError as error:
            if type(error) is not UserError:
                raise
            messages.error(request, str(error))
            return _page(request, slot, status=400)
        following = next_reading(reader)
        opens = opens_at(following) if following is not None else None
        messages.success(request, _("Saved."))
        if following is None or (opens is not None and opens > timezone.now()):
            return redirect("evaluation:readings")
        return redirect("evaluation:read", following.pk)
    return _page(request, slot)


def _page(request: HttpRequest, slot: ReadingSlot, *, status: int = 200) -> HttpResponse:
    study = slot.reader.reader_study
    given = request.POST if request.method == "POST" else _given(standing_reading(slot))
    shows_report = study.reader_sees == ReaderStudy.Sees.REPORT
    report = newest_report(slot.case.study) if shows_report else None
    names = dict(Birads.choices)
    output = slot.case.output if is_assisted(slot) else {}
    sides = dict(Laterality.choices)
    context = {
        "slot": str(slot.pk),
        "given": given,
        "breast": sides.get(slot.case.laterality, ""),
        "report": report.blanked if report is not None else "",
        "assisted": is_assisted(slot),
        "output": [
            {"side": sides.get(side, side), "percent": round(100 * value), "value": value}
            for side, value in sorted(output.get("malignancy", {}).items())
        ],
        "prevalence": study.prevalence_statement,
        "categories": [(key, names[key]) for key in SCALES[study.scale]],
        "findings": Reading.Finding.choices,
        "sides": Laterality.choices,
        "views": VIEWS,
        "position": slot.position,
        "total": slot.reader.slots.not_erased().count(),
        "is_saved": standing_reading(slot) is not None,
    }
    return render(request, "evaluation/read.html", context, status=status)


def _given(row: Reading | None) -> dict[str, Any]:
    if row is None:
        return {}
    point = row.point or {}
    return {
        "category": row.category,
        "likelihood": row.likelihood,
        "side": row.side,
        "finding": row.finding,
        "point_view": point.get("view", ""),
        "point_across": round(100 * point["across"], 1) if point else "",
        "point_down": round(100 * point["down"], 1) if point else "",
    }


def _assessment(request: HttpRequest) -> Assessment:
    posted = request.POST
    likelihood = posted.get("likelihood", "")
    if not likelihood.isascii() or not likelihood.isdecimal():
        raise UserError(_("likelihood: give a whole number from 0 to 100"))
    finding = posted.get("finding", "")
    point = None
    if finding != Reading.Finding.NONE and posted.get("point_view"):
        if posted["point_view"] not in VIEWS:
            raise UserError(_("point: click on the lesion in one view"))
        try:
            across, down = (float(posted.get(name, "")) / 100 for name in ("point_across", "point_down"))
        except ValueError:
            raise UserError(_("point: click on the lesion in one view")) from None
        point = {"view": posted["point_view"], "across": round(across, 4), "down": round(down, 4)}
    side = "N" if finding == Reading.Finding.NONE else posted.get("side", "")
    return Assessment(posted.get("category", ""), int(likelihood), side, finding, point)


def _seconds(request: HttpRequest) -> float:
    try:
        return float(request.POST.get("active_seconds") or 0)
    except ValueError:
        return 0.0


@login_required
@require_safe
def read_viewer(request: HttpRequest, reading_slot_id: UUID) -> HttpResponse:
    """The images of a case for the viewer, under names that belong to this reading alone."""
    slot = _slot(request, reading_slot_id)
    numbers = {image.pk: n for n, image in enumerate(images_of_form(slot.case.study), start=1)}

    def address(image: Image) -> str:
        return reverse("evaluation:read-image", args=[slot.pk, numbers[image.pk]])

    described = viewer_json(
        slot.case.study, image_url=address, image_uid=lambda image: image_name(slot, numbers[image.pk])
    )
    return JsonResponse(described | {"study": str(slot.pk)})


@login_required
@require_safe
def read_image(request: HttpRequest, reading_slot_id: UUID, number: int) -> HttpResponseBase:
    """One viewing copy of a case."""
    slot = _slot(request, reading_slot_id)
    return opaque_copy(request, images_of_form(slot.case.study), number, f"{slot.pk}-{number}")
