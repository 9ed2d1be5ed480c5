"""Trials as researchers and statisticians see them: state, progress by count, the steps, the table."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from evaluation.answers.screen import CUT
from evaluation.models import Aspect, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.strata import require_stratum
from evaluation.reports.tables import TRIAL_TABLES, build_table
from evaluation.reports.writers import CONTENT_TYPES, WRITERS
from evaluation.services.access import DESIGNERS
from evaluation.services.answers import queue_answers
from evaluation.services.dealing import missing_note, shrunk_spacing, spacing_note
from evaluation.services.freezing import freeze_trial, obstacles
from evaluation.services.progress import (
    answering_job,
    failure_in_words,
    left_pictures_of_questions,
    trial_progress,
)
from evaluation.services.protocols import freeze_protocol
from evaluation.services.scoring import lock_trial, open_forms, open_scoring
from evaluation.services.screening import screen_trial, settle
from evaluation.services.shared_wordings import wording_notes
from evaluation.services.unblinding import confirm_unblinding, pending_request, request_unblinding
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.digits import number_in
from mammo.core.idempotency import once

TABULATED = (Trial.State.LOCKED, Trial.State.UNBLINDED)


def user_of(request: HttpRequest) -> User:
    """The signed-in account."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def visible_trial(request: HttpRequest, trial_id: UUID) -> Trial:
    """The trial, or the same 404 for unknown and forbidden ones."""
    visible = Trial.objects.visible_to(user_of(request)).select_related("site", "protocol")
    trial = visible.filter(pk=trial_id).first()
    if trial is None:
        raise Http404
    return trial


def trial_options(request: HttpRequest, trial: Trial) -> TableOptions:
    """What an address asks of a trial's table: `simulated`, `paper`, and `by`, one row per stratum of the questions.

    Raises:
        UserError: there is no such stratum.
    """
    asked = request.GET
    by = asked.get("by") or None
    if by is not None:
        require_stratum(by)
    return TableOptions(trial, simulated="simulated" in asked, paper="paper" in asked, by=by)


@login_required
@require_safe
def trials(request: HttpRequest) -> HttpResponse:
    """All trials of the account's sites."""
    found = (
        Trial.objects.visible_to(user_of(request)).select_related("site", "protocol").order_by("-created_at")
    )
    context = {"trials": found, "is_designer": user_of(request).has_role(*DESIGNERS)}
    return render(request, "evaluation/trials.html", context)


@login_required
@require_safe
def trial(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """One trial: what it is, how far it is, and the next step."""
    row = visible_trial(request, trial_id)
    user = user_of(request)
    is_draft = row.state == Trial.State.DRAFT
    is_designer = user.has_role(*DESIGNERS, site=row.site)
    job = answering_job(row)
    context = {
        "trial": row,
        "is_designer": is_designer,
        "arms": row.arms.order_by("position"),
        # Names are for those who designed the trial, until they are for all.
        "names_arms": is_designer or row.state == Trial.State.UNBLINDED,
        "aspects": [aspect_name(aspect) for aspect in row.aspects.all()],
        "questions": row.trial_questions.count(),
        "progress": trial_progress(row),
        "open_forms": open_forms(row) if row.state == Trial.State.SCORING else 0,
        # They name arms too.
        "obstacles": obstacles(row) if is_draft and is_designer else [],
        "spacing": [
            *spacing_note(shrunk_spacing(row)),
            *missing_note(row),
            *left_pictures_of_questions(row),
        ],
        "hits": screen_trial(row) if is_draft and is_designer else [],
        "answering": job,
        # What failed is told with the arm's name.
        "failure": failure_in_words(job, row) if job and job.is_ended and is_designer else "",
        "pending": pending_request(row),
        "events": _events(row),
        "has_tables": row.state in TABULATED,
    }
    return render(request, "evaluation/trial.html", context)


def aspect_name(aspect: Aspect) -> str:
    """The aspect's name in the reader's language."""
    in_chinese = (get_language() or "").startswith("zh")
    return (aspect.name_zh if in_chinese else "") or aspect.name


def event_label(kind: str) -> str:
    """An event of a trial or a reader study as printed."""
    labels = {
        "frozen": _("frozen"),
        "opened": _("opened"),
        "locked": _("locked"),
        "unblind_requested": _("unblinding asked for"),
        "unblinded": _("unblinded"),
        "amended": _("amended"),
        "withdrawn": _("a reader withdrew"),
    }
    return labels.get(kind, kind)


def _events(row: Trial) -> list[dict[str, Any]]:
    events = row.events.select_related("by_user").order_by("created_at")
    return [{"row": event, "label": event_label(event.kind)} for event in events]


@login_required
@require_POST
@once
def answer(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Queue the answers that systems still lack."""
    row = visible_trial(request, trial_id)
    job = queue_answers(row, by_user=user_of(request))
    messages.success(request, str(job.title) if job else _("Every system has answered."))
    return redirect("evaluation:trial", trial_id=row.pk)


@login_required
@require_POST
@once
def screen_rule(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Settle one finding of the screen by a rule for every arm."""
    row = visible_trial(request, trial_id)
    posted = request.POST
    limit = posted.get("limit", "").strip() if posted.get("action") == CUT else ""
    changed = settle(
        row,
        posted.get("matched", ""),
        posted.get("action", ""),
        posted.get("reason", ""),
        by_user=user_of(request),
        kind=posted.get("kind", ""),
        limit=number_in(limit),
    )
    messages.success(request, _("Settled; %(count)s answers changed.") % {"count": changed})
    return redirect("evaluation:trial", trial_id=row.pk)


@login_required
@require_POST
@once
def freeze(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Freeze the protocol, where it is not, and the trial."""
    row = visible_trial(request, trial_id)
    freeze_protocol(row.protocol, by_user=user_of(request))
    freeze_trial(row, by_user=user_of(request))
    messages.success(request, _("Frozen: nothing of the design changes from now on."))
    for line in wording_notes(row):
        messages.info(request, line)
    return redirect("evaluation:trial", trial_id=row.pk)


@login_required
@require_POST
@once
def open_(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Open a frozen trial to its raters."""
    row = visible_trial(request, trial_id)
    open_scoring(row, by_user=user_of(request))
    messages.success(request, _("Open: the raters can score."))
    return redirect("evaluation:trial", trial_id=row.pk)


@login_required
@require_POST
@once
def lock(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Lock the scores."""
    row = visible_trial(request, trial_id)
    lock_trial(row, by_user=user_of(request), reason=request.POST.get("reason", ""))
    messages.success(request, _("Locked: no score changes from now on."))
    return redirect("evaluation:trial", trial_id=row.pk)


@login_required
@require_POST
@once
def unblind(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Ask for unblinding, or confirm what another person asked for."""
    row = visible_trial(request, trial_id)
    if "confirm" in request.POST:
        confirm_unblinding(row, by_user=user_of(request))
        messages.success(request, _("Unblinded."))
    else:
        request_unblinding(row, by_user=user_of(request), reason=request.POST.get("reason", ""))
        messages.success(request, _("Asked for; another person has to confirm."))
    return redirect("evaluation:trial", trial_id=row.pk)


@login_required
@require_safe
def table(request: HttpRequest, trial_id: UUID, number: int, kind: str) -> HttpResponse:
    """A table of the trial as a file; its rows leave by an approved export only."""
    row = visible_trial(request, trial_id)
    if kind not in WRITERS or number not in TRIAL_TABLES:
        raise Http404
    content = WRITERS[kind](build_table(number, trial_options(request, row)))
    with transaction.atomic():
        audit.record(
            "evaluation.table_downloaded",
            by_user=user_of(request),
            on=row,
            site=row.site,
            table=number,
            kind=kind,
        )
    response = HttpResponse(content, content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="table{number}.{kind}"'
    return response
