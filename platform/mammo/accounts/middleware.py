"""Between signing in and the pages: session limits, the second factor, a password that another person knows."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from mammo.accounts import audit, second_factor, session_limits
from mammo.accounts.models import User

GetResponse = Callable[[HttpRequest], HttpResponse]

# What an account that has yet to show its second factor reaches: ways out, and ways to show it.
ALWAYS = frozenset(
    {"account_login", "account_logout", "accounts:session", "account_reauthenticate", "set_language", "about"}
)
TO_SHOW_IT = frozenset({"mfa_reauthenticate", "mfa_reauthenticate_webauthn"})
TO_CHANGE_IT = frozenset({"account_change_password"})
TO_SET_IT_UP = frozenset({"mfa_index", "mfa_activate_totp", "mfa_list_webauthn", "mfa_add_webauthn"})


class SessionLimitsMiddleware:
    """Ends a session that nobody used for a while, or that is older than a working day."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User):
            over = session_limits.ended(request)
            if over is None and not _is_of_this_account(request, request.user):
                return JsonResponse({"detail": _("This page belongs to another account.")}, status=403)
            if over is None:
                session_limits.note_activity(request)
            else:
                audit.record("accounts.session_ended", by_user=request.user, on=request.user, why=over.reason)
                request.session.flush()
                request.user = AnonymousUser()
        return self.get_response(request)


class SecondFactorMiddleware:
    """Holds an account whose role demands a second factor on the pages where it is shown or set up."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Answer instead of the view while the factor is missing."""
        user = request.user
        if not isinstance(user, User) or second_factor.kind_shown(request, user):
            return None
        if not second_factor.is_required_for(user):
            return None
        has_one = _has_authenticator(user)
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in ALWAYS or name in (TO_SHOW_IT if has_one else TO_SET_IT_UP):
            return None
        if _wants_data(request):
            return JsonResponse({"detail": _("Show your second factor first.")}, status=403)
        target = reverse("mfa_reauthenticate" if has_one else "mfa_index")
        return redirect(f"{target}?{urlencode({'next': request.get_full_path()})}" if has_one else target)


class GivenPasswordMiddleware:
    """Leads an account whose password an administrator gave to the page where its owner chooses another."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Answer instead of the view until the password is changed."""
        user = request.user
        if not isinstance(user, User) or not user.must_change_password:
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in ALWAYS | TO_SHOW_IT | TO_SET_IT_UP | TO_CHANGE_IT:
            return None
        if _wants_data(request):
            return JsonResponse({"detail": _("Change the password that you were given first.")}, status=403)
        messages.info(request, _("Choose a password that only you know."))
        return redirect("account_change_password")


def _is_of_this_account(request: HttpRequest, user: User) -> bool:
    """Whether the page that asks was opened by this account: on a shared machine another may have signed in since."""
    return request.headers.get("X-Account", str(user.pk)) == str(user.pk)


def _has_authenticator(user: User) -> bool:
    from allauth.mfa.models import Authenticator

    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=kinds).exists())


def _wants_data(request: HttpRequest) -> bool:
    """A request that no page stands behind: it is refused, not led on to a form."""
    return bool(request.headers.get("HX-Request")) or request.path.startswith("/api/")
