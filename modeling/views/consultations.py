"""Pages of consultations: a dialogue with a tuned model whose answers can be read while they are written."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mammo.accounts.models import User
from mammo.core.errors import UserError, WrongStateError
from mammo.core.idempotency import once
from modeling.forms import ConsultationForm, ProtocolForm, RemarkForm, fed_campaigns
from modeling.models import Consultation, ConsultationProtocol, ConsultationTurn
from modeling.models.consultations import CONSULTING_ROLES
from modeling.services import consultations as service
from modeling.views.runs import user_of

# Between two looks at what is written; a stream that is open for longer is closed, and the page opens the next.
LOOK_SECONDS, LONGEST_STREAM_SECONDS = 0.25, 300.0
State = ConsultationTurn.State


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def consultation_list(request: HttpRequest) -> HttpResponse:
    """One's own consultations, beginning one, and the protocols under which that may be done."""
    user = user_of(request)
    sites = user.sites_as(*CONSULTING_ROLES)
    if not sites.exists():
        raise Http404
    is_protocol = request.POST.get("do") == "protocol"
    form = ConsultationForm(None if is_protocol else request.POST or None, user=user)
    protocol_form = ProtocolForm(request.POST if is_protocol else None, user=user)
    if request.method == "POST":
        made = _put_protocol(protocol_form, user) if is_protocol else _begin(form, user)
        if made:
            return redirect(made)
    rows = Consultation.objects.visible_to(user).select_related("checkpoint__run", "study", "protocol")
    context = {
        "rows": rows[:100],
        "form": form,
        "protocol_form": protocol_form,
        "protocols": ConsultationProtocol.objects.filter(site__in=sites).select_related("site"),
        "today": timezone.localdate(),
        "may_open": user.has_role("researcher", "admin"),
    }
    failed = form.errors or protocol_form.errors
    return render(request, "modeling/consultation_list.html", context, status=400 if failed else 200)


def _put_protocol(form: ProtocolForm, user: User) -> str:
    if form.is_valid():
        data = dict(form.cleaned_data)
        try:
            service.open_protocol(data.pop("site"), by_user=user, **data)
        except UserError as error:
            form.add_error(None, str(error))
        else:
            return "modeling:consultations"
    return ""


def _begin(form: ConsultationForm, user: User) -> str:
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = service.begin(
                data["protocol"], by_user=user, checkpoint=data["checkpoint"], study=data["study"]
            )
        except (UserError, WrongStateError) as error:
            form.add_error(None, str(error))
        else:
            return made.get_absolute_url()
    return ""


@login_required
@require_safe
def consultation_page(request: HttpRequest, consultation_id: uuid.UUID) -> HttpResponse:
    """One dialogue."""
    user = user_of(request)
    consultation = _own(user, consultation_id)
    turns = [
        service.settle(turn) for turn in consultation.turns.select_related("job").prefetch_related("remarks")
    ]
    context = {
        "consultation": consultation,
        "turns": turns,
        "is_waiting": any(turn.state == State.WAITING for turn in turns),
        "is_standing": consultation.protocol.is_standing(timezone.localdate()),
        "campaigns": fed_campaigns(user).filter(site=consultation.site),
    }
    response = render(request, "modeling/consultation.html", context)
    response.headers["X-Content-Origin"] = "ai-generated"
    return response


@login_required
@require_POST
@once
def ask(request: HttpRequest, consultation_id: uuid.UUID) -> HttpResponse:
    """Ask the next question."""
    user = user_of(request)
    consultation = _own(user, consultation_id)
    turn = service.ask(consultation, by_user=user, text=request.POST.get("question", ""))
    return redirect(f"{consultation.get_absolute_url()}#turn-{turn.number}")


@login_required
@require_POST
def stop(request: HttpRequest, turn_id: uuid.UUID) -> HttpResponse:
    """Stop the answer under way."""
    user = user_of(request)
    turn = _own_turn(user, turn_id)
    service.stop(turn, by_user=user)
    return redirect(turn.consultation.get_absolute_url())


@login_required
@require_POST
@once
def remark(request: HttpRequest, turn_id: uuid.UUID) -> HttpResponse:
    """Thumb and comment on an answer; with a campaign, its question goes there."""
    user = user_of(request)
    turn = _own_turn(user, turn_id)
    form = RemarkForm(request.POST, user=user)
    if not form.is_valid():
        raise UserError(_("The remark can't be taken: %(errors)s") % {"errors": form.errors.as_text()})
    made = service.remark(turn, by_user=user, **form.cleaned_data)
    messages.success(
        request, _("Noted; the question is in the campaign now.") if made.question_id else _("Noted.")
    )
    return redirect(f"{turn.consultation.get_absolute_url()}#turn-{turn.number}")


@require_safe
async def stream(request: HttpRequest, turn_id: uuid.UUID) -> HttpResponseBase:
    """The answer as server-sent events, from where the reader already is; it never starts one.

    Each event's id is the number of signs sent until then: a browser that reconnects names it (Last-Event-ID), and
    gets what follows.
    """
    user = await request.auser()
    if not isinstance(user, User):
        return redirect(f"/accounts/login/?next={request.path}")
    turn = await sync_to_async(_own_turn)(user, turn_id)
    try:
        begin = int(request.headers.get("Last-Event-ID") or request.GET.get("from") or 0)
    except ValueError:
        begin = 0
    response = StreamingHttpResponse(_events(turn, max(begin, 0)), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["X-Content-Origin"] = "ai-generated"
    return response


async def _events(turn: ConsultationTurn, sent: int) -> AsyncIterator[str]:
    until = asyncio.get_running_loop().time() + LONGEST_STREAM_SECONDS
    while asyncio.get_running_loop().time() < until:
        text, state = await sync_to_async(_look)(turn)
        if len(text) > sent:
            yield f"id: {len(text)}\nevent: text\ndata: {json.dumps(text[sent:])}\n\n"
            sent = len(text)
        if state != State.WAITING:
            yield f"event: end\ndata: {json.dumps(state)}\n\n"
            return
        await asyncio.sleep(LOOK_SECONDS)


def _look(turn: ConsultationTurn) -> tuple[str, str]:
    """What is written by now, and the turn's state: read before the text, so that no end is told too early."""
    fresh = ConsultationTurn.objects.select_related(
        "job", "consultation__study__patient", "consultation__site"
    )
    now = service.settle(fresh.get(pk=turn.pk))
    return service.text_so_far(now), now.state


def _own(user: User, consultation_id: uuid.UUID) -> Consultation:
    rows = Consultation.objects.visible_to(user)
    return get_object_or_404(
        rows.select_related("site", "protocol__site", "checkpoint__run", "study__patient"), pk=consultation_id
    )


def _own_turn(user: User, turn_id: uuid.UUID) -> ConsultationTurn:
    rows = ConsultationTurn.objects.filter(consultation__in=Consultation.objects.visible_to(user))
    related = ("consultation__site", "consultation__protocol__site", "consultation__study__patient", "job")
    return get_object_or_404(rows.select_related(*related), pk=turn_id)
