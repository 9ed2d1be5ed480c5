"""Results of a study on a page: what its report says of the primary endpoint, differences and agreement, with figures."""

import base64
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from evaluation.models import ReaderStudy, Trial
from evaluation.services.access import ANALYSTS
from evaluation.views.trials import TABULATED, aspect_name, user_of, visible_trial
from mammo.accounts import audit
from mammo.core.errors import UserError, WrongStateError

if TYPE_CHECKING:
    from evaluation.reports.study.parts import Picture, Section

FIGURE_TYPES = {"svg": "image/svg+xml", "pdf": "application/pdf", "png": "image/png"}


@login_required
@require_safe
def trial_results(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """The results of a locked trial, under codes until the unblinding; before the lock what is planned."""
    from evaluation.reports.study.results import planned_test  # statistics that no other page needs

    trial = visible_trial(request, trial_id)
    parts, problem = _of_trial(trial, request)
    aspects = {aspect.key: aspect_name(aspect) for aspect in trial.aspects.all()}
    measure = str(trial.protocol.primary_endpoint.get("endpoint", ""))
    context = _context(request, parts, problem) | {
        "trial": trial,
        "name": trial.name,
        "planned": planned_test(trial.protocol, aspects.get(measure, "")),
        "is_frozen": bool(trial.protocol.frozen_sha256),
        "is_locked": trial.state in TABULATED,
        "is_masked": trial.state == Trial.State.LOCKED,
        "figures": [_shown(part.pictures, "evaluation:result-figure", trial.pk) for part in parts],
    }
    return _page(request, context)


@login_required
@require_safe
def trial_figure(request: HttpRequest, trial_id: UUID, figure: str, ending: str) -> HttpResponse:
    """A figure of the results as a file; put on record."""
    trial = visible_trial(request, trial_id)
    parts, _problem = _of_trial(trial, request)
    return _figure(request, trial, parts, figure, ending)


@login_required
@require_safe
def reader_results(request: HttpRequest, study_key: UUID) -> HttpResponse:
    """The results of a locked reader study; before the lock what is planned."""
    from evaluation.reports.study.results import planned_test

    study = _visible_study(request, study_key)
    parts, problem = _of_study(study, request)
    context = _context(request, parts, problem) | {
        "study": study,
        "name": study.name,
        "planned": planned_test(study.protocol, ""),
        "is_frozen": bool(study.protocol.frozen_sha256),
        "is_locked": study.state == ReaderStudy.State.LOCKED,
        "figures": [_shown(part.pictures, "evaluation:reader-result-figure", study.pk) for part in parts],
    }
    return _page(request, context)


@login_required
@require_safe
def reader_figure(request: HttpRequest, study_key: UUID, figure: str, ending: str) -> HttpResponse:
    """A figure of a reader study's results as a file; put on record."""
    study = _visible_study(request, study_key)
    parts, _problem = _of_study(study, request)
    return _figure(request, study, parts, figure, ending)


def _visible_study(request: HttpRequest, study_key: UUID) -> ReaderStudy:
    user = user_of(request)
    rows = ReaderStudy.objects.visible_to(user).select_related("site", "protocol", "checkpoint")
    study = rows.filter(pk=study_key).first()
    if study is None or not user.has_role(*ANALYSTS, site=study.site):
        raise Http404
    return study


def _of_trial(trial: Trial, request: HttpRequest) -> "tuple[Sequence[Section], str]":
    from evaluation.reports.study.results import results_of_trial

    simulated = "simulated" in request.GET
    return _sections(trial.state in TABULATED, lambda: results_of_trial(trial, simulated=simulated))


def _of_study(study: ReaderStudy, request: HttpRequest) -> "tuple[Sequence[Section], str]":
    from evaluation.reports.study.results import results_of_reader_study

    simulated = "simulated" in request.GET
    is_locked = study.state == ReaderStudy.State.LOCKED
    return _sections(is_locked, lambda: results_of_reader_study(study, simulated=simulated))


def _sections(is_locked: bool, compute: "Callable[[], Sequence[Section]]") -> "tuple[Sequence[Section], str]":
    """The sections, and why a locked study has none."""
    if not is_locked:
        return (), ""
    try:
        return compute(), ""
    except WrongStateError:
        raise
    except UserError as error:
        return (), str(error)


def _context(request: HttpRequest, parts: "Sequence[Section]", problem: str) -> dict[str, Any]:
    return {"parts": parts, "problem": problem, "simulated": "simulated" in request.GET}


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    context["sections"] = list(zip(context.pop("parts"), context.pop("figures"), strict=True))
    return render(request, "evaluation/results.html", context)


def _shown(pictures: "Sequence[Picture]", address: str, key: UUID) -> list[dict[str, Any]]:
    """Each figure with the drawing itself, and the addresses of its files.

    The drawing stands within the page as a picture of its own: its styles are those of a document apart, so the page's
    rule against styles in place holds.
    """
    return [
        {
            "caption": picture.caption,
            "drawing": "data:image/svg+xml;base64," + base64.b64encode(picture.svg).decode(),
            "files": [
                (ending.upper(), reverse(address, args=[key, picture.name, ending]))
                for ending in FIGURE_TYPES
            ],
        }
        for picture in pictures
    ]


def _figure(
    request: HttpRequest, study: Trial | ReaderStudy, parts: "Sequence[Section]", figure: str, ending: str
) -> HttpResponse:
    from evaluation.reports.study.results import picture_of

    picture = picture_of(parts, figure) if ending in FIGURE_TYPES else None
    if picture is None:
        raise Http404
    content = picture.file(ending)
    with transaction.atomic():
        audit.record(
            "evaluation.figure_downloaded",
            by_user=user_of(request),
            on=study,
            site=study.site,
            figure=picture.name,
            kind=ending,
        )
    response = HttpResponse(content, content_type=FIGURE_TYPES[ending])
    response["Content-Disposition"] = f'attachment; filename="{picture.name}.{ending}"'
    return response
