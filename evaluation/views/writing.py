"""Writing: doctors who are an arm answer the trial's questions with what raters and systems are shown, no more."""

from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from annotation.services.study_context import newest_report
from evaluation.models import Answer, Arm, TrialQuestion
from evaluation.services.answers import record_human_answer
from evaluation.services.judged_work import WRITING, image_name, images_of_form
from evaluation.services.writing import (
    arms_of,
    asked_of,
    next_to_write,
    record_turn,
    said_so_far,
    written_arm,
)
from evaluation.views.scoring import opaque_copy
from evaluation.views.trials import user_of
from mammo.accounts.models import User
from mammo.archive.models import Image, Study
from mammo.archive.services import judging, viewer_json
from mammo.core.errors import UserError
from mammo.core.idempotency import once


def _asked(user: User, asked_id: UUID) -> TrialQuestion:
    row = asked_of(user, asked_id)
    if row is None:
        raise Http404
    return row


@login_required
@require_safe
def writing(request: HttpRequest) -> HttpResponse:
    """The trials for which this account writes answers, and how far it is."""
    rows, user = [], user_of(request)
    for arm in arms_of(user):
        following = next_to_write(arm, user)
        rows.append(
            {
                "title": arm.trial.rater_title or _("Answers to patients' questions"),
                "done": arm.answers.count(),
                "total": arm.trial.trial_questions.count(),
                "next": reverse("evaluation:write", args=[following.pk]) if following else "",
                "instructions": arm.trial.instructions,
            }
        )
    return render(request, "evaluation/writing.html", {"rows": rows})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def write(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """One question: its images and text, and the answer this account writes."""
    user = user_of(request)
    asked = _asked(user, asked_id)
    arm = written_arm(user, asked)
    text, status = request.POST.get("text", ""), 200
    if request.method == "POST":
        try:
            is_done = _record(request, arm, asked, text)
        except UserError as error:
            if type(error) is not UserError:
                raise
            messages.error(request, str(error))
            status = 400
        else:
            following = next_to_write(arm, user) if is_done else asked
            messages.success(request, _("Saved."))
            return redirect("evaluation:write", following.pk) if following else redirect("evaluation:writing")
    question = asked.question
    report = newest_report(question.study) if question.study and asked.trial.show_report else None
    context: dict[str, Any] = {
        "asked": str(asked.pk),
        "title": asked.trial.rater_title or _("Answers to patients' questions"),
        "text_language": "en" if question.language == "en" else "zh-Hans",
        "report": report.blanked if report is not None else "",
        "has_images": question.study_id is not None,
        **(_dialogue(arm, asked, user) if asked.is_dialogue else _single(arm, asked)),
        "done": arm.answers.count(),
        "total": asked.trial.trial_questions.count(),
    }
    if text:
        context["text"] = text
    return render(request, "evaluation/write.html", context, status=status)


def _record(request: HttpRequest, arm: Arm, asked: TrialQuestion, text: str) -> bool:
    """Store what was written; whether the question is done with it."""
    user, seconds = user_of(request), _seconds(request)
    judged = judging(WRITING, asked.pk, by_user=user, study=asked.question.study)
    if not asked.is_dialogue:
        judged(record_human_answer(arm, asked, text, by_user=user, seconds=seconds))
        return True
    answer = record_turn(arm, asked, text, by_user=user, turn=_turn(request), seconds=seconds)
    if answer is not None:
        judged(answer)
    return answer is not None


def _turn(request: HttpRequest) -> int:
    given = request.POST.get("turn", "")
    if not given.isdecimal():
        raise UserError(_("%(name)s: missing; open the page again") % {"name": "turn"})
    return int(given)


def _single(arm: Arm, asked: TrialQuestion) -> dict[str, Any]:
    """What was said before, and the answer as it stands, to be written again where somebody wants."""
    held = Answer.objects.filter(arm=arm, question=asked).select_related("question__question__patient")
    before = held.first()
    turns = [{"patient": i % 2 == 0, "text": said} for i, said in enumerate(asked.question.turns)]
    return {"turns": turns, "text": before.raw_text if before else ""}


def _dialogue(arm: Arm, asked: TrialQuestion, user: User) -> dict[str, Any]:
    """The dialogue as far as it went: the patient's next turn is there once the one before it is answered."""
    given = said_so_far(arm, asked, by_user=user)
    pairs = zip_longest(asked.rounds[: len(given) + 1], given)
    lines = [line for said, answer in pairs for line in ((True, said), (False, answer))]
    return {
        "turns": [{"patient": patient, "text": said} for patient, said in lines if said is not None],
        "text": "",
        "is_dialogue": True,
        "turn": len(given) + 1,
        "is_answered": len(given) == len(asked.rounds),
    }


def _seconds(request: HttpRequest) -> float | None:
    try:
        return min(max(float(request.POST.get("active_seconds") or 0), 0.0), 86_400.0)
    except ValueError:
        return None


def _images(asked: TrialQuestion) -> tuple[Study, list[Image]]:
    study = asked.question.study
    if study is None:
        raise Http404
    return study, images_of_form(study)


@login_required
@require_safe
def write_viewer(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """The question's images for the viewer."""
    asked = _asked(user_of(request), asked_id)
    study, images = _images(asked)
    numbers = {image.pk: number for number, image in enumerate(images, start=1)}

    def address(image: Image) -> str:
        return reverse("evaluation:write-image", args=[asked.pk, numbers[image.pk]])

    described = viewer_json(
        study, image_url=address, image_uid=lambda image: image_name(asked, numbers[image.pk])
    )
    return JsonResponse(described | {"study": str(asked.pk)})


@login_required
@require_safe
def write_image(request: HttpRequest, asked_id: UUID, number: int) -> HttpResponseBase:
    """One viewing copy of the question."""
    _study, images = _images(_asked(user_of(request), asked_id))
    return opaque_copy(request, images, number, f"{asked_id}-{number}")
