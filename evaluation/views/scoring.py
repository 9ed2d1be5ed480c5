"""Scoring: a rater meets forms under random names, and nothing that names an arm.

What a form shows comes from Slot alone: the question, the images, the shown text, the aspects in the rater's
order. Unknown forms and other people's get the same answer.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.services.study_context import newest_report
from evaluation.models import Aspect, Slot, Trial, TrialRater
from evaluation.services.progress import rater_progress
from evaluation.services.raters import consent
from evaluation.services.scoring import form_of, next_slot, record_scores, standing_scores
from evaluation.views.trials import user_of
from mammo.archive.models import Image, Study
from mammo.archive.services import viewer_json, viewing_copy_response
from mammo.core.errors import UserError
from mammo.core.idempotency import once


def _raters(request: HttpRequest) -> Any:
    """The account's places in trials that are open for scoring."""
    return TrialRater.objects.filter(
        user=user_of(request), withdrawn_at__isnull=True, trial__state=Trial.State.SCORING
    ).select_related("trial")


def _rater(request: HttpRequest, rater_id: UUID) -> TrialRater:
    found: TrialRater | None = _raters(request).filter(pk=rater_id).first()
    if found is None:
        raise Http404
    return found


def _form(request: HttpRequest, slot_id: UUID) -> Slot:
    slot = form_of(user_of(request), slot_id)
    if slot is None:
        raise Http404
    return slot


def _title(trial: Trial) -> str:
    return trial.rater_title or _("Scoring of answers to patients' questions")


@login_required
@require_safe
def scoring(request: HttpRequest) -> HttpResponse:
    """The rater's open scorings and how far each is."""
    rows = []
    for rater in _raters(request).order_by("created_at"):
        following = next_slot(rater)
        if rater.consented_at is None:
            address = reverse("evaluation:consent", args=[rater.pk])
        else:
            address = reverse("evaluation:form", args=[following.pk]) if following else ""
        last = rater.slots.filter(scores__isnull=False).order_by("-position").first()
        rows.append(
            {
                "title": _title(rater.trial),
                "progress": rater_progress(rater),
                "next": address,
                "last": reverse("evaluation:form", args=[last.pk]) if last and rater.consented_at else "",
            }
        )
    return render(request, "evaluation/scoring.html", {"rows": rows})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def conditions(request: HttpRequest, rater_id: UUID) -> HttpResponse:
    """What the scoring asks of the rater, before the first form."""
    rater = _rater(request, rater_id)
    if request.method == "POST":
        consent(rater, by_user=user_of(request))
    if rater.consented_at is not None:
        following = next_slot(rater)
        if following is None:
            return redirect("evaluation:scoring")
        return redirect("evaluation:form", slot_id=following.pk)
    context = {
        "title": _title(rater.trial),
        "trial_instructions": rater.trial.instructions,
        "low": rater.trial.scale_min,
        "high": rater.trial.scale_max,
        "minutes": rater.trial.sitting_minutes,
        "aspects": [_aspect(aspect, None) for aspect in _aspects(rater)],
        "progress": rater_progress(rater),
    }
    return render(request, "evaluation/conditions.html", context)


@login_required
@require_safe
def pause(request: HttpRequest, rater_id: UUID) -> HttpResponse:
    """Between two sittings."""
    rater = _rater(request, rater_id)
    following = next_slot(rater)
    if following is None or rater.consented_at is None:
        return redirect("evaluation:scoring")
    context = {
        "title": _title(rater.trial),
        "progress": rater_progress(rater),
        "minutes": rater.trial.sitting_minutes,
        "next": reverse("evaluation:form", args=[following.pk]),
    }
    return render(request, "evaluation/pause.html", context)


@login_required
@require_safe
def form(request: HttpRequest, slot_id: UUID) -> HttpResponse:
    """One form: the question, the images, one answer, and a value for each aspect."""
    return _form_page(request, _form(request, slot_id))


def _form_page(request: HttpRequest, slot: Slot, *, status: int = 200, typed: Any = None) -> HttpResponse:
    trial = slot.rater.trial
    question = slot.answer.question.question
    standing = standing_scores(slot)
    values = {key: str(score.value) for key, score in standing.items()} if typed is None else typed
    study: Study | None = question.study
    report = newest_report(study) if study is not None and trial.show_report else None
    around = {
        s.position: s for s in slot.rater.slots.filter(position__in=[slot.position - 1, slot.position + 1])
    }
    before, after = around.get(slot.position - 1), around.get(slot.position + 1)
    context = {
        "slot": str(slot.pk),
        "title": _title(trial),
        "turns": [{"patient": i % 2 == 0, "text": text} for i, text in enumerate(question.turns)],
        "text": slot.answer.shown_text,
        "text_language": "en" if question.language == "en" else "zh-Hans",
        "report": report.blanked if report is not None else "",
        "has_images": study is not None,
        "aspects": [_aspect(aspect, values.get(aspect.key)) for aspect in _aspects(slot.rater)],
        "low": trial.scale_min,
        "high": trial.scale_max,
        "is_saved": bool(standing) and typed is None,
        "progress": rater_progress(slot.rater),
        "position": slot.position,
        "previous": reverse("evaluation:form", args=[before.pk]) if before else "",
        "following": reverse("evaluation:form", args=[after.pk]) if after and standing else "",
    }
    return render(request, "evaluation/form.html", context, status=status)


def _aspects(rater: TrialRater) -> list[Aspect]:
    by_key = {aspect.key: aspect for aspect in rater.trial.aspects.all()}
    return [by_key[key] for key in rater.aspect_order if key in by_key]


def _aspect(aspect: Aspect, value: str | None) -> dict[str, Any]:
    in_chinese = (get_language() or "").startswith("zh")
    end = "_zh" if in_chinese else ""
    return {
        "key": aspect.key,
        "name": (aspect.name_zh if in_chinese else "") or aspect.name,
        "definition": (aspect.definition_zh if in_chinese else "") or aspect.definition,
        "low": aspect.anchors.get(f"low{end}", ""),
        "high": aspect.anchors.get(f"high{end}", ""),
        "value": "" if value is None else value,
    }


@login_required
@require_POST
@once
def save(request: HttpRequest, slot_id: UUID) -> HttpResponse:
    """Store a whole form and go on to the next, by way of the break where a sitting ends."""
    slot = _form(request, slot_id)
    typed = {
        aspect.key: request.POST.get(f"value_{aspect.key}", "").strip() for aspect in _aspects(slot.rater)
    }
    was_scored = slot.scores.exists()
    try:
        values = {key: _whole(text, key) for key, text in typed.items()}
        record_scores(slot, by_user=user_of(request), values=values, active_seconds=_seconds(request))
    except UserError as error:
        if type(error) is not UserError:
            raise
        messages.error(request, str(error))
        return _form_page(request, slot, status=400, typed=typed)
    if was_scored:
        messages.success(request, _("Saved."))
        return redirect("evaluation:form", slot_id=slot.pk)
    following = next_slot(slot.rater)
    if following is None:
        messages.success(request, _("Saved. Every form is scored: thank you."))
        return redirect("evaluation:scoring")
    if following.sitting != slot.sitting:
        return redirect("evaluation:pause", rater_id=slot.rater_id)
    return redirect("evaluation:form", slot_id=following.pk)


def _whole(text: str, key: str) -> int:
    if not text:
        raise UserError(_("%(aspect)s: not scored; every aspect needs a value") % {"aspect": key})
    if not text.isascii() or not text.lstrip("-").isdecimal():
        raise UserError(_("%(aspect)s: give a whole number") % {"aspect": key})
    return int(text[:6])


def _seconds(request: HttpRequest) -> float:
    try:
        return float(request.POST.get("active_seconds") or 0)
    except ValueError:
        return 0.0


@login_required
@require_safe
def form_viewer(request: HttpRequest, slot_id: UUID) -> HttpResponse:
    """The images of a form for the viewer, under names that belong to the form alone."""
    slot = _form(request, slot_id)
    study = _study(slot)
    numbers = {image.pk: number for number, image in enumerate(_images(study), start=1)}

    def address(image: Image) -> str:
        return reverse("evaluation:form-image", args=[slot.pk, numbers[image.pk]])

    described = viewer_json(
        study, image_url=address, image_uid=lambda image: f"{slot.pk}-{numbers[image.pk]}"
    )
    return JsonResponse(described | {"study": str(slot.pk)})


@login_required
@require_safe
def form_image(request: HttpRequest, slot_id: UUID, number: int) -> HttpResponseBase:
    """One viewing copy of a form."""
    images = _images(_study(_form(request, slot_id)))
    if not 1 <= number <= len(images):
        raise Http404
    return viewing_copy_response(images[number - 1])


def _study(slot: Slot) -> Study:
    study = slot.answer.question.question.study
    if study is None:
        raise Http404
    return study


def _images(study: Study) -> list[Image]:
    return list(study.images.order_by("acquired_order", "created_at"))
