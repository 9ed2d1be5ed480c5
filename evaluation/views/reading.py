"""Reading: a case under one condition, category, likelihood and a mark on the lesion; the truth is nowhere here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
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

from evaluation.models import Reader, ReaderStudy, Reading, ReadingSlot
from evaluation.services.judged_work import READING, described_form, own_images
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
from evaluation.services.shown_studies import shown_images, shown_report
from evaluation.views.scoring import opaque_copy
from evaluation.views.trials import user_of
from mammo.archive.services import judging
from mammo.core.choices import Birads, Laterality
from mammo.core.conflicts import both_texts, lines_of
from mammo.core.digits import number_in
from mammo.core.errors import StaleVersionError, UserError
from mammo.core.idempotency import once
from mammo.core.page_seconds import counted_so_far, page_seconds

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


def _next_of(reader: Reader) -> tuple[ReadingSlot | None, datetime | None]:
    """The case that may be read now; or, where the next one has to wait, none and when it opens."""
    following = next_reading(reader)
    opens = opens_at(following) if following is not None else None
    return (None, opens) if opens is not None and opens > timezone.now() else (following, None)


@login_required
@require_safe
def readings(request: HttpRequest) -> HttpResponse:
    """The reader's open studies: how far each is, and when the next case may be read."""
    rows = []
    for reader in _readers(request).order_by("created_at"):
        following, opens = _next_of(reader)
        address = ""
        if reader.consented_at is None:
            address = reverse("evaluation:read-consent", args=[reader.pk])
        elif following is not None:
            address = reverse("evaluation:read", args=[following.pk])
        total = reader.slots.counted().count()
        rows.append(
            {
                "next": address,
                "opens": opens,
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
        following, _opens = _next_of(reader)
        if following is None:
            return redirect("evaluation:readings")
        return redirect("evaluation:read", following.pk)
    study = reader.reader_study
    context = {
        "study": study,
        "cases": reader.slots.counted().values("case").distinct().count(),
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
            study = slot.case.study
            images = own_images(slot.case, study)
            judged = judging(READING, slot.pk, by_user=user_of(request), study=study, images=images)
            judged(
                record_reading(
                    slot,
                    _assessment(request),
                    by_user=user_of(request),
                    seconds=page_seconds(request.POST),
                    expected_revision=number_in(request.POST.get("revision", "")) or 0,
                )
            )
        except StaleVersionError as stale:
            return _came_second(request, slot, cast("Reading | None", stale.current))
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


def _came_second(request: HttpRequest, slot: ReadingSlot, standing: Reading | None) -> HttpResponse:
    """The reader's own two readings of the case side by side."""
    return both_texts(
        request,
        stored=_reading_text(_given(standing)),
        sent=_reading_text(request.POST),
        reload_url=reverse("evaluation:read", args=[slot.pk]),
        is_own=True,
    )


def _reading_text(given: Mapping[str, Any]) -> str:
    """A reading as the page's fields have it, a line each."""
    named = (
        ("finding", _("Finding"), Reading.Finding.choices),
        ("side", _("Side"), Laterality.choices),
        ("category", _("BI-RADS category"), Birads.choices),
    )
    lines: list[tuple[str, Any]] = []
    for field, name, known in named:
        value = given.get(field) or ""
        lines.append((name, dict(known).get(value, value)))
    place = [str(given.get(f"point_{part}") or "") for part in ("view", "across", "down")]
    likelihood = (_("Likelihood of malignancy, 0 to 100"), given.get("likelihood"))
    return lines_of([*lines, (_("Place of the lesion"), " ".join(filter(None, place))), likelihood])


def _page(request: HttpRequest, slot: ReadingSlot, *, status: int = 200) -> HttpResponse:
    study = slot.reader.reader_study
    given = request.POST if request.method == "POST" else _given(standing_reading(slot))
    shows_report = study.reader_sees == ReaderStudy.Sees.REPORT
    names = dict(Birads.choices)
    output = slot.case.output if is_assisted(slot) else {}
    sides, side = dict(Laterality.choices), slot.case.laterality
    context = {
        "slot": str(slot.pk),
        "given": given,
        "breast": sides.get(side, ""),
        "report": shown_report(slot.case, slot.case.study, shows_report=shows_report),
        "assisted": is_assisted(slot),
        "output": [
            {"side": sides.get(key, key), "percent": round(100 * value), "value": value}
            for key, value in sorted(output.get("malignancy", {}).items())
        ],
        "prevalence": study.prevalence_statement,
        "categories": [(key, names[key]) for key in SCALES[study.scale]],
        "findings": Reading.Finding.choices,
        "laterality": side,
        "sides": [(key, label) for key, label in Laterality.choices if not side or key == side],
        "views": [view for view in VIEWS if view.startswith(side)],
        "position": slot.position,
        "total": slot.reader.slots.counted().count(),
        "is_saved": standing_reading(slot) is not None,
        "seconds": counted_so_far(request),
        "revision": _revision(request, slot),
    }
    return render(request, "evaluation/read.html", context, status=status)


def _revision(request: HttpRequest, slot: ReadingSlot) -> str:
    """Of the reading that the page was opened on; a page that was refused is still the one that was opened before."""
    if request.method == "POST":
        return request.POST.get("revision", "")
    standing = standing_reading(slot)
    return str(standing.revision) if standing is not None else "0"


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
    text = posted.get("likelihood", "")
    likelihood = number_in(text) if text.isascii() else None
    if likelihood is None:
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
    return Assessment(posted.get("category", ""), likelihood, side, finding, point)


@login_required
@require_safe
def read_viewer(request: HttpRequest, reading_slot_id: UUID) -> HttpResponse:
    """The images of a case for the viewer, under names that belong to this reading alone."""
    slot = _slot(request, reading_slot_id)

    def address(number: int) -> str:
        return reverse("evaluation:read-image", args=[slot.pk, number])

    return JsonResponse(described_form(slot, slot.case, slot.case.study, slot.case.shown_earlier, address))


@login_required
@require_safe
def read_image(request: HttpRequest, reading_slot_id: UUID, number: int) -> HttpResponseBase:
    """One viewing copy of a case."""
    slot = _slot(request, reading_slot_id)
    images = shown_images(slot.case, slot.case.study, slot.case.shown_earlier)
    return opaque_copy(request, images, number, f"{slot.pk}-{number}")
