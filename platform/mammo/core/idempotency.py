"""Creating POSTs count once: a double click, a retry or a lost answer makes one row and gives one answer.

The form carries `{% idempotency_key %}` (templatetags `idempotency`), the view carries `@once`:

    @login_required
    @require_POST
    @once
    def create(request: HttpRequest) -> HttpResponse: ...

The key's row is written in the very transaction of the view, so it stands exactly when the view's rows
stand: a second request waits for the first one, then is answered as the first was (its redirect); after an
error or a 4xx answer nothing stands, and the same form can be sent again.
"""

import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.models import IdempotentPost

FIELD = "idempotency_key"
HEADER = "Idempotency-Key"
KEPT = timedelta(days=30)
# Counted by the page on its own: a repetition carries a later count of the same contents.
PAGE_COUNTERS = frozenset({"active_seconds"})
LOCATION_HEADERS = ("Location", "HX-Redirect", "HX-Location")

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]


def posted_key(request: HttpRequest) -> uuid.UUID:
    """Return the key of this POST: the hidden field `idempotency_key`, or the header `Idempotency-Key`.

    Raises:
        UserError: it is missing or not a UUID.
    """
    given = request.POST.get(FIELD) or request.headers.get(HEADER) or ""
    try:
        return uuid.UUID(given)
    except ValueError:
        raise UserError(
            _("idempotency_key: missing or not a UUID; open the page again and send the form")
        ) from None


def once(view: View[Arguments]) -> View[Arguments]:
    """Run a creating POST once per (account, key), inside one transaction; other methods pass through.

    A repetition is answered with the first answer's status and redirect; a first answer without a redirect
    (a piece of a page) is repeated as 204, which leaves the page as it is (`once_with` shows the piece). An answer
    from 400 on rolls back what the view wrote and frees the key.

    Raises:
        WrongStateError: the key came before with other contents; nothing is lost silently.
    """
    return _once(view, None)


def once_with(again: View[Arguments]) -> Callable[[View[Arguments]], View[Arguments]]:
    """As `once`, for a view that answers with a piece of a page: who did not hear the first answer is shown it.

    Args:
        again: answers a repetition with the piece as it now stands; writes nothing.
    """
    return lambda view: _once(view, again)


def _once(view: View[Arguments], again: View[Arguments] | None) -> View[Arguments]:
    @wraps(view)
    def wrapper(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        if not request.user.is_authenticated:
            raise NotAllowedError(_("sign in first"))
        key, view_name, fingerprint = posted_key(request), _view_name(request), _fingerprint(request)
        with transaction.atomic():
            # Two requests at once: the second waits here, on the unique constraint or on SQLite's write lock.
            post, is_first = IdempotentPost.objects.get_or_create(
                user=request.user, key=key, defaults={"view": view_name, "fingerprint": fingerprint}
            )
            if not is_first:
                repeated = _repeat(post, view_name, fingerprint)
                return repeated if again is None else again(request, *args, **kwargs)
            response = view(request, *args, **kwargs)
            if response.status_code >= 400:
                transaction.set_rollback(True)
                return response
            post.status, post.location = response.status_code, _location(response)
            post.save(update_fields=["status", "location"])
        return response

    return wrapper


def forget_old(*, now: Any = None) -> int:
    """Delete keys that are older than `KEPT`; return how many."""
    return IdempotentPost.objects.filter(created_at__lt=(now or timezone.now()) - KEPT).delete()[0]


def _repeat(post: IdempotentPost, view_name: str, fingerprint: str) -> HttpResponse:
    if post.view != view_name or post.fingerprint != fingerprint:
        raise WrongStateError(
            _("This form was sent before with other contents, which were saved. Open the page again.")
        )
    status = post.status or 204
    if not post.location:
        return HttpResponse(status=204)
    name, _separator, location = post.location.partition(":")
    response = HttpResponse(status=status)
    response.headers[name] = location
    return response


def _location(response: HttpResponse) -> str:
    for name in LOCATION_HEADERS:
        if name in response.headers:
            return f"{name}:{response.headers[name]}"
    return ""


def _view_name(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.view_name[:120] if match is not None and match.view_name else ""


def _fingerprint(request: HttpRequest) -> str:
    """Keyed hash of address and contents (a plain hash of a short text could be guessed)."""
    left_out = {"csrfmiddlewaretoken", FIELD, *PAGE_COUNTERS}
    fields = sorted((name, tuple(values)) for name, values in request.POST.lists() if name not in left_out)
    files = sorted((name, file.name, _digest(file)) for name, many in request.FILES.lists() for file in many)
    contents = repr((request.get_full_path(), fields, files))
    return salted_hmac("mammo.core.idempotency", contents, algorithm="sha256").hexdigest()


def _digest(file: "UploadedFile[bytes]") -> str:
    """SHA-256 of an upload's bytes: a corrected file may have the name and the size of the one before."""
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()
