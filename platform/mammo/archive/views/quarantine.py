"""The queue of quarantined files: a data manager looks at each and decides."""

import base64
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.forms import DecisionForm
from mammo.archive.models import ImportItem
from mammo.archive.quarantine import (
    RELEASABLE,
    Look,
    ReadAgain,
    kind_of,
    look_at,
    read_again,
    refuse,
    release,
)
from mammo.archive.views.access import require_data_manager, signed_in
from mammo.core.idempotency import once, posted_key

ITEMS_PER_PAGE = 50


@login_required
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Files that wait for a decision, the oldest first."""
    user = signed_in(request)
    require_data_manager(user)
    waiting = ImportItem.objects.undecided_of(user).one_per_file().select_related("batch__site")
    page = Paginator(waiting.order_by("created_at", "pk"), ITEMS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "archive/quarantine.html", {"page": page})


@login_required
@require_safe
def item(request: HttpRequest, item_id: uuid.UUID) -> HttpResponse:
    """One quarantined file; seeing it is an audit event."""
    user = signed_in(request)
    found = get_object_or_404(_waiting(user), pk=item_id)
    look = look_at(found)
    with transaction.atomic():
        audit.record("archive.quarantine_seen", by_user=user, on=found, site=found.batch.site)
    form = DecisionForm(initial={"masks": "\n".join(", ".join(map(str, box)) for box in look.boxes)})
    return render(request, "archive/quarantine_item.html", _context(found, form, look))


@login_required
@require_POST
def decide(request: HttpRequest, item_id: uuid.UUID) -> HttpResponse:
    """Release, mask or refuse."""
    user = signed_in(request)
    posted_key(request)  # a form that is refused reads no file
    form = DecisionForm(request.POST)
    found = _waiting(user).filter(pk=item_id).first()
    if found is None or not form.is_valid() or form.cleaned_data["decision"] == ImportItem.Decision.REJECTED:
        return _decided(request, item_id, form, None)
    chosen = form.cleaned_data
    # Before the transaction of `once`: nobody else could write as long as the file is decoded.
    with read_again(
        found,
        masks=chosen["masks"] if chosen["decision"] == ImportItem.Decision.MASKED else (),
        laterality=chosen["laterality"],
        view=chosen["view"],
        is_mirrored=chosen["is_mirrored"],
        by_user=user,
    ) as read:
        return _decided(request, item_id, form, read)


@once
def _decided(
    request: HttpRequest, item_id: uuid.UUID, form: DecisionForm, read: ReadAgain | None
) -> HttpResponse:
    """Carry the decision out; a repetition is answered as the first was, whatever became of the file."""
    user = signed_in(request)
    found = get_object_or_404(_waiting(user), pk=item_id)
    if not form.is_valid():
        return render(
            request, "archive/quarantine_item.html", _context(found, form, look_at(found)), status=400
        )
    reason = form.cleaned_data["reason"]
    if read is None:
        refuse(found, reason=reason, by_user=user)
        messages.success(request, _("The file was refused and destroyed."))
        return redirect("archive:quarantine")
    made = release(found, read, reason=reason, by_user=user)
    messages.success(request, _("The file was imported as %(image)s.") % {"image": made.image})
    return redirect("archive:quarantine")


def _waiting(user: User) -> QuerySet[ImportItem]:
    return ImportItem.objects.undecided_of(user).select_related("batch__site")


def inline(png: bytes) -> str:
    """A picture as an address within its page; "" for none."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else ""


def _context(found: ImportItem, form: DecisionForm, look: Look) -> dict[str, object]:
    return {
        "item": found,
        "form": form,
        "look": look,
        # Inside the page, so that one look at the file makes all of it and nothing of it has an address.
        "picture": inline(look.png),
        "lines": [(box, inline(crop)) for box, crop in zip(look.boxes, look.crops, strict=False)],
        "details": found.details or {},
        "can_release": kind_of(found) in RELEASABLE,
    }
