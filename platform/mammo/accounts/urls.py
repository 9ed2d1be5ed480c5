"""Addresses of accounts beside allauth's own: the session, the audit trail; and what stays closed of allauth's."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.generic import TemplateView

from mammo.accounts import views

app_name = "accounts"


def closed(request: HttpRequest) -> HttpResponse:
    """Signing up, e-mail addresses and passwords by mail: an administrator makes accounts, nobody else."""
    raise Http404


urlpatterns = [
    path("session/", views.session, name="session"),
    path("audit/", views.audit_trail, name="audit"),
    path(
        "password/reset/",
        TemplateView.as_view(template_name="account/password_reset.html"),
        name="password-forgotten",
    ),
    re_path(
        r"^(?:signup|email|confirm-email|password/set|password/reset/.+|login/code)(?:/|$)",
        closed,
        name="closed",
    ),
]
