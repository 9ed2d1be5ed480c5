"""Upload of files and archives from a browser, in pieces: a broken connection goes on where it ended."""

import uuid
from functools import partial
from urllib.parse import unquote

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive import inbox
from mammo.archive.models import ImportBatch
from mammo.archive.received_job import import_soon
from mammo.archive.views.access import require_data_manager, signed_in
from mammo.core.digits import number_in
from mammo.core.errors import UserError

# The browser sends pieces of this size; a longer one is refused.
PIECE_BYTES = 4 << 20
LONGEST_NAME = 300
MOST_DIGITS_OF_BYTES = 15


@login_required
@require_safe
def upload(request: HttpRequest) -> HttpResponse:
    """The page that sends files."""
    user = signed_in(request)
    require_data_manager(user)
    context = {"sites": user.sites_as("data_manager").order_by("code"), "piece_bytes": PIECE_BYTES}
    return render(request, "archive/upload.html", context)


@login_required
@require_http_methods(["GET", "PUT"])
def piece(request: HttpRequest, number: uuid.UUID) -> HttpResponse:
    """How much of an upload is here (GET); keep its next piece (PUT, `?site=&offset=`).

    The file's name, which may name a patient, comes percent-encoded in the header X-File-Name: addresses are logged.
    """
    user = signed_in(request)
    sent = _upload(request, user, number)
    if request.method == "GET":
        return JsonResponse({"received": sent.received})
    offset = number_in(request.GET.get("offset", ""), MOST_DIGITS_OF_BYTES)
    name = unquote(request.headers.get("X-File-Name", ""))
    if offset is None or not name or len(name) > LONGEST_NAME:
        return JsonResponse({"message": "offset, X-File-Name"}, status=400)
    length = number_in(request.headers.get("Content-Length") or "0", MOST_DIGITS_OF_BYTES)
    if length is None or length > PIECE_BYTES:
        return JsonResponse({"message": f"at most {PIECE_BYTES} bytes in one piece"}, status=413)
    try:
        received = sent.append(
            request.read(PIECE_BYTES + 1)[:PIECE_BYTES],
            offset=offset,
            name=name,
            origin=ImportBatch.Origin.UPLOAD,
        )
    except inbox.InboxFullError as error:
        return JsonResponse({"message": str(error)}, status=503)
    return JsonResponse({"received": received})


@login_required
@require_POST
def finish(request: HttpRequest, number: uuid.UUID) -> HttpResponse:
    """Hand a whole upload to the import (`?site=&size=&batch=`); doing it twice changes nothing."""
    user = signed_in(request)
    sent = _upload(request, user, number)
    try:
        size = number_in(request.GET.get("size", ""), MOST_DIGITS_OF_BYTES)
        batch_id = uuid.UUID(request.GET.get("batch", ""))
    except ValueError:
        size = None
    if size is None:
        return JsonResponse({"message": "size, batch"}, status=400)
    if ImportBatch.objects.filter(pk=batch_id).exclude(site=sent.site, by_user=user).exists():
        return JsonResponse({"message": "batch"}, status=409)
    if not sent.is_handed_over:
        try:
            sent.finish(size=size, batch_id=batch_id)
        except UserError as error:
            return JsonResponse({"message": str(error), "received": sent.received}, status=409)
    with transaction.atomic():
        audit.record("archive.uploaded", by_user=user, site=sent.site, bytes=size)
        transaction.on_commit(partial(import_soon, sent.site, by_user=user))
    return JsonResponse({"received": size, "batch": str(batch_id)})


def _upload(request: HttpRequest, user: User, number: uuid.UUID) -> inbox.Upload:
    sites = user.sites_as("data_manager")
    site: Site = get_object_or_404(sites, code=request.GET.get("site", ""))
    return inbox.Upload(site, number, by=str(user.pk))
