"""Pages of snapshots and training runs."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from mammo.accounts.models import User
from mammo.jobs.models import Job
from modeling.curves import curves_of
from modeling.models import Run, Snapshot

ROWS = 50


def _user(request: HttpRequest) -> User:
    """The signed-in account (the views are behind `login_required`)."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


@login_required
@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    """Training runs and frozen training sets of the account's sites."""
    user = _user(request)
    if not user.has_role("researcher", "statistician", "admin"):
        raise Http404
    runs = Run.objects.visible_to(user).select_related("job", "snapshot", "site").order_by("-created_at")
    snapshots = Snapshot.objects.visible_to(user).select_related("site", "split", "job")
    context = {
        "page": Paginator(runs, ROWS).get_page(request.GET.get("page")),
        "snapshots": snapshots.order_by("-created_at")[:ROWS],
    }
    return render(request, "modeling/run_list.html", context)


@login_required
@require_safe
def run_page(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """One run: setting, curves, checkpoints; while it trains, its state is asked for every few seconds."""
    rows = Run.objects.visible_to(_user(request)).select_related("job", "snapshot", "site", "by_user")
    run = get_object_or_404(rows, pk=run_id)
    sees_job = run.job is not None and Job.objects.visible_to(_user(request)).contains(run.job)
    if getattr(request, "htmx", False):
        return _state_alone(request, run, sees_job=sees_job)
    context = {
        "run": run,
        "sees_job": sees_job,
        "config": sorted(run.config.items()),
        "environment": sorted(run.environment.items()),
        "curves": curves_of(run.metric_points.all()),
        "checkpoints": run.checkpoints.annotate(predicted=Count("predictions")).order_by("created_at"),
        "starts_from": run.starts_from.select_related("run"),
    }
    return render(request, "modeling/run.html", context)


def _state_alone(request: HttpRequest, run: Run, *, sees_job: bool) -> HttpResponse:
    response = render(request, "modeling/_run_state.html", {"run": run, "sees_job": sees_job})
    if run.job is None or run.job.is_ended:
        # Curves and checkpoints have come: the page is read anew.
        response.headers["HX-Refresh"] = "true"
    return response
