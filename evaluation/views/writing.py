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

from evaluation.models import Answer, Arm, TrialQuestion
from evaluation.services.answers import record_human_answer, written_version
from evaluation.services.judged_work import WRITING, described_form, own_images
from evaluation.services.read_reports import report_beside
from evaluation.services.shown_studies import shown_images, shown_report
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
from mammo.archive.models import Study
from mammo.archive.services import judging
from mammo.core.conflicts import both_texts
from mammo.core.digits import number_in
from mammo.core.errors import StaleVersionError, UserError
from mammo.core.idempotency import once
from mammo.core.page_seconds import counted_so_far, page_seconds


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
                "next": _address(following, arm) if following else "",
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
    arm = written_arm(user, asked, named=_named_arm(request))
    text, status = request.POST.get("text", ""), 200
    if request.method == "POST":
        try:
            is_done = _record(request, arm, asked, text)
        except StaleVersionError as stale:
            return _came_second(request, stale, arm, asked, text)
        except UserError as error:
            if type(error) is not UserError:
                raise
            messages.error(request, str(error))
            status = 400
        else:
            following = next_to_write(arm, user) if is_done else asked
            messages.success(request, _("Saved."))
            return redirect(_address(following, arm) if following else "evaluation:writing")
    question = asked.question
    context: dict[str, Any] = {
        "asked": str(asked.pk),
        "arm": str(arm.pk),
        "report_read": report_beside(asked.trial, question.study),
        "title": asked.trial.rater_title or _("Answers to patients' questions"),
        "text_language": "en" if question.language == "en" else "zh-Hans",
        "report": shown_report(asked, question.study, shows_report=asked.trial.show_report),
        "has_images": question.study_id is not None,
        "seconds": counted_so_far(request),
        **(_dialogue(arm, asked, user) if asked.is_dialogue else _single(arm, asked)),
        "done": arm.answers.count(),
        "total": asked.trial.trial_questions.count(),
    }
    if text:
        # A page that was refused is still the one that was opened on an earlier text, beside an earlier report.
        context |= {"text": text} | {name: request.POST.get(name, "") for name in ("opened_on", "turn")}
        context["report_read"] = request.POST.get("report_read", context["report_read"])
    return render(request, "evaluation/write.html", context, status=status)


def _record(request: HttpRequest, arm: Arm, asked: TrialQuestion, text: str) -> bool:
    """Store what was written; whether the question is done with it."""
    user, seconds, report = user_of(request), _seconds(request), request.POST.get("report_read")
    if "arm" not in request.POST and sum(own.trial_id == arm.trial_id for own in arms_of(user)) > 1:
        raise UserError(_("%(name)s: missing; open the page again") % {"name": "arm"})
    study = asked.question.study
    judged = judging(WRITING, asked.pk, by_user=user, study=study, images=own_images(asked, study))
    if not asked.is_dialogue:
        opened_on = request.POST.get("opened_on", "")
        judged(
            record_human_answer(
                arm, asked, text, by_user=user, seconds=seconds, opened_on=opened_on, report_read=report
            )
        )
        return True
    answer = record_turn(
        arm, asked, text, by_user=user, turn=_turn(request), seconds=seconds, report_read=report
    )
    if answer is not None:
        judged(answer)
    return answer is not None


def _named_arm(request: HttpRequest) -> UUID | None:
    """The arm that the page was opened for: who writes for two arms of a trial has the same question twice."""
    given = request.POST.get("arm") or request.GET.get("arm")
    try:
        return UUID(given) if given else None
    except ValueError:
        raise Http404 from None


def _address(asked: TrialQuestion, arm: Arm) -> str:
    return f"{reverse('evaluation:write', args=[asked.pk])}?arm={arm.pk}"


def _came_second(
    request: HttpRequest, stale: StaleVersionError, arm: Arm, asked: TrialQuestion, text: str
) -> HttpResponse:
    """Both texts; a dialogue that another author began opens for nobody else, so that its author goes to the list."""
    again = reverse("evaluation:writing") if asked.is_dialogue else _address(asked, arm)
    return both_texts(request, stored=str(stale.current), sent=text, reload_url=again, note=str(stale))


def _turn(request: HttpRequest) -> int:
    turn = number_in(request.POST.get("turn", ""))
    if turn is None:
        raise UserError(_("%(name)s: missing; open the page again") % {"name": "turn"})
    return turn


def _single(arm: Arm, asked: TrialQuestion) -> dict[str, Any]:
    """What was said before, and the answer as it stands, to be written again where somebody wants."""
    held = Answer.objects.filter(arm=arm, question=asked).select_related("question__question__patient")
    before = held.first()
    turns = [{"patient": i % 2 == 0, "text": said} for i, said in enumerate(asked.question.texts)]
    text = before.raw_text if before else ""
    return {"turns": turns, "text": text, "opened_on": written_version(before)}


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


def _seconds(request: HttpRequest) -> float:
    return page_seconds(request.POST)


def _study(asked: TrialQuestion) -> Study:
    study = asked.question.study
    if study is None:
        raise Http404
    return study


@login_required
@require_safe
def write_viewer(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """The question's images for the viewer."""
    asked = _asked(user_of(request), asked_id)

    def address(number: int) -> str:
        return reverse("evaluation:write-image", args=[asked.pk, number])

    return JsonResponse(described_form(asked, asked, _study(asked), asked.shown_earlier, address))


@login_required
@require_safe
def write_image(request: HttpRequest, asked_id: UUID, number: int) -> HttpResponseBase:
    """One viewing copy of the question."""
    asked = _asked(user_of(request), asked_id)
    images = shown_images(asked, _study(asked), asked.shown_earlier)
    return opaque_copy(request, images, number, f"{asked_id}-{number}")
