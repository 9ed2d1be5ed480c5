"""The second factor: who must show one, and whether this session was opened with one.

A session carries a mark when an authenticator was used (or added) in it. Data managers, researchers,
administrators and superusers reach nothing without the mark; for everybody else a second factor is a choice.
The demo's own accounts are the one exemption: their passwords stand on its sign-in page
(docs/decisions/0008-sign-in.md).
"""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from mammo.accounts.models import User

MARK = "mammo_second_factor"


def is_required_for(user: User | AnonymousUser) -> bool:
    """Whether this account may do nothing before it has shown a second factor."""
    if not isinstance(user, User) or (settings.MAMMO_DEMO and user.is_simulated):
        return False
    return user.is_superuser or bool(user.roles & set(settings.MAMMO_SECOND_FACTOR_ROLES))


def mark(request: HttpRequest, user: User, kind: str) -> None:
    """Note in the session that `user` has shown a factor of this kind (totp, webauthn, recovery_codes)."""
    request.session[MARK] = {"user": str(user.pk), "kind": kind}


def unmark(request: HttpRequest) -> None:
    """Take the mark away: the account has no authenticator any more."""
    request.session.pop(MARK, None)


def kind_shown(request: HttpRequest, user: User) -> str:
    """The kind of second factor that `user` has shown in this very session; empty for none."""
    found = request.session.get(MARK) or {}
    return str(found.get("kind", "")) if found.get("user") == str(user.pk) else ""
