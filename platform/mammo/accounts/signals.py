"""Sign-in and sign-out are audit events."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from mammo.accounts import audit
from mammo.accounts.models import User


@receiver(user_logged_in)
def _signed_in(sender: Any, user: User, **kwargs: Any) -> None:
    audit.record("accounts.signed_in", by_user=user, on=user)


@receiver(user_logged_out)
def _signed_out(sender: Any, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        audit.record("accounts.signed_out", by_user=user, on=user)


@receiver(user_login_failed)
def _sign_in_failed(sender: Any, **kwargs: Any) -> None:
    # The name that was typed may be a password typed into the wrong field: it is not kept.
    audit.record("accounts.sign_in_failed", by_user=None)
