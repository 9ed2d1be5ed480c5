"""Systems that may send: made, checked and revoked. Their token is shown once and kept only as a hash."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets

from django.db import transaction
from django.utils import timezone

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import SendingSystem
from mammo.core.errors import UserError

_AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def check_ae_title(title: str) -> str:
    """An AE title as PS3.5 6.2 wants it.

    Raises:
        UserError: longer than 16 characters, empty, or with a backslash or control character.
    """
    if not _AE_TITLE.fullmatch(title):
        raise UserError(f"AE title {title!r}: 1 to 16 printable characters without backslash")
    return title


def add_sending_system(
    name: str, *, site: Site, ae_title: str = "", by_user: User | None
) -> tuple[SendingSystem, str]:
    """Make a system that may send to `site`; returns it and its token, which nobody can read again.

    Raises:
        UserError: the name is taken or malformed.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"name {name!r}: lower-case letters, digits, - and _, 40 at most")
    if ae_title:
        check_ae_title(ae_title)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        if SendingSystem.objects.filter(name=name).exists():
            raise UserError(f"a sending system {name!r} exists already; revoke it or choose another name")
        system = SendingSystem.objects.create(
            site=site, name=name, ae_title=ae_title, token_sha256=_hash(token), by_user=by_user
        )
        audit.record("archive.sending_system_added", by_user=by_user, on=system, site=site)
    return system, token


def revoke_sending_system(name: str, *, by_user: User | None) -> SendingSystem:
    """Let a system send no more.

    Raises:
        UserError: no such system sends.
    """
    with transaction.atomic():
        system = SendingSystem.objects.active().filter(name=name).select_for_update().first()
        if system is None:
            raise UserError(f"no sending system {name!r}")
        system.revoked_at = timezone.now()
        system.save(update_fields=["revoked_at"])
        audit.record("archive.sending_system_revoked", by_user=by_user, on=system, site=system.site)
    return system


def system_of_request(authorization: str) -> SendingSystem | None:
    """The system that an Authorization header names: `Bearer TOKEN`, or Basic with its name and token."""
    scheme, _, given = authorization.partition(" ")
    name, token = "", given.strip()
    if scheme.lower() == "basic":
        try:
            name, _, token = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
    elif scheme.lower() != "bearer":
        return None
    hashed = _hash(token)
    found = SendingSystem.objects.active().filter(token_sha256=hashed).select_related("site").first()
    if found is None or not hmac.compare_digest(found.token_sha256, hashed) or name not in ("", found.name):
        return None
    SendingSystem.objects.filter(pk=found.pk).update(last_used_at=timezone.now())
    return found


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
