"""Addresses, grouped by noun; every app brings its own."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.generic import TemplateView

from mammo.accounts.recovery_codes import download_recovery_codes
from mammo.core.views import home, home_progress


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the web process is alive."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", home, name="home"),
    path("home/progress/", home_progress, name="home_progress"),
    path("healthz", healthz, name="healthz"),
    path("accounts/", include("mammo.accounts.urls")),
    path("accounts/", include("allauth.account.urls")),
    # allauth's own page, put on record; the address and its name stay.
    path(
        "accounts/2fa/recovery-codes/download/", download_recovery_codes, name="mfa_download_recovery_codes"
    ),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/", include("mammo.api_urls")),
    path("jobs/", include("mammo.jobs.urls")),
    path("archive/", include("mammo.archive.urls")),
    path("annotation/", include("annotation.urls")),
    path("modeling/", include("modeling.urls")),
    path("evaluation/", include("evaluation.urls")),
    path("admin/", admin.site.urls),
    path("about/", TemplateView.as_view(template_name="about.html"), name="about"),
]
