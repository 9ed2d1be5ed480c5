"""Making, finding and revoking tokens. The secret leaves this module once, when the token is made."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.keys_of_accounts import StandingKey
from mammo.accounts.models import User
from mammo.api.models import ApiToken
from mammo.api.scopes import Scope
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

# Lets a scanner of leaked secrets, and a person, see what it is.
PREFIX = "mammo_"
SECRET_BYTES = 32
LONGEST_DAYS = 366
MOST_TOKENS = 20
# A token that is used every second must not write a row every second.
USE_NOTED_EVERY = timedelta(minutes=1)


def create_token(
    user: User, name: str, *, scopes: Iterable[str], days: int, by_user: User | None
) -> tuple[ApiToken, str]:
    """Make a token for an account; the second value is the secret, shown this once and kept nowhere.

    Args:
        days: until it expires, 1 to 366.
        by_user: the account itself, or None for the operator at the command line.

    Raises:
        NotAllowedError: for another account than one's own.
        UserError: no name, an unknown scope or none, a life outside the limits, or too many tokens.
    """
    if by_user is not None and by_user.pk != user.pk:
        raise NotAllowedError(_("A token is made by its own account."))
    chosen = _checked(name, scopes, days)
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if ApiToken.objects.of(user).usable().count() >= MOST_TOKENS:
            raise UserError(
                _("%(count)s tokens are in use already; revoke one first.") % {"count": MOST_TOKENS}
            )
        token = ApiToken.objects.create(
            user=user,
            name=name.strip(),
            digest=digest_of(secret),
            ending=secret[-4:],
            scopes=chosen,
            expires_at=timezone.now() + timedelta(days=days),
        )
        audit.record(
            "api.token_created",
            by_user=by_user,
            on=token,
            account=str(user.pk),
            scopes=chosen,
            expires=token.expires_at.date().isoformat(),
        )
    return token, secret


def _checked(name: str, scopes: Iterable[str], days: int) -> list[str]:
    if not name.strip() or len(name.strip()) > 80:
        raise UserError(_("name: give the token a name of up to 80 characters"))
    given = set(scopes)
    unknown = sorted(given - set(Scope.values))
    if unknown:
        raise UserError(
            _("scope %(scope)s: unknown; known: %(known)s")
            % {"scope": unknown[0], "known": ", ".join(Scope.values)}
        )
    if not given:
        raise UserError(_("scopes: none chosen; a token without a scope can do nothing"))
    if not 1 <= days <= LONGEST_DAYS:
        raise UserError(_("days: %(days)s is outside 1 to %(most)s") % {"days": days, "most": LONGEST_DAYS})
    return [scope for scope in Scope.values if scope in given]


def revoke_token(token: ApiToken, *, by_user: User | None) -> ApiToken:
    """End a token now.

    Raises:
        NotAllowedError: it is another account's.
        WrongStateError: it was revoked already.
    """
    if by_user is not None and by_user.pk != token.user_id:
        raise NotAllowedError(_("This token is not yours."))
    with transaction.atomic():
        ended = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(
            revoked_at=timezone.now()
        )
        if ended != 1:
            raise WrongStateError(_("This token was revoked already."))
        audit.record("api.token_revoked", by_user=by_user, on=token, account=str(token.user_id))
    token.refresh_from_db()
    return token


def standing(user: User) -> list[StandingKey]:
    """The account's tokens that can be used, as its administrators see them."""
    return [
        StandingKey(f"{token.name} …{token.ending}", token.scopes, token.expires_at, token.last_used_at)
        for token in ApiToken.objects.of(user)
        if token.state == "usable"
    ]


def revoke_all(user: User, by_user: User | None, reason: str) -> int:
    """End all tokens of an account, whoever does it; returns how many. Whether `by_user` may is their caller's matter."""
    with transaction.atomic():
        tokens = list(ApiToken.objects.select_for_update().of(user).filter(revoked_at__isnull=True))
        for token in tokens:
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])
        for token in tokens:  # after all rows: the trail's head is locked from the first event on
            audit.record(
                "api.token_revoked", by_user=by_user, on=token, account=str(token.user_id), because=reason
            )
    return len(tokens)


def usable_token(secret: str) -> ApiToken | None:
    """The token of this secret, its use noted; None when there is none that may be used."""
    if not secret.startswith(PREFIX):
        return None
    token = ApiToken.objects.usable().select_related("user").filter(digest=digest_of(secret)).first()
    if token is not None:
        now = timezone.now()
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
