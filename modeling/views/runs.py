"""Pages of snapshots and training runs."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts.models import User
from mammo.core.idempotency import once
from mammo.jobs.logs import read_log
from mammo.jobs.models import Job
from mammo.jobs.waiting import outlook_of
from modeling.comparing import side_by_side
from modeling.curves import curves_of, latest_curves
from modeling.models import Run, Snapshot
from modeling.run_facts import facts_of
from modeling.services.code_at_work import GPUS
from modeling.services.runs import may_repeat, repeat_run
from modeling.training_forms import TRAINERS

ROWS = 50
LOG_LINES = 200
MOST_COMPARED = 4


def user_of(request: HttpRequest) -> User:
    """The signed-in account (the views are behind `login_required`)."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


@login_required
@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    """Training runs and frozen training sets of the account's sites."""
    user = user_of(request)
    if not user.has_role("researcher", "statistician", "admin"):
        raise Http404
    runs = Run.objects.visible_to(user).select_related("job", "snapshot", "site").order_by("-created_at")
    snapshots = Snapshot.objects.visible_to(user).select_related("site", "split", "job")
    context = {
        "page": Paginator(runs, ROWS).get_page(request.GET.get("page")),
        "is_trainer": user.has_role(*TRAINERS),
        "snapshots": snapshots.order_by("-created_at")[:ROWS],
    }
    return render(request, "modeling/run_list.html", context)


@login_required
@require_safe
def run_page(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """One run: setting, curves, checkpoints; while it trains, its state is asked for every few seconds."""
    rows = Run.objects.visible_to(user_of(request)).select_related("job", "snapshot", "site", "by_user")
    run = get_object_or_404(rows, pk=run_id)
    sees_job = run.job is not None and Job.objects.visible_to(user_of(request)).contains(run.job)
    if getattr(request, "htmx", False):
        return _state_alone(request, run, sees_job=sees_job)
    context = {
        "run": run,
        "sees_job": sees_job,
        "outlook": _outlook(request, run),
        "log": read_log(run.job, by_user=user_of(request), lines=LOG_LINES)
        if run.job is not None and run.job.log_is_readable_by(user_of(request))
        else None,
        "may_repeat": may_repeat(run, user_of(request)),
        "may_export": user_of(request).has_role("researcher", "admin", site=run.site),
        "facts": facts_of(run),
        "config": sorted(run.config.items()),
        "environment": sorted(
            (_("GPUs") if name == GPUS else name, told) for name, told in run.environment.items()
        ),
        "curves": _curves(run),
        "checkpoints": run.checkpoints.annotate(predicted=Count("predictions")).order_by("created_at"),
        "starts_from": run.starts_from.select_related("run"),
        "names_weights": _names_weights(run),
    }
    return render(request, "modeling/run.html", context)


def _names_weights(run: Run) -> bool:
    """Whether its setting, or what it was handed, names pretrained weights of folders."""
    given = run.job.parameters.get("init") if run.job is not None else None
    fields = ("pretrained_folder", "pretrained_folders", "text_folder")
    return bool(given) or any(run.config.get(name) for name in fields)


def _state_alone(request: HttpRequest, run: Run, *, sees_job: bool) -> HttpResponse:
    """The state, and beside it the curves so far."""
    context = {
        "run": run,
        "sees_job": sees_job,
        "outlook": _outlook(request, run),
        "curves": _curves(run),
        "is_part": True,
    }
    parts = [
        render_to_string(f"modeling/{name}.html", context, request) for name in ("_run_state", "_run_curves")
    ]
    response = HttpResponse("".join(parts))
    if run.job is None or run.job.is_ended:
        # Curves and checkpoints have come: the page is read anew.
        response.headers["HX-Refresh"] = "true"
    return response


def _curves(run: Run) -> list[Any]:
    """Points that were told so far while the job goes on, then those that were stored."""
    live = latest_curves(run) if run.job is not None and not run.job.is_ended else []
    return list(curves_of(live or run.metric_points.all()))


def _outlook(request: HttpRequest, run: Run) -> str:
    return outlook_of(run.job, user=user_of(request), now=timezone.now()) if run.job is not None else ""


@login_required
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Two to four runs side by side: what differs in their settings, their curves, and their figures."""
    user = user_of(request)
    if not user.has_role("researcher", "statistician", "admin"):
        raise Http404
    wanted = list(dict.fromkeys(request.GET.getlist("run")))[:MOST_COMPARED]
    try:
        keys = [uuid.UUID(key) for key in wanted]
    except ValueError:
        raise Http404 from None
    found = {
        run.pk: run
        for run in Run.objects.visible_to(user).select_related("snapshot", "job").filter(pk__in=keys)
    }
    if len(found) < len(keys):
        raise Http404
    runs = [found[key] for key in keys]
    recent = Run.objects.visible_to(user).select_related("snapshot")[:ROWS]
    context = (
        {"runs": runs, "recent": recent, **side_by_side(runs)} if runs else {"runs": [], "recent": recent}
    )
    return render(request, "modeling/compare.html", context)


@login_required
@require_POST
@once
def repeat(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Queue a run anew with the setting, seed, training set and starting weights of this one."""
    user = user_of(request)
    run = get_object_or_404(Run.objects.visible_to(user).select_related("site", "snapshot"), pk=run_id)
    again = repeat_run(run, by_user=user)
    messages.success(request, _("Queued with the same setting, seed and training set."))
    return redirect("modeling:run", again.pk)
