"""Pages that freeze a training set and start a run."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from mammo.accounts.models import User
from mammo.core.errors import UserError, WrongStateError
from mammo.core.idempotency import once
from modeling.models import Run, Snapshot
from modeling.services import create_snapshot, start_run
from modeling.training_forms import TRAINERS, RunForm, SnapshotForm
from modeling.views.runs import user_of


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def new_snapshot(request: HttpRequest) -> HttpResponse:
    """Freeze a training set; its job's page shows how far it is."""
    user = _trainer(request)
    form = SnapshotForm(request.POST or None, user=user, initial={"site": user.sites_as(*TRAINERS).first()})
    made = _made(request, form, lambda: _frozen(form, user))
    if made is not None:
        messages.success(
            request, _("The training set is being frozen; it can be trained on when its job is done.")
        )
        return redirect("jobs:job", made.job_id)
    return _page(request, form, _("New training set"), _("Freeze"))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def new_run(request: HttpRequest) -> HttpResponse:
    """Start one training run; its page shows its curves."""
    user = _trainer(request)
    form = RunForm(request.POST or None, user=user)
    made = _made(request, form, lambda: _started(form, user))
    if made is not None:
        messages.success(request, _("The run is queued."))
        return redirect("modeling:run", made.pk)
    return _page(request, form, _("New run"), _("Start the run"))


def _made(request: HttpRequest, form: Form, make: Callable[[], Any]) -> Any:
    """What the form asks for, made; None where it is not sent or can't be, which the form then says."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        return make()
    except (UserError, WrongStateError) as error:
        form.add_error(None, str(error))
    return None


def _frozen(form: SnapshotForm, user: User) -> Snapshot:
    given = form.cleaned_data
    return create_snapshot(
        given["name"],
        site=given["site"],
        split=given["split"],
        height=given["height"],
        width=given["width"],
        campaign=given["campaign"],
        by_user=user,
    )


def _started(form: RunForm, user: User) -> Run:
    given = form.cleaned_data
    return start_run(
        given["stage"],
        by_user=user,
        snapshot=given["snapshot"],
        config=form.config(),
        starts_from=list(given["starts_from"]),
        language_model=form.language_model_folder(),
        name=given["name"],
        seed=given["seed"],
        gpus=given["gpus"],
    )


def _page(request: HttpRequest, form: Form, title: str, button: str) -> HttpResponse:
    context = {"form": form, "title": title, "button": button}
    return render(request, "modeling/start.html", context, status=400 if form.errors else 200)


def _trainer(request: HttpRequest) -> User:
    user = user_of(request)
    if not user.has_role(*TRAINERS):
        raise Http404
    return user
