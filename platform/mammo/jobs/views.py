"""Pages of jobs: what runs, how far it is, its log; cancelling and trying again."""

import uuid
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError
from mammo.core.idempotency import once
from mammo.jobs import endings, reaper, services
from mammo.jobs.logs import read_log
from mammo.jobs.models import ACTIVE, JOB_ROLES, Ending, Job, JobState
from mammo.jobs.waiting import outlook_of, waits_of

JOBS_PER_PAGE = 50
LOG_LINES = 200
# What the list can be narrowed to: the key in the address -> states.
CHOICES: dict[str, tuple[str, ...]] = {
    "unfinished": (JobState.QUEUED, *ACTIVE),
    "failed": (JobState.FAILED,),
    "succeeded": (JobState.SUCCEEDED,),
    "cancelled": (JobState.CANCELLED,),
}


@login_required
@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """Jobs of the account's sites, newest first; refreshed every two seconds while one is unfinished."""
    user = cast(User, request.user)
    if not user.has_role(*JOB_ROLES):
        raise NotAllowedError(_("This account sees no jobs."))
    jobs = Job.objects.visible_to(user)
    chosen = request.GET.get("state", "")
    listed = jobs.in_states(*CHOICES.get(chosen, ())).select_related("site", "by_user")
    is_unfinished = jobs.unfinished().exists()
    page = Paginator(listed, JOBS_PER_PAGE).get_page(request.GET.get("page"))
    now = timezone.now()
    waits = waits_of(page.object_list, user=user, now=now)
    for job in page.object_list:
        job.waits_for = waits.get(str(job.pk))  # type: ignore[attr-defined]
        left = job.seconds_left(now)
        job.minutes_left = None if left is None else max(round(left / 60), 1)  # type: ignore[attr-defined]
    context = {
        "page": page,
        "choices": _choices(),
        "chosen": chosen if chosen in CHOICES else "",
        "is_unfinished": is_unfinished,
        "is_silent": is_unfinished and reaper.is_silent(),
    }
    return render(request, "jobs/_job_rows.html" if _asks_for_news(request) else "jobs/list.html", context)


@login_required
@require_safe
def job_page(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """State, progress and log of one job; asked for again every two seconds until it has ended."""
    user = cast(User, request.user)
    job = _visible_job(user, job_id)
    context = {
        "job": job,
        "outlook": outlook_of(job, user=user, now=timezone.now()),
        "sees_list": user.has_role(*JOB_ROLES),
        "log": read_log(job, by_user=user, lines=LOG_LINES) if job.log_is_readable_by(user) else None,
        "measures": job.said(
            {k: v for k, v in job.progress.items() if k not in ("done", "total", "message")}
        ),
        "result": job.said(job.result),
        "is_new": Ending.objects.unseen_by(user).filter(job=job).exists(),
    }
    return render(request, "jobs/_job.html" if _asks_for_news(request) else "jobs/job.html", context)


@login_required
@require_POST
@once
def cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Cancel a job and go back to its page."""
    job = _visible_job(cast(User, request.user), job_id)
    services.cancel(job, by_user=cast(User, request.user))
    return redirect("jobs:job", job_id)


@login_required
@require_POST
@once
def retry(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Queue a failed or cancelled job again and go back to its page."""
    job = _visible_job(cast(User, request.user), job_id)
    services.retry(job, by_user=cast(User, request.user))
    return redirect("jobs:job", job_id)


@login_required
@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """The person has seen the end of one of their jobs (`job`, sent by its page), or of all of them."""
    user, job_id = cast(User, request.user), request.POST.get("job", "")
    endings.mark_seen(by_user=user, job=_visible_job(user, _id_of(job_id)) if job_id else None)
    return HttpResponse(status=200 if _asks_for_news(request) else 204)


def _id_of(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Http404 from None


def _choices() -> list[dict[str, str]]:
    labels = {
        "": _("All"),
        "unfinished": _("Unfinished"),
        "failed": _("Failed"),
        "succeeded": _("Done"),
        "cancelled": _("Cancelled"),
    }
    return [{"key": key, "label": label} for key, label in labels.items()]


def _visible_job(user: User, job_id: uuid.UUID) -> Job:
    rows = Job.objects.visible_to(user).select_related("site", "by_user", "cancel_requested_by")
    return get_object_or_404(rows, pk=job_id)


def _asks_for_news(request: HttpRequest) -> bool:
    """Whether htmx asks for the changing part alone."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.history_restore_request
