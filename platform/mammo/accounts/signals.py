"""What happens around signing in: audit events, the session's clocks, the mark of the second factor."""

from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
    authenticator_used,
)
from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from mammo.accounts import audit, second_factor, session_limits
from mammo.accounts.models import User
from mammo.accounts.single_use import WRONG, is_used_up


@receiver(user_logged_in)
def _signed_in(sender: Any, user: User, request: HttpRequest, **kwargs: Any) -> None:
    session_limits.begin(request, user)
    shown = second_factor.kind_shown(request, user)
    audit.record("accounts.signed_in", by_user=user, on=user, second_factor=shown)


@receiver(user_logged_out)
def _signed_out(sender: Any, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        audit.record("accounts.signed_out", by_user=user, on=user)


@receiver(user_login_failed)
def _sign_in_failed(sender: Any, **kwargs: Any) -> None:
    # The name that was typed may be a password typed into the wrong field: it is not kept.
    audit.record("accounts.sign_in_failed", by_user=None)


@receiver(user_locked_out)
def _locked_out(sender: Any, **kwargs: Any) -> None:
    audit.record("accounts.locked_out", by_user=None)


@receiver(password_changed)
def _password_changed(sender: Any, user: User, **kwargs: Any) -> None:
    if user.must_change_password:
        user.must_change_password = False
        user.save(update_fields=["must_change_password"])
    audit.record("accounts.password_changed", by_user=user, on=user)


@receiver(authenticator_used)
def _factor_shown(sender: Any, request: HttpRequest, user: User, authenticator: Any, **kwargs: Any) -> None:
    second_factor.mark(request, user, authenticator.type)


@receiver(authentication_failed)
def _factor_wrong(sender: Any, user: User, authenticator: Any, **kwargs: Any) -> None:
    audit.record(WRONG, by_user=user, on=user, kind=authenticator.type)


@receiver(authenticator_added)
def _factor_added(sender: Any, request: HttpRequest, user: User, authenticator: Any, **kwargs: Any) -> None:
    audit.record("accounts.second_factor_added", by_user=user, on=user, kind=authenticator.type)
    if authenticator.type == authenticator.Type.TOTP:
        is_used_up(user, request.POST.get("code", ""))  # the code that set the app up has opened as well
    if authenticator.type != authenticator.Type.RECOVERY_CODES:
        second_factor.mark(request, user, authenticator.type)


@receiver(authenticator_reset)
def _factor_reset(sender: Any, user: User, authenticator: Any, **kwargs: Any) -> None:
    audit.record("accounts.second_factor_reset", by_user=user, on=user, kind=authenticator.type)


@receiver(authenticator_removed)
def _factor_removed(sender: Any, request: HttpRequest, user: User, authenticator: Any, **kwargs: Any) -> None:
    audit.record("accounts.second_factor_removed", by_user=user, on=user, kind=authenticator.type)
    if not type(authenticator).objects.filter(user_id=user.pk).exists():
        second_factor.unmark(request)
