"""A code of an authenticator app opens once, whichever process is asked and however soon (RFC 6238, 5.2).

allauth remembers a used code for one half minute, in the cache; with MFA_TOTP_TOLERANCE a code is good for three of
them, and the cache is by default one process's own. So the count of half minutes of the newest code used stands in
the authenticator's own row: a code of that count, or of an earlier one, is refused for good.

Wrong codes are counted in the audit trail, in which each of them stands: allauth's own count is in the cache too, so
that each web process would allow as many again.

The forms are named by MFA_FORMS: the one place which allauth offers between a typed code and a sign-in. Its adapter
has none, and its class of the authenticator can only be replaced behind its back.
"""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from mammo.accounts.models import AuditEvent, User

NEWEST_USED = "newest_used_count"
WRONG = "accounts.second_factor_failed"
MOST_WRONG, WITHIN = 10, timedelta(minutes=5)


def is_used_up(user: User, code: str) -> bool:
    """Use `code` of the account's app; whether it, or a newer one, was used before.

    False for what is no code of the app at this time: allauth judges that.
    """
    with transaction.atomic():
        apps = Authenticator.objects.select_for_update().filter(user_id=user.pk, type=Authenticator.Type.TOTP)
        app = apps.first()
        count = _count_of(app, code) if app is not None else None
        if app is None or count is None:
            return False
        if count <= app.data.get(NEWEST_USED, -1):
            return True
        app.data[NEWEST_USED] = count
        app.save(update_fields=["data"])
        return False


def _count_of(app: Authenticator, code: str) -> int | None:
    """The half minute, counted from 1970, whose code this is; None: of none that is accepted now."""
    secret = decrypt(app.data["secret"])
    counts = [
        count
        for count in yield_hotp_counters_from_time()
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, count)))
    ]
    return max(counts, default=None)


def is_guessed(user: User) -> bool:
    """Whether so many wrong codes were given for the account of late that no code opens it for a while."""
    wrong = AuditEvent.objects.filter(actor=user, action=WRONG, at__gt=timezone.now() - WITHIN)
    return wrong.exclude(details__kind=Authenticator.Type.WEBAUTHN).count() >= MOST_WRONG


class _SingleUse:
    """Turns a used code into a wrong one before allauth looks at it: counted, said and put on record as such."""

    user: User
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        """The code, if it opens."""
        with transaction.atomic():
            # Codes that are tried at once wait for each other, or all would be looked at before the first counts.
            # No key of the row changes: what refers to the account goes on meanwhile.
            User.objects.select_for_update(no_key=True).get(pk=self.user.pk)
            if is_guessed(self.user):
                raise get_adapter().validation_error("too_many_login_attempts")
            if is_used_up(self.user, self.cleaned_data["code"]):
                self.cleaned_data["code"] = ""
            try:
                return str(super().clean_code())  # type: ignore[misc]  # of the form beside it
            except ValidationError as error:
                wrong = error
        raise wrong  # outside: what was put on record stands


class SingleUseAuthenticateForm(_SingleUse, AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The second step of a sign-in."""


class SingleUseReauthenticateForm(_SingleUse, ReauthenticateForm):  # type: ignore[misc]
    """The second factor, shown once more within a session."""
