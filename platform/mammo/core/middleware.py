"""Responses: user errors in plain words, nothing of a patient cached, headers on static files."""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from mammo.core.conflicts import both_texts, posted_as_text
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError

GetResponse = Callable[[HttpRequest], HttpResponse]


FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class NoNulMiddleware:
    """Answers 400 to a NUL in address, cookies or form: no text of ours has one, and PostgreSQL stores none.

    Programs are answered as by the interface itself.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        cookies = [(name, [value]) for name, value in request.COOKIES.items()]
        if "\0" in request.path or _has_nul(request.GET.lists()) or _has_nul(cookies):
            if request.path.startswith("/api/"):
                said = _("There is a NUL in the address or in a cookie; leave it out.")
                return JsonResponse({"code": "invalid", "detail": said}, status=400)
            raise BadRequest("a NUL in the address or in a cookie")
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Look at a form, which the guard against forged ones reads as well; any other body is left to its view."""
        is_left = getattr(view, "csrf_exempt", False)  # the interface and pushes read their bodies themselves
        if request.method == "POST" and request.content_type in FORMS and not is_left:
            names = [(name, [file.name or "" for file in many]) for name, many in request.FILES.lists()]
            if _has_nul(request.POST.lists()) or _has_nul(names):
                raise BadRequest("a NUL in a field of a form")


def _has_nul(fields: Iterable[tuple[str, list[str]]]) -> bool:
    return any("\0" in name or any("\0" in value for value in values) for name, values in fields)


class UserErrorMiddleware:
    """Turns the errors a user can mend into pages: 400, 404 (also for what is forbidden) or 409."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer UserError and its kinds; anything else goes on to Django.

        A save that came second, which its view did not answer in its own words, keeps what was sent on the page.
        """
        if isinstance(exception, NotAllowedError):
            raise Http404
        if not isinstance(exception, UserError):
            return None
        if isinstance(exception, StaleVersionError) and exception.current is not None:
            stored = (
                exception.current
                if isinstance(exception.current, str)
                else _("Load the page again to see it.")
            )
            return both_texts(request, stored=stored, sent=posted_as_text(request), note=str(exception))
        status = 409 if isinstance(exception, WrongStateError | StaleVersionError) else 400
        if getattr(request, "htmx", False):
            return render(request, "_user_error.html", {"message": str(exception)}, status=status)
        messages.error(request, str(exception))
        return render(request, "user_error.html", {"message": str(exception)}, status=status)


class NoStoreMiddleware:
    """Pages are never kept by the browser: they hold patients' texts."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


# What no page of the platform needs; security keys are used on our own pages alone.
PERMISSIONS_POLICY = ", ".join(
    [
        *(
            f"{feature}=()"
            for feature in (
                "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope",
                "magnetometer", "microphone", "midi", "payment", "usb",
            )
        ),
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    ]
)  # fmt: skip
HEADERS = {
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SecurityHeadersMiddleware:
    """Every answer carries the headers: pages, static files, images, downloads, errors, data."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def static_headers(headers: Any, path: str, url: str) -> None:
    """Static files carry the page's Content-Security-Policy: a worker obeys its own response's."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    headers["Content-Security-Policy"] = "; ".join(
        f"{name} {' '.join(values)}" for name, values in directives.items()
    )
    headers["X-Content-Type-Options"] = "nosniff"
