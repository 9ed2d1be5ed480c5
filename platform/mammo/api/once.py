"""A POST counts once: a retry after a lost answer is answered with the rows of the first one."""

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import models, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from rest_framework.request import Request

from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.idempotency import HEADER
from mammo.core.models import IdempotentPost

Row = TypeVar("Row", bound=models.Model)
# IdempotentPost.location holds what the first call made: the prefix keeps it apart from a page's redirect.
ROWS = "api-rows:"


def rows_made_once(
    request: Request, act: Callable[[], Sequence[Row]], rows: models.QuerySet[Row]
) -> list[Row]:
    """Run `act` for the first call of this (account, Idempotency-Key); find its rows again for a repetition.

    The key's row stands exactly when the rows of `act` stand: an error frees the key.

    Args:
        act: makes rows and returns them.
        rows: where a repetition looks for them, as this account sees them.

    Raises:
        UserError: the header is missing or no UUID.
        WrongStateError: the key came before with other contents.
    """
    if not isinstance(request.user, User):
        raise NotAllowedError(_("sign in first"))
    key, fingerprint = _key(request), _fingerprint(request)
    with transaction.atomic():
        post, is_first = IdempotentPost.objects.get_or_create(
            user=request.user, key=key, defaults={"view": ROWS, "fingerprint": fingerprint}
        )
        if not is_first:
            return _made_before(post, fingerprint, rows)
        made = list(act())
        post.status = 201
        post.location = ROWS + ",".join(str(row.pk) for row in made)
        post.save(update_fields=["status", "location"])
    return made


def _made_before(post: IdempotentPost, fingerprint: str, rows: models.QuerySet[Row]) -> list[Row]:
    if post.view != ROWS or post.fingerprint != fingerprint:
        raise WrongStateError(
            _("This Idempotency-Key came before with other contents, which were saved. Use a new one.")
        )
    ids = [name for name in post.location.removeprefix(ROWS).split(",") if name]
    found = {str(row.pk): row for row in rows.filter(pk__in=ids)}
    return [found[name] for name in ids if name in found]


def _key(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.headers.get(HEADER, ""))
    except ValueError:
        raise UserError(_("Idempotency-Key: missing or not a UUID; make a new one for each change")) from None


def _fingerprint(request: Request) -> str:
    """Keyed hash of address and contents (a plain hash of a short text could be guessed)."""
    body: Any = request.data
    contents = json.dumps([request.path, body], sort_keys=True, ensure_ascii=False, default=str)
    return salted_hmac("mammo.api.once", contents, algorithm="sha256").hexdigest()
