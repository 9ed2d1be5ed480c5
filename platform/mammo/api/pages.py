"""Pages of the interface: one's tokens, and the documentation of every operation."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mammo.accounts.models import User
from mammo.api.forms import NewTokenForm
from mammo.api.models import ApiToken
from mammo.api.tokens import create_token, revoke_token
from mammo.core.errors import UserError
from mammo.core.idempotency import once


def _user(request: HttpRequest) -> User:
    """The signed-in account (the views are behind `login_required`)."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


@login_required
@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    """The account's tokens: what each may do, when it was last used, when it ends."""
    return render(request, "api/tokens.html", {"tokens": ApiToken.objects.of(_user(request))})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def new_token(request: HttpRequest) -> HttpResponse:
    """Make a token. Its secret stands in this one answer and nowhere else: a repeated POST shows it no more."""
    user = _user(request)
    form = NewTokenForm(request.POST or None, user=user)
    if request.method != "POST" or not form.is_valid():
        return render(request, "api/new_token.html", {"form": form}, status=400 if form.errors else 200)
    try:
        token, secret = create_token(
            user,
            form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            days=form.cleaned_data["days"],
            by_user=user,
        )
    except UserError as error:
        form.add_error(None, str(error))
        return render(request, "api/new_token.html", {"form": form}, status=400)
    return render(request, "api/token_made.html", {"token": token, "secret": secret})


@login_required
@require_POST
@once
def revoke(request: HttpRequest, token_id: uuid.UUID) -> HttpResponse:
    """End a token now."""
    token = get_object_or_404(ApiToken.objects.of(_user(request)), pk=token_id)
    revoke_token(token, by_user=_user(request))
    messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("api:tokens")


@login_required
@require_safe
def documentation(request: HttpRequest) -> HttpResponse:
    """Every operation, to be read and tried; the assets are the site's own, so the strict CSP holds."""
    return render(request, "api/docs.html")
