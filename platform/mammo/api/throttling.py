"""How often one caller may call; the rates stand in the settings (MAMMO_API_RATES)."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from mammo.api.models import ApiToken


class _Throttle(SimpleRateThrottle):
    """Reads its rate when it is used, so that a setting can be changed."""

    scope = ""

    def get_rate(self) -> str | None:
        rate: str | None = settings.MAMMO_API_RATES[self.scope]
        return rate

    def _key(self, ident: object) -> str:
        return f"mammo-api-{self.scope}-{ident}"


class TokenThrottle(_Throttle):
    """Calls of one token."""

    scope = "token"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """None (not counted here) for a call without a token."""
        return self._key(request.auth.pk) if isinstance(request.auth, ApiToken) else None


class AccountThrottle(_Throttle):
    """Calls of one signed-in account, all its sessions together."""

    scope = "account"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """None for a call with a token, and for a stranger."""
        if request.auth is not None or not request.user.is_authenticated:
            return None
        return self._key(request.user.pk)


class AnonymousThrottle(_Throttle):
    """Calls of strangers, by address."""

    scope = "anonymous"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """None for whoever is known; a guess of a token (`view` is None) counts as a stranger's."""
        if view is not None and request.user.is_authenticated:
            return None
        return self._key(self.get_ident(request))
