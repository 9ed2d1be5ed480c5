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
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.models import Question
from evaluation.models import (
    Aspect,
    AuthorGuess,
    FormRemark,
    PracticeItem,
    Slot,
    Trial,
    TrialQuestion,
    TrialRater,
)
from evaluation.services.dialogues import conversation
from evaluation.services.guesses import guess_sample, next_guess, record_guess
from evaluation.services.judged_work import KIND, described_form, own_images
from evaluation.services.practice import next_practice, record_practice
from evaluation.services.progress import rater_progress
from evaluation.services.raters import consent
from evaluation.services.remarks import Remark, record_form, standing_remark
from evaluation.services.scoring import form_of, form_revision, next_slot, standing_scores
from evaluation.services.shown_studies import shown_images, shown_report
from evaluation.views.trials import user_of
from mammo.archive.models import Image, Study
from mammo.archive.services import judging, viewing_copy_response
from mammo.core.conflicts import both_texts, lines_of
from mammo.core.digits import number_in
from mammo.core.errors import StaleVersionError, UserError
from mammo.core.idempotency import once
from mammo.core.page_seconds import counted_so_far, page_seconds


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


def next_address(rater: TrialRater) -> str:
    """Where a consenting rater goes on: practice, the next form, the guesses; empty when all is done."""
    if next_practice(rater) is not None:
        return reverse("evaluation:practice", args=[rater.pk])
    following = next_slot(rater)
    if following is not None:
        return reverse("evaluation:form", args=[following.pk])
    return reverse("evaluation:guess", args=[rater.pk]) if next_guess(rater) is not None else ""


@login_required
@require_safe
def scoring(request: HttpRequest) -> HttpResponse:
    """The rater's open scorings and how far each is."""
    rows = []
    for rater in _raters(request).order_by("created_at"):
        asks = rater.consented_at is None
        address = reverse("evaluation:consent", args=[rater.pk]) if asks else next_address(rater)
        last = rater.slots.not_erased().pictured().filter(scores__isnull=False).order_by("-position").first()
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
        return redirect(next_address(rater) or "evaluation:scoring")
    trial = rater.trial
    context = {
        "title": _title(rater.trial),
        "trial_instructions": rater.trial.instructions,
        "low": rater.trial.scale_min,
        "high": rater.trial.scale_max,
        "minutes": rater.trial.sitting_minutes,
        "aspects": [_aspect(aspect, None) for aspect in _aspects(rater)],
        "progress": rater_progress(rater),
        "extras": trial.repeats + trial.controls,
        "has_lines": trial.input_mode == Trial.InputMode.LINE,
        "practice": trial.practice_items.count(),
        "guesses": trial.guesses,
    }
    return render(request, "evaluation/conditions.html", context)


@login_required
@require_safe
def pause(request: HttpRequest, rater_id: UUID) -> HttpResponse:
    """Between two sittings, or whenever the rater stops."""
    rater = _rater(request, rater_id)
    following = next_slot(rater)
    if following is None or rater.consented_at is None:
        return redirect("evaluation:scoring")
    before = rater.slots.filter(position__lt=following.position).order_by("-position").first()
    context = {
        "is_over": before is not None and before.sitting != following.sitting,
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
    standing = standing_scores(slot)
    values = {key: str(score.value) for key, score in standing.items()} if typed is None else typed
    there = slot.rater.slots.not_erased().pictured()
    before = there.filter(position__lt=slot.position).order_by("-position").first()
    after = there.filter(position__gt=slot.position).order_by("position").first()
    context = (
        _question_context(slot.answer.question, trial)
        | _said(slot)
        | {
            "slot": str(slot.pk),
            "rater": str(slot.rater_id),
            "aspects": [_aspect(aspect, values.get(aspect.key)) for aspect in _aspects(slot.rater)],
            "remark": _posted_remark(request) if typed is not None else standing_remark(slot) or Remark(),
            "is_saved": bool(standing) and typed is None,
            "seconds": counted_so_far(request),
            # A page that was refused is still the one that was opened on an earlier form.
            "revision": form_revision(slot) if typed is None else request.POST.get("revision", ""),
            "progress": rater_progress(slot.rater),
            "position": slot.position,
            "previous": reverse("evaluation:form", args=[before.pk]) if before else "",
            "following": reverse("evaluation:form", args=[after.pk]) if after and standing else "",
            "prefetch": "" if after is None or standing else _image_addresses(after),
        }
    )
    return render(request, "evaluation/form.html", context, status=status)


def _question_context(asked: TrialQuestion | PracticeItem, trial: Trial) -> dict[str, Any]:
    """What every page with a question shows of it."""
    question: Question = asked.question
    study: Study | None = question.study
    return {
        "title": _title(trial),
        "turns": [{"patient": i % 2 == 0, "text": text} for i, text in enumerate(question.texts)],
        "text_language": "en" if question.language == "en" else "zh-Hans",
        "report": shown_report(asked, study, shows_report=trial.show_report),
        "has_images": study is not None,
        "low": trial.scale_min,
        "high": trial.scale_max,
        "has_lines": trial.input_mode == Trial.InputMode.LINE,
        "digit_marks": trial.digit_marks,
    }


def _said(slot: Slot) -> dict[str, Any]:
    """What is scored: the answer, or all turns of a dialogue."""
    asked = slot.answer.question
    if not asked.is_dialogue:
        return {"text": slot.shown_text}
    lines = conversation(asked, slot.shown_text)
    return {
        "is_dialogue": True,
        "turns": [{"patient": line.is_patient, "text": line.text} for line in lines],
    }


def _image_addresses(slot: Slot) -> str:
    """Addresses of a form's images, for the browser to fetch while the form before it is scored."""
    asked, study = slot.answer.question, slot.answer.question.question.study
    own = [image for image in shown_images(asked, study) if image.study_id == study.pk] if study else []
    numbers = range(1, len(own) + 1)
    return " ".join(reverse("evaluation:form-image", args=[slot.pk, number]) for number in numbers)


def _posted_remark(request: HttpRequest) -> Remark:
    posted = request.POST
    return Remark(
        comment=posted.get("comment", ""),
        is_unsafe="unsafe" in posted,
        knows_case="knows_case" in posted,
        is_typed=posted.get("is_typed") == "1",
    )


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
    typed = _typed(request, slot.rater)
    was_scored = slot.scores.exists()
    try:
        values = {key: _whole(text, key) for key, text in typed.items()}
        asked = slot.answer.question
        study = asked.question.study
        images = own_images(asked, study)
        judged = judging(KIND, slot.pk, by_user=user_of(request), study=study, images=images)
        made = record_form(
            slot,
            by_user=user_of(request),
            values=values,
            remark=_posted_remark(request),
            active_seconds=page_seconds(request.POST),
            expected_revision=number_in(request.POST.get("revision", "")) or 0,
        )
        judged(made)
    except StaleVersionError:
        return _came_second(request, slot, typed)
    except UserError as error:
        if type(error) is not UserError:
            raise
        messages.error(request, str(error))
        return _form_page(request, slot, status=400, typed=typed)
    if was_scored:
        messages.success(request, _("Saved."))
        return redirect("evaluation:form", slot_id=slot.pk)
    following = next_slot(slot.rater)
    if following is not None and following.sitting != slot.sitting:
        return redirect("evaluation:pause", rater_id=slot.rater_id)
    return _go_on(request, slot.rater)


def _came_second(request: HttpRequest, slot: Slot, typed: dict[str, str]) -> HttpResponse:
    """The rater's own two forms side by side; nothing of anybody else."""
    stored = {key: str(score.value) for key, score in standing_scores(slot).items()}
    return both_texts(
        request,
        stored=_form_text(slot.rater, stored, standing_remark(slot) or Remark()),
        sent=_form_text(slot.rater, typed, _posted_remark(request)),
        reload_url=reverse("evaluation:form", args=[slot.pk]),
        is_own=True,
    )


def _form_text(rater: TrialRater, values: dict[str, str], remark: Remark | FormRemark) -> str:
    lines: list[tuple[str, object]] = [
        (_aspect(aspect, None)["name"], values.get(aspect.key)) for aspect in _aspects(rater)
    ]
    lines += [(_("Unsafe: following this answer could harm her"), remark.is_unsafe)]
    lines += [(_("I know this case"), remark.knows_case), (_("Comment (optional)"), remark.comment)]
    return lines_of(lines)


def _typed(request: HttpRequest, rater: TrialRater) -> dict[str, str]:
    return {aspect.key: request.POST.get(f"value_{aspect.key}", "").strip() for aspect in _aspects(rater)}


def _go_on(request: HttpRequest, rater: TrialRater) -> HttpResponse:
    address = next_address(rater)
    if not address:
        messages.success(request, _("Saved. Every form is scored: thank you."))
    return redirect(address or "evaluation:scoring")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def practice(request: HttpRequest, rater_id: UUID) -> HttpResponse:
    """The next practice answer; its values are kept apart."""
    rater = _rater(request, rater_id)
    item = next_practice(rater)
    if item is None or rater.consented_at is None:
        return redirect("evaluation:scoring")
    typed: dict[str, str] = {}
    status = 200
    if request.method == "POST":
        typed = _typed(request, rater)
        try:
            values = {key: _whole(text, key) for key, text in typed.items()}
            record_practice(rater, item, by_user=user_of(request), values=values)
        except UserError as error:
            if type(error) is not UserError:
                raise
            messages.error(request, str(error))
            status = 400
        else:
            return redirect(next_address(rater) or "evaluation:scoring")
    context = _question_context(item, rater.trial) | {
        "text": item.text,
        # Practice shows no images: it is about the form.
        "has_images": False,
        "aspects": [_aspect(aspect, typed.get(aspect.key)) for aspect in _aspects(rater)],
        "remark": Remark(),
        "seconds": counted_so_far(request),
        "action": reverse("evaluation:practice", args=[rater.pk]),
        "is_practice": True,
        "progress": rater_progress(rater),
    }
    return render(request, "evaluation/form.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def guess(request: HttpRequest, rater_id: UUID) -> HttpResponse:
    """After the last form: whom the rater takes for the author of a few answers."""
    rater = _rater(request, rater_id)
    slot = next_guess(rater)
    if slot is None or rater.consented_at is None:
        return redirect("evaluation:scoring")
    if request.method == "POST":
        if request.POST.get("slot") != str(slot.pk):
            return redirect("evaluation:guess", rater_id=rater.pk)
        record_guess(slot, request.POST.get("guess", ""), by_user=user_of(request))
        return _go_on(request, rater)
    sample = guess_sample(rater)
    context = (
        _question_context(slot.answer.question, rater.trial)
        | _said(slot)
        | {
            "slot": str(slot.pk),
            "number": AuthorGuess.objects.filter(slot__rater=rater).count() + 1,
            "total": len(sample),
            "choices": AuthorGuess.Guess.choices,
        }
    )
    return render(request, "evaluation/guess.html", context)


def _whole(text: str, key: str) -> int:
    if not text:
        raise UserError(_("%(aspect)s: not scored; every aspect needs a value") % {"aspect": key})
    size = number_in(text.removeprefix("-")) if text.isascii() else None
    if size is None:
        raise UserError(_("%(aspect)s: give a whole number") % {"aspect": key})
    return -size if text.startswith("-") else size


@login_required
@require_safe
def form_viewer(request: HttpRequest, slot_id: UUID) -> HttpResponse:
    """The images of a form for the viewer, under names that belong to the form alone."""
    slot = _form(request, slot_id)

    def address(number: int) -> str:
        return reverse("evaluation:form-image", args=[slot.pk, number])

    asked = slot.answer.question
    return JsonResponse(described_form(slot, asked, _study(slot), asked.shown_earlier, address))


@login_required
@require_safe
def form_image(request: HttpRequest, slot_id: UUID, number: int) -> HttpResponseBase:
    """One viewing copy of a form, or of the one after it, which browsers fetch early."""
    slot = form_of(user_of(request), slot_id, ahead=1)
    if slot is None:
        raise Http404
    images = shown_images(slot.answer.question, _study(slot), slot.answer.question.shown_earlier)
    return opaque_copy(request, images, number, f"{slot.pk}-{number}")


def opaque_copy(request: HttpRequest, images: list[Image], number: int, name: str) -> HttpResponseBase:
    """One of the images under a tag of its own: the file's hash would tell that two forms show one study.

    Raises:
        Http404: there is no image of this number.
    """
    if not 1 <= number <= len(images):
        raise Http404
    tag = salted_hmac("evaluation.image", name).hexdigest()
    return viewing_copy_response(images[number - 1], request, tag=tag)


def _study(slot: Slot) -> Study:
    study = slot.answer.question.question.study
    if study is None:
        raise Http404
    return study
