"""Whether a session still stands, and the auditor's page of the trail."""

from datetime import date, datetime, time
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts import audit, second_factor, session_limits
from mammo.accounts.audit_anchors import anchors_of, unmet
from mammo.accounts.models import AuditEvent, AuditHead, User
from mammo.core.errors import UserError
from mammo.core.jsonlines import parsed_jsonlines

EVENTS_PER_PAGE = 100
LARGEST_ANCHORS = 10 << 20
MOST_PROBLEMS = 200
FILTERS = ("action", "actor", "object", "site", "since", "until")


@require_safe
def session(request: HttpRequest) -> JsonResponse:
    """Say whose session it is and for how many seconds; 401 where it is over.

    Asked by an open page before it sends what was typed, and when the end comes near.
    """
    user = request.user
    if not isinstance(user, User):
        return JsonResponse({"account": ""}, status=401)
    if second_factor.is_required_for(user) and not second_factor.kind_shown(request, user):
        return JsonResponse({"account": ""}, status=401)
    return JsonResponse({"account": str(user.pk), "seconds_left": session_limits.seconds_left(request)})


@login_required
@require_safe
def audit_trail(request: HttpRequest) -> HttpResponse:
    """The trail of the account's sites, newest first, narrowed by who, what, which object, when."""
    user = _auditor(request)
    chosen = {name: request.GET.get(name, "").strip() for name in FILTERS}
    events = AuditEvent.objects.visible_to(user).narrowed(
        action=chosen["action"],
        actor=chosen["actor"],
        about=chosen["object"],
        site=chosen["site"],
        since=_moment(chosen["since"], "since", time.min),
        until=_moment(chosen["until"], "until", time.max),
    )
    before = request.GET.get("before", "")
    if before:
        events = events.filter(sequence__lt=_sequence(before))
    rows = list(events.select_related("actor", "site").order_by("-sequence")[: EVENTS_PER_PAGE + 1])
    more = len(rows) > EVENTS_PER_PAGE
    rows = rows[:EVENTS_PER_PAGE]
    kept = {name: value for name, value in chosen.items() if value}
    context = {
        "events": rows,
        "chosen": chosen,
        "sites": user.sites_as("auditor", "admin").order_by("code"),
        "older": "?" + urlencode({**kept, "before": rows[-1].sequence}) if more else "",
        "newest": "?" + urlencode(kept) if before else "",
        "head": AuditHead.objects.filter(pk=1).first(),
    }
    return render(request, "accounts/audit.html", context)


@login_required
@require_POST
def verify_trail(request: HttpRequest) -> HttpResponse:
    """Walk the whole chain, also against heads noted in a file outside the database; changes nothing."""
    _auditor(request)
    upload = request.FILES.get("anchors")
    anchors = []
    if upload is not None:
        name = upload.name or "anchors"
        if (upload.size or 0) > LARGEST_ANCHORS:
            raise UserError(_("%(file)s: larger than a file of anchors can be") % {"file": name})
        try:
            text = upload.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UserError(
                _("%(file)s: not a text; give a file that `audit anchor` wrote") % {"file": name}
            ) from None
        anchors = anchors_of(parsed_jsonlines(text.splitlines(), name), name)
    found = audit.verify()
    context = {
        "found": found,
        "anchors": len(anchors),
        "problems": (found.problems + unmet(anchors))[:MOST_PROBLEMS],
    }
    return render(request, "accounts/audit_verified.html", context)


def _auditor(request: HttpRequest) -> User:
    user = request.user
    if not isinstance(user, User) or not user.has_role("auditor", "admin"):
        raise Http404
    return user


def _moment(text: str, field: str, at: time) -> datetime | None:
    if not text:
        return None
    try:
        day: date | None = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise UserError(_("%(field)s: give a day as 2026-11-23") % {"field": field})
    return timezone.make_aware(datetime.combine(day, at))


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise UserError(_("before: give the number of an event"))
    return int(text)
