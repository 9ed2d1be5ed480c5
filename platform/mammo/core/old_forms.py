"""What a form is answered whose proof against forged ones is missing or old (CSRF): a page, or the view's own answer."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.csrf import csrf_failure

_OWN_ANSWERS: dict[str, Callable[..., HttpResponse]] = {}


def answered_by(own: Callable[..., HttpResponse]) -> Callable[[Any], Any]:
    """Decorate a view whose people don't know the platform: `own(request, **kwargs)` tells them what is to be done."""

    def register(view: Any) -> Any:
        _OWN_ANSWERS[f"{view.__module__}.{view.__qualname__}"] = own
        return view

    return register


def too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer the refused form; nothing of it was done (`CSRF_FAILURE_VIEW`)."""
    match = request.resolver_match
    if match is not None:
        own = _OWN_ANSWERS.get(f"{match.func.__module__}.{getattr(match.func, '__qualname__', '')}")
        if own is not None:
            return own(request, **match.kwargs)
    return csrf_failure(request, reason=reason)
