"""After the lock: what could have told arms apart, and which answers raters flagged as unsafe."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from evaluation.models import Trial
from evaluation.views.trials import TABULATED, aspect_name, visible_trial


def locked_trial_of(request: HttpRequest, trial_id: UUID) -> tuple[Trial, bool]:
    """The trial, if its scores are locked, and whether simulated rows count."""
    trial = visible_trial(request, trial_id)
    if trial.state not in TABULATED:
        raise Http404
    return trial, "simulated" in request.GET


@login_required
@require_safe
def leak_page(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Length against score, style, raw against shown text, guesses."""
    from evaluation.reports.leaks import leak_report  # scikit-learn, which no other page needs
    from evaluation.reports.wording import in_words

    trial, simulated = locked_trial_of(request, trial_id)
    report = leak_report(trial, simulated=simulated)
    context: dict[str, Any] = {"trial": trial, "report": report, "simulated": simulated}
    names = {aspect.key: aspect_name(aspect) for aspect in trial.aspects.all()}
    context["lengths"] = [asdict(row) | {"name": names[row.aspect]} for row in report.lengths]
    context["style_method"] = in_words(report.style.accuracy.method) if report.style else ""
    return render(request, "evaluation/leaks.html", context)


@login_required
@require_safe
def unsafe_page(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """The table of unsafe answers; after the unblinding their texts too."""
    from evaluation.reports.unsafe_answers import flagged_answers, texts_are_shown, unsafe_table
    from evaluation.reports.writers.html_page import html_fragment

    trial, simulated = locked_trial_of(request, trial_id)
    table = unsafe_table(trial, simulated=simulated)
    context: dict[str, Any] = {
        "trial": trial,
        "table": table,
        # html_fragment escapes every text it is given.
        "table_html": mark_safe(html_fragment(table)),  # noqa: S308
        "answers": flagged_answers(trial, simulated=simulated),
        "texts_are_shown": texts_are_shown(trial),
        "simulated": simulated,
    }
    return render(request, "evaluation/unsafe.html", context)
