"""Who calls: a token in the Authorization header, or the signed-in session (then with its CSRF token)."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from mammo.accounts.models import User
from mammo.api.models import ApiToken
from mammo.api.throttling import AnonymousThrottle
from mammo.api.tokens import usable_token

KEYWORD = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer mammo_…`. An unknown, an expired and a revoked token get the same answer."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's account and the token; None when the header names no token."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != KEYWORD.lower().encode():
            return None
        try:
            secret = words[1].decode("ascii") if len(words) == 2 else ""
        except UnicodeDecodeError:
            secret = ""
        token = usable_token(secret)
        if token is None:
            # Throttles come after authentication: without this, guessing would never be slowed.
            guesses = AnonymousThrottle()
            if not guesses.allow_request(request, None):  # type: ignore[arg-type]  # no view yet
                raise Throttled(guesses.wait())
            raise AuthenticationFailed(_("This token is not valid: unknown, expired or revoked."))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer to a stranger a 401."""
        return KEYWORD


class SignedInSession(SessionAuthentication):
    """The site's own session; unsafe methods need its CSRF token."""


class _TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names the token."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token made on the page of tokens."}


class _SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names the session."""

    target_class = SignedInSession
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        from django.conf import settings

        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
