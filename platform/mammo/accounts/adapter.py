"""Accounts are made by an administrator; nobody signs up. Secrets of second factors are encrypted at rest."""

import base64
import os
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.utils import get_next_redirect_url
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from mammo.core.keys import NONCE_BYTES, derived_secret

ISSUER = "MammoVLM"
# Where a room sends an account first after signing in; "" for nowhere.
_FIRST_STOPS: list[Callable[[HttpRequest], str]] = []


def register_first_stop(find: Callable[[HttpRequest], str]) -> None:
    """Called from AppConfig.ready by a room that has something to ask at sign-in."""
    _FIRST_STOPS.append(find)


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Sign-up is closed; signing in counts as having confirmed oneself for the next five minutes."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Always closed."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        """Count no passwords: axes does (`mammo.accounts.lockout`).

        allauth's count goes by the name alone, so that anybody could lock a doctor out, from anywhere.
        """

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Where signing in leads when the person was on no way: a room's first stop, or home."""
        stops = (find(request) for find in _FIRST_STOPS)
        return next((stop for stop in stops if stop), "") or str(super().get_login_redirect_url(request))

    def post_login(self, request: HttpRequest, user: Any, **how: Any) -> HttpResponse:
        """Lead on to where the person was on the way to; home, where every way in begins, is no way of one's own."""
        on_the_way_to = how.get("redirect_url") or get_next_redirect_url(request)
        if not on_the_way_to or urlsplit(on_the_way_to).path == reverse("home"):
            how["redirect_url"] = self.get_login_redirect_url(request)
        return cast(HttpResponse, super().post_login(request, user, **how))

    def is_reauthentication_required(self, *, app: str, **kwargs: object) -> bool:
        """Not for whoever typed their password (and code) a moment ago."""
        records = context.request.session.get(AUTHENTICATION_METHODS_SESSION_KEY) or []
        last = max((float(record["at"]) for record in records), default=0.0)
        return time.time() - last > float(account_settings.REAUTHENTICATION_TIMEOUT)


class SealedMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Keeps authenticator secrets under a key that is derived from the installation's master key."""

    def get_totp_issuer(self) -> str:
        """The name an authenticator app shows."""
        return ISSUER

    def encrypt(self, text: str) -> str:
        """Return base64 of nonce and AES-256-GCM ciphertext."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(derived_secret("accounts.authenticators")).encrypt(nonce, text.encode(), None)
        return base64.b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Reverse of `encrypt`."""
        raw = base64.b64decode(encrypted_text)
        cipher = AESGCM(derived_secret("accounts.authenticators"))
        return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
